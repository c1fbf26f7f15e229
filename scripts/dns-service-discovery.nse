local dnssd = require "dnssd"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Asks a host for the services it announces by multicast DNS (RFC 6762, RFC 6763).

Each service is shown with its port, what it says of itself and the host's addresses.
]]

---
-- @usage
-- perilune -sU -p 5353 --script dns-service-discovery TARGET
--
-- @output
-- 5353/udp open  zeroconf
-- | dns-service-discovery:
-- |   8080/tcp http
-- |     path=/admin
-- |     Address=192.0.2.50 fe80::1
-- |   Device Information
-- |_    model=Xserve

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.portnumber(5353, "udp")

action = function (host, port)
  local helper = dnssd.Helper:new(host, port)
  local status, result = helper:queryServices()
  if not status then return nil end
  nmap.set_port_state(host, port, "open")
  return stdnse.format_output(true, result)
end
