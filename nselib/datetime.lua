---
-- Dates, times and differences of times.
--
-- Timestamps are seconds since 1970-01-01 00:00:00 UTC; date tables are those of <code>os.date</code>.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local os = require "os"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("datetime", stdnse.seeall)

-- Days from 1970-01-01 to a date of the Gregorian calendar. The year starts in March here, so that the leap day is
-- its last day.
local function days_from_date (year, month, day)
  year = year + (month - 1) // 12
  month = (month - 1) % 12 + 1
  if month <= 2 then
    year = year - 1
    month = month + 12
  end
  local day_of_year = (153 * (month - 3) + 2) // 5 + day - 1
  return 365 * year + year // 4 - year // 100 + year // 400 + day_of_year - 719468
end

-- A date table read as if it were UTC. Like os.time, a missing hour is noon.
local function utc_seconds (date)
  local days = days_from_date(date.year, date.month, date.day)
  return ((days * 24 + (date.hour or 12)) * 60 + (date.min or 0)) * 60 + (date.sec or 0)
end

--- Returns the difference between local time and UTC.
-- @param t The timestamp it is wanted for. Default: now.
-- @return Seconds to add to UTC to get local time.
function utc_offset (t)
  t = t or os.time()
  return utc_seconds(os.date("*t", t)) - t // 1
end

--- Converts a date table to a timestamp.
-- @param date_t The date table.
-- @param offset Seconds that the date's clock is ahead of UTC. Default: the date is in local time.
-- @return A timestamp.
function date_to_timestamp (date_t, offset)
  if not offset then
    -- Neither daylight saving nor the zone is in the table: take the offset of the moment it names.
    offset = utc_offset(utc_seconds(date_t))
  end
  return utc_seconds(date_t) - offset
end

--- Formats a date in the form of RFC 3339.
-- @param t A timestamp or a date table.
-- @param offset Seconds that the wanted clock is ahead of UTC; it is shown in the result. Nil shows none. A date table
--               is shown as it is, without offset.
-- @return A string such as <code>2012-09-07T23:37:42+00:00</code>.
function format_timestamp (t, offset)
  if type(t) == "table" then
    return string.format("%04d-%02d-%02dT%02d:%02d:%02d", t.year, t.month, t.day, t.hour or 0, t.min or 0, t.sec or 0)
  end
  local zone = ""
  if offset then
    local minutes = math.floor(math.abs(offset) / 60)
    zone = string.format("%s%02d:%02d", offset < 0 and "-" or "+", minutes // 60, minutes % 60)
  end
  return os.date("!%Y-%m-%dT%H:%M:%S", math.floor(t + (offset or 0))) .. zone
end

--- Formats a length of time.
-- @usage datetime.format_time(100000) --> "1d03h46m40s"
-- @usage datetime.format_time(5123, 1000) --> "5.123s"
-- @param interval The length; negative ones get a sign.
-- @param unit How many of the interval's units make a second, as 1000 for milliseconds. Default 1. It also decides
--             how many decimals the seconds have.
-- @return A string of days, hours, minutes and seconds; leading parts that are zero are left out.
function format_time (interval, unit)
  unit = unit or 1
  local precision = math.ceil(math.log(unit, 10) - 1e-9)
  -- Rounding first keeps 59.999 from being shown as 60 seconds.
  local ticks = math.floor(math.abs(interval) / unit * 10 ^ precision + 0.5)
  local scale = math.floor(10 ^ precision)
  local whole, fraction = ticks // scale, ticks % scale
  local sign = interval < 0 and ticks > 0 and "-" or ""
  local decimals = precision > 0 and string.format(".%0" .. precision .. "d", fraction) or ""

  local days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
  local seconds = whole % 60
  if days > 0 then
    return string.format("%s%dd%02dh%02dm%02d%ss", sign, days, hours, minutes, seconds, decimals)
  elseif hours > 0 then
    return string.format("%s%dh%02dm%02d%ss", sign, hours, minutes, seconds, decimals)
  elseif minutes > 0 then
    return string.format("%s%dm%02d%ss", sign, minutes, seconds, decimals)
  end
  return string.format("%s%d%ss", sign, seconds, decimals)
end

--- Formats the difference of two dates.
-- @param t2 A date table.
-- @param t1 The date table to subtract.
-- @return A string such as <code>+1h05m02s</code>; <code>0s</code> for no difference.
function format_difftime (t2, t1)
  local difference = utc_seconds(t2) - utc_seconds(t1)
  return (difference > 0 and "+" or "") .. format_time(difference)
end

--- Notes how far a host's clock is from ours.
--
-- The differences are kept in <code>host.registry.datetime_skew</code>, one list for each script, where a script that
-- reports on clocks finds them.
-- @param host The host table.
-- @param timestamp What the host says the time is.
-- @param received When it said so, by our clock. Default: now.
function record_skew (host, timestamp, received)
  local skews = host.registry.datetime_skew or {}
  host.registry.datetime_skew = skews
  local id = stdnse.getid() or "unknown"
  local list = skews[id] or {}
  skews[id] = list
  list[#list + 1] = timestamp - (received or os.time())
end

return _ENV
