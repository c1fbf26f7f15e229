local nmap = require "nmap"
local shortport = require "shortport"
local stun = require "stun"

description = [[
Asks a STUN server what it calls itself and sets the port's version (attribute SOFTWARE, RFC 5389, 15.10).
]]

---
-- @usage
-- perilune -sU -sV -p 3478 TARGET
--
-- @output
-- PORT     STATE SERVICE VERSION
-- 3478/udp open  stun    Vovida.org 0.96

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "version" }

portrule = shortport.version_port_or_service(3478, "stun", "udp")

action = function (host, port)
  local helper = stun.Helper:new(host, port)
  local status, version = helper:connect()
  if status then status, version = helper:getVersion() end
  helper:close()
  if not status then return nil end
  nmap.set_port_state(host, port, "open")
  port.version.name = "stun"
  port.version.product = version or port.version.product
  nmap.set_port_version(host, port, "hardmatched")
  return nil
end
