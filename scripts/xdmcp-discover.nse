local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local xdmcp = require "xdmcp"

description = [[
Asks an X display manager for a session by XDMCP, and shows its answer: name and status of the machine, and how the
session is authorized. Whoever gets one sees the login screen from afar, and all that is typed goes over the network in
the clear.
]]

---
-- @usage
-- perilune -sU -p 177 --script xdmcp-discover TARGET
--
-- @output
-- 177/udp open  xdmcp
-- | xdmcp-discover:
-- |   Hostname: lab1
-- |   Status: Linux 6.1
-- |   Session id: 0x0000703E
-- |   Authorization name: MIT-MAGIC-COOKIE-1
-- |_  Authorization data: c282137c9bf8e2af88879e6eaa922326

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service({ 177 }, { "xdmcp" }, "udp")

action = function (host, port)
  local helper = xdmcp.Helper:new(host, port, { timeout = 5000 })
  local status, err = helper:connect()
  if not status then return stdnse.format_output(false, err) end
  local result = stdnse.output_table()
  local ok, session = helper:createSession(nil, { "MIT-MAGIC-COOKIE-1", "XDM-AUTHORIZATION-1" }, 0)
  if helper.willing then
    nmap.set_port_state(host, port, "open")
    if helper.willing.hostname ~= "" then result.Hostname = helper.willing.hostname end
    if helper.willing.status ~= "" then result.Status = helper.willing.status end
  end
  if ok then
    result["Session id"] = ("0x%.8X"):format(session.session_id)
    if session.authr_name ~= "" then
      result["Authorization name"] = session.authr_name
      result["Authorization data"] = stdnse.tohex(session.authr_data)
    end
  else
    stdnse.debug1("%s", session)
  end
  if #result == 0 then return nil end
  return result
end
