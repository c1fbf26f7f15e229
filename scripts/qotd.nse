local comm = require "comm"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the quote of the day (RFC 865).
]]

---
-- @usage
-- perilune -p 17 --script qotd TARGET
--
-- @output
-- PORT   STATE SERVICE
-- 17/tcp open  qotd
-- |_qotd: "One small step"

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(17, "qotd", { "tcp", "udp" })

local SHOWN_LEN_MAX = 512

action = function (host, port)
  local status, text = comm.exchange(host, port, port.protocol == "udp" and "\r\n" or "", { lines = 1 })
  if not status then
    stdnse.debug1("no answer: %s", text)
    return nil
  end
  text = string.gsub(string.sub(text, 1, SHOWN_LEN_MAX), "\r", "")
  return (string.gsub(text, "\n+$", ""))
end
