local comm = require "comm"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Asks a finger server who is logged in (RFC 1288).
]]

---
-- @usage
-- perilune -p 79 --script finger TARGET
--
-- @output
-- PORT   STATE SERVICE
-- 79/tcp open  finger
-- |_finger: No one logged on.

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(79, "finger", "tcp")

local SHOWN_LEN_MAX = 8192

action = function (host, port)
  local status, text = comm.exchange(host, port, "\r\n", { lines = 100, proto = "tcp", timeout = 5000 })
  if not status then
    stdnse.debug1("no answer: %s", text)
    return nil
  end
  text = string.gsub(string.sub(text, 1, SHOWN_LEN_MAX), "\r", "")
  if not string.find(text, "%S") then return nil end
  return (string.gsub(text, "\n+$", ""))
end
