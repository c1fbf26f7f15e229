local datetime = require "datetime"
local math = require "math"
local nmap = require "nmap"
local os = require "os"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the clock of a time server and, if it answers questions about itself, its variables: version, system, stratum,
the clock it follows and others.

Two packets are sent: an ordinary question for the time (RFC 5905)
  and a control message that reads the system's variables
(RFC 9327).
]]

---
-- @usage
-- perilune -sU -p 123 --script ntp-info TARGET
--
-- @output
-- 123/udp open  ntp
-- | ntp-info:
-- |   receive time stamp: 2026-11-27T23:20:01
-- |   version: ntpd 4.2.8p15
-- |   processor: x86_64
-- |   system: Linux/6.1.0
-- |_  stratum: 2
--
-- @xmloutput
-- <elem key="receive time stamp">2026-11-27T23:20:01</elem>
-- <elem key="version">ntpd 4.2.8p15</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(123, "ntp", { "udp", "tcp" })

-- Seconds between 1900 and 1970 (RFC 5905, section 6).
local EPOCH_1900 = 2208988800
local PACKET_LEN = 48
-- Variables that say something about the host come first, in this order.
local FIRST = { "version", "processor", "system", "leap", "stratum", "precision", "rootdelay", "rootdisp", "refid",
  "reftime", "clock", "peer", "offset", "frequency", "jitter" }

local function exchange (host, port, request)
  local socket = nmap.new_socket(port.protocol)
  socket:set_timeout(math.max(stdnse.get_timeout(host), 2000))
  local status, answer = socket:connect(host, port)
  if status then status, answer = socket:send(request) end
  if status then status, answer = socket:receive() end
  socket:close()
  return status and answer or nil
end

-- The time at which the server got our question.
local function ask_time (host, port)
  -- Version 4, a client's question; no other field matters.
  local answer = exchange(host, port, "\xe3\0\4\xfa\0\1\0\0\0\1\0\0" .. string.rep("\0", PACKET_LEN - 12))
  -- Mode 4 is a server's: whatever sends back what it is sent, or something else, tells no time.
  if not answer or #answer < PACKET_LEN or string.byte(answer) & 7 ~= 4 then return nil end
  local seconds = string.unpack(">I4", answer, 33)
  if seconds == 0 then return nil end
  -- The first era ends in 2036: small numbers are in the next one (section 6).
  if seconds < 0x80000000 then seconds = seconds + (1 << 32) end
  return seconds - EPOCH_1900
end

-- Names and values, with commas between them; values may be quoted.
local function parse_variables (text)
  local values, names, pos = {}, {}, 1
  while pos <= #text do
    local _, stop, name = string.find(text, "^[%s,]*([%w_.-]+)%s*", pos)
    if not stop then break end
    pos = stop + 1
    local value = ""
    if string.sub(text, pos, pos) == "=" then
      local _, quoted_stop, quoted = string.find(text, '^=%s*"([^"]*)"', pos)
      if quoted_stop then
        value, pos = quoted, quoted_stop + 1
      else
        local _, plain_stop, plain = string.find(text, "^=([^,\r\n]*)", pos)
        value, pos = plain, plain_stop + 1
      end
    end
    names[#names + 1], values[name] = name, value
  end
  return names, values
end

-- A control message of version 2 that reads the variables of association 0, the system (RFC 9327, section 2).
local function ask_variables (host, port)
  local answer = exchange(host, port, "\x16\2\0\1\0\0\0\0\0\0\0\0")
  if not answer or #answer < 12 then return nil end
  local first, second = string.byte(answer, 1, 2)
  -- A response without error to the same operation.
  if first & 7 ~= 6 or second & 0xc0 ~= 0x80 or second & 0x1f ~= 2 then return nil end
  local len = string.unpack(">I2", answer, 11)
  return parse_variables(string.sub(answer, 13, 12 + len))
end

action = function (host, port)
  local result = stdnse.output_table()
  local time = ask_time(host, port)
  if time then
    datetime.record_skew(host, time, os.time())
    result["receive time stamp"] = os.date("!%Y-%m-%dT%H:%M:%S", time)
  end
  local names, values = ask_variables(host, port)
  if names then
    for _, name in ipairs(FIRST) do
      if values[name] then result[name] = values[name] end
    end
    for _, name in ipairs(names) do
      if result[name] == nil then result[name] = values[name] end
    end
  end
  if #result == 0 then return nil end
  if port.protocol == "udp" then nmap.set_port_state(host, port, "open") end
  if values and values.version then
    port.version.name = port.version.name or "ntp"
    port.version.product = port.version.product or "NTP"
    port.version.version = port.version.version or string.match(values.version, "ntpd ([%w.]+)")
    nmap.set_port_version(host, port, "hardmatched")
  end
  return result
end
