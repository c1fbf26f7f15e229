local nmap = require "nmap"
local rand = require "rand"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Asks a Murmur server (Mumble voice chat) for its version, its users and their bandwidth: one datagram, which the server
answers without a password, tells of the control port (TCP), too.
]]

---
-- @usage
-- perilune -sV -p 64738 TARGET
--
-- @output
-- 64738/tcp open  murmur  Murmur 1.3.4 (control port; users: 3; max. users: 100; bandwidth: 72000 b/s)

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "version" }

portrule = shortport.version_port_or_service(64738, "murmur", { "tcp", "udp" })

local TIMEOUT_MS = 3000
local ANSWER_LEN = 24

action = function (host, port)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(TIMEOUT_MS)
  local ident = rand.random_string(8)
  local status, answer = socket:sendto(host, port.number, "\0\0\0\0" .. ident)
  if status then status, answer = socket:receive_bytes(ANSWER_LEN) end
  socket:close()
  if not status or #answer < ANSWER_LEN or string.sub(answer, 5, 12) ~= ident then
    stdnse.debug1("no answer to the ping: %s", not status and answer or #answer)
    return nil
  end

  local _, major, minor, patch, _, users, users_max, bandwidth = string.unpack(">BBBBc8I4I4I4", answer)
  port.version.name, port.version.product = "murmur", "Murmur"
  port.version.version = ("%d.%d.%d"):format(major, minor, patch)
  port.version.extrainfo = ("%s port; users: %d; max. users: %d; bandwidth: %d b/s"):format(
    port.protocol == "tcp" and "control" or "voice", users, users_max, bandwidth)
  nmap.set_port_version(host, port, "hardmatched")
  -- A datagram came back.
  if port.protocol == "udp" and port.state == "open|filtered" then nmap.set_port_state(host, port, "open") end
  return nil
end
