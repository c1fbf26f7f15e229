local comm = require "comm"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the time that a daytime service tells (RFC 867).
]]

---
-- @usage
-- perilune -p 13 --script daytime TARGET
--
-- @output
-- PORT   STATE SERVICE
-- 13/tcp open  daytime
-- |_daytime: Fri Nov 27 22:00:00 2026

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(13, "daytime", { "tcp", "udp" })

local SHOWN_LEN_MAX = 512

action = function (host, port)
  -- A service by TCP speaks without being asked.
  local status, text = comm.exchange(host, port, port.protocol == "udp" and "\r\n" or "", { lines = 1 })
  if not status then
    stdnse.debug1("no answer: %s", text)
    return nil
  end
  return (string.gsub(string.sub(text, 1, SHOWN_LEN_MAX), "[\r\n]+$", ""))
end
