local gps = require "gps"
local json = require "json"
local match = require "match"
local nmap = require "nmap"
local os = require "os"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows version, time, place and speed that a gpsd server tells.
]]

---
-- @args gpsd-info.timeout How long to wait for a position, such as <code>10s</code>. Default: <code>10s</code>.
--
-- @usage
-- perilune -p 2947 --script gpsd-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 2947/tcp open  gpsd
-- | gpsd-info:
-- |   Version: 3.22
-- |   Time of fix: 2026-11-27T10:00:00.000Z
-- |   Coordinates: 48.100000,11.500000
-- |_  Speed: 0.5 m/s

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(2947, { "gpsd", "gpsd-ng" }, "tcp")

local LINE_LEN_MAX = 65536
local LINES_MAX = 200

-- One line is one object; gpsd of old sent sentences of the receiver as they were.
local function read_line (line, result)
  local ok, object = json.parse(line)
  if ok and type(object) == "table" then
    if object.class == "VERSION" and object.release then result["Version"] = tostring(object.release) end
    if object.class == "DEVICE" and object.path then result["Device"] = tostring(object.path) end
    if object.class == "TPV" and type(object.lat) == "number" and type(object.lon) == "number" then
      if object.time then result["Time of fix"] = tostring(object.time) end
      result["Coordinates"] = ("%f,%f"):format(object.lat, object.lon)
      if type(object.speed) == "number" then result["Speed"] = ("%s m/s"):format(object.speed) end
      return true
    end
    return false
  end
  local status, entry = gps.NMEA.parse(line)
  if status and entry.latitude and entry.longitude then
    local seconds = gps.Util.convertTime(entry.date, entry.time)
    if seconds then result["Time of fix"] = os.date("!%c", seconds) end
    result["Coordinates"] = ("%f,%f"):format(entry.latitude, entry.longitude)
    if entry.speed then result["Speed"] = ("%s knots"):format(entry.speed) end
    return true
  end
  return false
end

action = function (host, port)
  local wait = stdnse.parse_timespec(stdnse.get_script_args(SCRIPT_NAME .. ".timeout") or "10s") or 10
  local socket = nmap.new_socket()
  socket:set_timeout(stdnse.get_timeout(host, 10000, 1000))
  if not socket:connect(host, port) then return nil end
  local result = stdnse.output_table()
  local stop = nmap.clock_ms() + wait * 1000
  socket:send('?WATCH={"enable":true,"json":true}\r\n')
  for _ = 1, LINES_MAX do
    local left = stop - nmap.clock_ms()
    if left < 1 then break end
    socket:set_timeout(left)
    local status, line = socket:receive_buf(match.pattern_limit("\r?\n", LINE_LEN_MAX), false)
    if not status or read_line(line, result) then break end
  end
  socket:close()
  if #result == 0 then return nil end
  return result
end
