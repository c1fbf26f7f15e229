local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stun = require "stun"

description = [[
Asks a STUN server from which address our packets come (RFC 5389): the address of this machine beyond translation.
]]

---
-- @usage
-- perilune -sU -p 3478 --script stun-info TARGET
--
-- @output
-- 3478/udp open  stun
-- | stun-info:
-- |_  External IP: 192.0.2.77

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(3478, "stun", "udp")

action = function (host, port)
  local helper = stun.Helper:new(host, port)
  local status, address = helper:connect()
  if status then status, address = helper:getExternalAddress() end
  helper:close()
  if not status then
    stdnse.debug1("%s", tostring(address))
    return nil
  end
  nmap.set_port_state(host, port, "open")
  local result = stdnse.output_table()
  result["External IP"] = address
  return result
end
