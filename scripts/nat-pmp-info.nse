local natpmp = require "natpmp"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Asks a router for its public address by the NAT Port Mapping Protocol (RFC 6886).
]]

---
-- @usage
-- perilune -sU -p 5351 --script nat-pmp-info TARGET
--
-- @output
-- 5351/udp open  nat-pmp
-- | nat-pmp-info:
-- |_  WAN IP: 192.0.2.77
--
-- @xmloutput
-- <elem key="WAN IP">192.0.2.77</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(5351, "nat-pmp", "udp")

action = function (host, port)
  local helper = natpmp.Helper:new(host, port)
  local status, response = helper:getWANIP()
  if not status then
    stdnse.debug1("%s", tostring(response))
    return nil
  end
  nmap.set_port_state(host, port, "open")
  port.version.name = "nat-pmp"
  nmap.set_port_version(host, port)
  local result = stdnse.output_table()
  result["WAN IP"] = response.ip
  return result
end
