local comm = require "comm"
local datetime = require "datetime"
local math = require "math"
local nmap = require "nmap"
local os = require "os"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the time that a time service tells (RFC 868), and how wide its number is.
]]

---
-- @usage
-- perilune -p 37 --script rfc868-time TARGET
--
-- @output
-- PORT   STATE SERVICE VERSION
-- 37/tcp open  time    (32 bits)
-- |_rfc868-time: 2025-11-27T22:00:00

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe", "version" }

portrule = shortport.version_port_or_service(37, "time", { "tcp", "udp" })

-- Seconds from 1900 to 1970.
local EPOCH = 2208988800
-- A number that is further from our clock, in seconds, is no time: some other service has answered.
local SKEW_MAX = 50 * 365 * 86400
local WIDTHS = { [4] = ">I4", [8] = ">i8" }

action = function (host, port)
  local status, answer = comm.exchange(host, port, "", { bytes = 4, timeout = 5000 })
  if not status then
    stdnse.debug1("no answer: %s", answer)
    return nil
  end
  local width = WIDTHS[#answer]
  if not width then return nil end
  local received = os.time()
  local seconds = string.unpack(width, answer) - EPOCH
  -- The number of 32 bits begins anew in 2036.
  if #answer == 4 and seconds < 0 then seconds = seconds + (1 << 32) end
  if math.abs(seconds - received) > SKEW_MAX then
    stdnse.debug1("%d is no time of today", seconds)
    return nil
  end
  port.version.name = "time"
  port.version.extrainfo = string.format("%d bits", 8 * #answer)
  nmap.set_port_version(host, port, "hardmatched")
  datetime.record_skew(host, seconds, received)
  return datetime.format_timestamp(seconds)
end
