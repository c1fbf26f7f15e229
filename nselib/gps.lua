---
-- Sentences of NMEA 0183, which receivers of satellite navigation send.
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local string = require "string"
local os = require "os"
_ENV = stdnse.module("gps", stdnse.seeall)

--- Reads sentences.
-- @class table
-- @name NMEA
NMEA = {}

-- "ddmm.mmmm" as degrees, negative in the south and the west.
local function degrees (text, side)
  local whole, minutes = string.match(text, "^(%d+)(%d%d%.?%d*)$")
  if not whole then return nil end
  local value = tonumber(whole) + tonumber(minutes) / 60
  if side == "S" or side == "W" then value = -value end
  return value
end

--- The recommended minimum: time, place, speed, course.
NMEA.RMC = {}
NMEA.RMC.__index = NMEA.RMC

--- Makes a sentence of its fields.
-- @return The sentence.
function NMEA.RMC:new (time, status, latitude, longitude, speed, angle, date, variation)
  return setmetatable({ time = time, status = status, latitude = latitude, longitude = longitude, speed = speed,
    angle = angle, date = date, variation = variation }, self)
end

--- Reads a sentence.
-- @param str The sentence, without what is in front of <code>$</code>.
-- @return A table with <code>time</code>, <code>status</code>, <code>latitude</code>, <code>longitude</code>,
--         <code>speed</code>, <code>angle</code>, <code>date</code>; or nil.
function NMEA.RMC.parse (str)
  local time, status, lat, ns, lon, ew, speed, angle, date =
    string.match(str, "^%$%a%aRMC,([%d%.]*),(%a?),([%d%.]*),(%a?),([%d%.]*),(%a?),([%d%.]*),([%d%.]*),(%d*),")
  if not time then return nil end
  return NMEA.RMC:new(time, status, degrees(lat, ns), degrees(lon, ew), tonumber(speed), tonumber(angle), date)
end

--- The check sum of a sentence: what stands between <code>$</code> and <code>*</code>, by exclusive or.
-- @param str The sentence.
-- @return The sum as two hexadecimal digits.
function NMEA.checksum (str)
  local body = string.match(str, "^%$?([^*]*)")
  local sum = 0
  for i = 1, #body do sum = sum ~ string.byte(body, i) end
  return ("%02X"):format(sum)
end

--- Reads a sentence.
-- @param str The sentence.
-- @return True or false.
-- @return A table as the sentence's kind has it, or an error.
function NMEA.parse (str)
  str = string.match(str or "", "^%s*(%$[^\r\n]*)")
  if not str then return false, "not a sentence of NMEA" end
  local sum = string.match(str, "%*(%x%x)%s*$")
  if sum and string.upper(sum) ~= NMEA.checksum(str) then return false, "the check sum is wrong" end
  local kind = string.match(str, "^%$%a%a(%u%u%u),")
  local reader = kind and NMEA[kind]
  if not reader then return false, "the kind of sentence is not known" end
  local entry = reader.parse(str)
  if not entry then return false, "the sentence is malformed" end
  return true, entry
end

--- Helpers.
-- @class table
-- @name Util
Util = {}

--- Seconds since 1970 of a date and a time, both of six digits.
-- @param date <code>ddmmyy</code>.
-- @param time <code>hhmmss</code>, fractions ignored.
-- @return The seconds, or nil.
function Util.convertTime (date, time)
  local day, month, year = string.match(date or "", "^(%d%d)(%d%d)(%d%d)$")
  local hour, minute, second = string.match(time or "", "^(%d%d)(%d%d)(%d%d)")
  if not day or not hour then return nil end
  -- The system began in 1980.
  year = tonumber(year) + (tonumber(year) < 80 and 2000 or 1900)
  return os.time({ year = year, month = tonumber(month), day = tonumber(day), hour = tonumber(hour),
    min = tonumber(minute), sec = tonumber(second) })
end

return _ENV
