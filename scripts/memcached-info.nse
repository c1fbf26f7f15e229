local datetime = require "datetime"
local match = require "match"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows process, uptime, time, load, connections and settings of a memcached server, by TCP or UDP.
]]

---
-- @usage
-- perilune -p 11211 --script memcached-info TARGET
-- perilune -sU -p 11211 --script memcached-info TARGET
--
-- @output
-- PORT      STATE SERVICE
-- 11211/tcp open  memcache
-- | memcached-info:
-- |   Process ID: 18568
-- |   Uptime: 6950 seconds
-- |   Server time: 2026-11-27T14:24:20
-- |   Architecture: 64 bit
-- |   Used CPU (user): 0.172010
-- |   Used CPU (system): 0.200012
-- |   Current connections: 10
-- |   Total connections: 78
-- |   Maximum connections: 1024
-- |   TCP Port: 11211
-- |   UDP Port: 11211
-- |_  Authentication: no

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(11211, { "memcached", "memcache" }, { "tcp", "udp" })

local REPLY_LEN_MAX = 65536

-- What the settings and counters are called, and how they are shown.
local FIELDS = {
  { "pid", "Process ID" },
  { "uptime", "Uptime", function (value) return value .. " seconds" end },
  { "time", "Server time", function (value)
    local seconds = tonumber(value)
    return seconds and datetime.format_timestamp(seconds) or value
  end },
  { "pointer_size", "Architecture", function (value) return value .. " bit" end },
  { "rusage_user", "Used CPU (user)" },
  { "rusage_system", "Used CPU (system)" },
  { "curr_connections", "Current connections" },
  { "total_connections", "Total connections" },
  { "maxconns", "Maximum connections" },
  { "tcpport", "TCP Port" },
  { "udpport", "UDP Port" },
  { "auth_enabled_sasl", "Authentication" },
}

-- Datagrams begin with a number, their place, their count and two zero bytes.
local UDP_HEAD = "\0\1\0\0\0\1\0\0"

local function receive_tcp (socket)
  local status, data = socket:receive_buf(match.pattern_limit("END\r\n", REPLY_LEN_MAX), true)
  return status and data or nil
end

-- The datagrams of an answer may come in any order.
local function receive_udp (socket)
  local parts, count, len = {}, nil, 0
  repeat
    local status, data = socket:receive()
    if not status or #data < 8 then return nil end
    local _, place, total = string.unpack(">I2I2I2", data)
    parts[place + 1] = string.sub(data, 9)
    len = len + #data
    count = total
  until len > REPLY_LEN_MAX or #parts >= count
  return table.concat(parts)
end

local function ask (socket, protocol, command, values)
  local prefix = protocol == "udp" and UDP_HEAD or ""
  if not socket:send(prefix .. command .. "\r\n") then return end
  local text = (protocol == "udp" and receive_udp or receive_tcp)(socket)
  for key, value in string.gmatch(text or "", "STAT (%S+) ([^\r\n]*)") do values[key] = values[key] or value end
  return text
end

action = function (host, port)
  local socket = nmap.new_socket(port.protocol)
  socket:set_timeout(stdnse.get_timeout(host, 10000, 3000))
  if not socket:connect(host, port) then return nil end
  local values = {}
  local first = ask(socket, port.protocol, "stats", values)
  if first and next(values) then ask(socket, port.protocol, "stats settings", values) end
  socket:close()
  if not first then return nil end

  if not next(values) then
    if string.find(first, "CLIENT_ERROR unauthenticated", 1, true) then
      local result = stdnse.output_table()
      result["Authentication"] = "yes"
      return result
    end
    return nil
  end
  local result = stdnse.output_table()
  for _, field in ipairs(FIELDS) do
    local name, label, show = field[1], field[2], field[3]
    if values[name] then result[label] = show and show(values[name]) or values[name] end
  end
  if #result == 0 then return nil end
  return result
end
