local ipOps = require "ipOps"
local netbios = require "netbios"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Asks the NetBIOS name service of a host for the addresses of the host's own name. A host with several interfaces names
them all, which shows networks behind it.
]]

---
-- @usage
-- perilune -sU -p 137 --script nbns-interfaces TARGET
--
-- @output
-- 137/udp open  netbios-ns
-- | nbns-interfaces:
-- |   hostname: FILESRV
-- |   interfaces:
-- |     192.0.2.10
-- |_    198.51.100.10
--
-- @xmloutput
-- <elem key="hostname">FILESRV</elem>
-- <table key="interfaces">
--   <elem>192.0.2.10</elem>
--   <elem>198.51.100.10</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = function (host, port)
  return port.protocol == "udp" and port.number == 137
end

-- Octets of one address in an answer: its flags and itself (RFC 1002, 4.2.13).
local ENTRY_LEN = 6

action = function (host, port)
  local status, name = netbios.get_server_name(host)
  if not status or not name then return nil end
  local answers
  status, answers = netbios.nbquery(host, name)
  if not status then
    stdnse.debug1("%s", tostring(answers))
    return nil
  end
  local result = stdnse.output_table()
  result.hostname = name
  result.interfaces = {}
  for _, answer in ipairs(answers) do
    for at = 1, #answer.data - ENTRY_LEN + 1, ENTRY_LEN do
      local address = ipOps.str_to_ip(string.sub(answer.data, at + 2, at + ENTRY_LEN - 1))
      if address then result.interfaces[#result.interfaces + 1] = address end
    end
  end
  if #result.interfaces == 0 then return nil end
  nmap.set_port_state(host, port, "open")
  return result
end
