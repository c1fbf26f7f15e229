local ike = require "ike"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Learns from a device's first answers in an Internet Key Exchange what it is.

Vendor identifiers in the answers (RFC 2408, 3.16) tell the product or the extensions it has. Both modes are tried, main
and aggressive, with the transforms that most devices accept.
]]

---
-- @usage
-- perilune -sU -sV -p 500 TARGET
--
-- @output
-- PORT    STATE SERVICE VERSION
-- 500/udp open  isakmp  Microsoft Windows
-- | ike-version:
-- |   attributes:
-- |_    Dead Peer Detection v1.0
--
-- @xmloutput
-- <table key="attributes">
--   <elem>Dead Peer Detection v1.0</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe", "version" }

portrule = shortport.version_port_or_service(500, "isakmp", "udp")

local TRANSFORMS = {}
for _, encryption in ipairs({ "AES/256", "AES/128", "3DES", "DES" }) do
  for _, hash in ipairs({ "SHA1", "MD5" }) do
    for _, auth in ipairs({ "PSK", "RSA" }) do
      TRANSFORMS[#TRANSFORMS + 1] = { encryption = encryption, hash = hash, auth = auth }
    end
  end
end

action = function (host, port)
  local answered, vendor = false, nil
  local attributes, seen = {}, {}
  for _, mode in ipairs({ "Main", "Aggressive" }) do
    local packet = ike.request(port.number, port.protocol, mode, TRANSFORMS, 2, "vpngroup")
    local answer = ike.send_request(host, port, packet)
    if answer.mode then
      answered = true
      vendor = vendor or answer.info.vendor
      for _, attribute in ipairs(answer.info.attribs) do
        if not seen[attribute.text] then
          seen[attribute.text] = true
          attributes[#attributes + 1] = attribute.text
        end
      end
    end
  end
  if not answered then return nil end
  nmap.set_port_state(host, port, "open")
  port.version.name = "isakmp"
  if vendor then
    port.version.product = vendor.name
    port.version.version = vendor.version
  end
  nmap.set_port_version(host, port, "hardmatched")
  local result = stdnse.output_table()
  if #attributes > 0 then result.attributes = attributes end
  return #result > 0 and result or nil
end
