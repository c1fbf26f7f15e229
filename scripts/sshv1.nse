local comm = require "comm"
local shortport = require "shortport"
local string = require "string"

description = [[
Looks whether an SSH server still speaks version 1 of the protocol, which can be broken.

Its greeting tells: version 1.99 stands for both (RFC 4253, 5.1).
]]

---
-- @usage
-- perilune -p 22 --script sshv1 TARGET
--
-- @output
-- 22/tcp open  ssh
-- |_sshv1: Server supports SSHv1
--
-- @xmloutput
-- true

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe" }

portrule = shortport.ssh

action = function (host, port)
  local status, greeting = comm.get_banner(host, port, { lines = 1 })
  if not status then return nil end
  local major, minor = string.match(greeting, "SSH%-(%d+)%.(%d+)%-")
  if major ~= "1" then return nil end
  if minor == "99" then return true, "Server supports SSHv1" end
  return true, "Server supports SSHv1 only"
end
