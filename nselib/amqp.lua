---
-- AMQP 0-8, 0-9 and 0-9-1: the beginning of a session, in which a server tells about itself.
--
-- @usage
-- local client = amqp.AMQP:new(host, port)
-- local status, err = client:connect()
-- status, err = client:handshake()
-- local properties = client:getServerProperties()
-- client:disconnect()
--
-- @args amqp.version The version of the protocol to begin with: <code>0-8</code>, <code>0-9</code> or <code>0-9-1</code>.
--                    Default: the one the server names.
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("amqp", stdnse.seeall)

-- Longer frames are refused.
local FRAME_LEN_MAX = 65536
local DEPTH_MAX = 16

--- A client.
-- @class table
-- @name AMQP
AMQP = {}
AMQP.__index = AMQP

--- Heads of a session by version.
AMQP.client_version_strings = {
  ["0-8"] = "\x01\x01\x08\x00",
  ["0-9"] = "\x00\x00\x09\x00",
  ["0-9-1"] = "\x00\x00\x09\x01",
}

--- Versions as servers name them: major and minor number.
AMQP.versions = {
  [0x0800] = "0-8",
  [0x0009] = "0-9",
}

--- Makes a client; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @return The client.
function AMQP:new (host, port)
  local o = setmetatable({ host = host, port = port }, self)
  o.amqpsocket = nmap.new_socket()
  o.cli_version = AMQP.client_version_strings[stdnse.get_script_args("amqp.version") or ""]
    or AMQP.client_version_strings["0-9-1"]
  return o
end

--- Connects.
-- @return True or false.
-- @return An error.
function AMQP:connect ()
  self.amqpsocket:set_timeout(stdnse.get_timeout(self.host, 10000, 5000))
  local status, err = self.amqpsocket:connect(self.host, self.port)
  if not status then return false, err end
  return true
end

--- Closes the connection.
-- @return True or false.
function AMQP:disconnect ()
  return self.amqpsocket:close()
end

-- Values (AMQP 0-9-1, 4.2.5.5, and what RabbitMQ makes of it) ------------------------------------------------------

local read_table

local function read_array (data, pos, depth)
  local len, start = string.unpack(">I4", data, pos)
  local stop = start + len
  if stop - 1 > #data then error("cut off") end
  local list = {}
  pos = start
  while pos < stop do
    local value
    value, pos = AMQP.read_value(data, pos, depth + 1)
    list[#list + 1] = value
  end
  return list, stop
end

local READERS = {
  t = function (data, pos)
    local byte, after = string.unpack("B", data, pos)
    return byte ~= 0, after
  end,
  b = function (data, pos) return string.unpack("b", data, pos) end,
  B = function (data, pos) return string.unpack("B", data, pos) end,
  s = function (data, pos) return string.unpack(">i2", data, pos) end,
  u = function (data, pos) return string.unpack(">I2", data, pos) end,
  I = function (data, pos) return string.unpack(">i4", data, pos) end,
  i = function (data, pos) return string.unpack(">I4", data, pos) end,
  l = function (data, pos) return string.unpack(">i8", data, pos) end,
  f = function (data, pos) return string.unpack(">f", data, pos) end,
  d = function (data, pos) return string.unpack(">d", data, pos) end,
  D = function (data, pos)
    local scale, number, after = string.unpack(">BI4", data, pos)
    return number / 10 ^ scale, after
  end,
  S = function (data, pos) return string.unpack(">s4", data, pos) end,
  x = function (data, pos) return string.unpack(">s4", data, pos) end,
  T = function (data, pos) return string.unpack(">i8", data, pos) end,
  V = function (data, pos) return "", pos end,
}


--- Reads a value: a letter for its kind, then its bytes.
-- @param data Bytes.
-- @param pos Where it starts.
-- @param depth How many tables it is inside.
-- @return The value; raises if it is malformed.
-- @return Where it ends.
function AMQP.read_value (data, pos, depth)
  if depth > DEPTH_MAX then error("nested too deeply") end
  local kind, after = string.unpack("c1", data, pos)
  if kind == "F" then return read_table(data, after, depth + 1) end
  if kind == "A" then return read_array(data, after, depth) end
  local reader = READERS[kind]
  if not reader then error("unknown kind of value") end
  return reader(data, after)
end

-- A table as a list of tables with one key each, which keeps the order.
function read_table (data, pos, depth)
  local len, start = string.unpack(">I4", data, pos)
  local stop = start + len
  if stop - 1 > #data then error("cut off") end
  local list = {}
  pos = start
  while pos < stop do
    local key, value
    key, pos = string.unpack("s1", data, pos)
    value, pos = AMQP.read_value(data, pos, depth + 1)
    list[#list + 1] = { [key] = value }
  end
  return list, stop
end

-- The session's beginning -----------------------------------------------------------------------------------------

local function receive_frame (self)
  local status, head = self.amqpsocket:receive_buf(match.numbytes(8), true)
  if not status then return nil, head end
  if string.sub(head, 1, 4) == "AMQP" then return nil, "version", head end
  local kind, len = string.unpack(">BxxI4", head)
  if kind ~= 1 or len > FRAME_LEN_MAX or len < 4 then return nil, "not a frame of AMQP" end
  local rest
  -- One byte of the body was read with the head; the last one is the frame's end.
  status, rest = self.amqpsocket:receive_buf(match.numbytes(len), true)
  if not status then return nil, rest end
  if string.byte(rest, len) ~= 0xce then return nil, "the frame has no end" end
  return string.sub(head, 8) .. string.sub(rest, 1, len - 1)
end

-- connection.start: class 10, method 10, version, properties, mechanisms, locales.
local function parse_start (body)
  local class, method, major, minor, pos = string.unpack(">I2I2BB", body)
  if class ~= 10 or method ~= 10 then error("another method") end
  local properties, mechanisms, locales
  properties, pos = read_table(body, pos, 1)
  mechanisms, locales = string.unpack(">s4s4", body, pos)
  return major, minor, properties, mechanisms, locales
end

--- Begins a session and reads what the server says of itself. If the server wants another version it is begun anew.
-- @return True or false.
-- @return An error.
function AMQP:handshake ()
  for attempt = 1, 2 do
    local status, err = self.amqpsocket:send("AMQP" .. self.cli_version)
    if not status then return false, err end
    local body, failure, head = receive_frame(self)
    if body then
      local ok, major, minor, properties, mechanisms, locales = pcall(parse_start, body)
      if not ok then return false, "the server's greeting is not understood" end
      self.serv_properties = properties
      for _, name in ipairs({ { "mechanisms", mechanisms }, { "locales", locales } }) do
        self.serv_properties[#properties + 1] = { [name[1]] = name[2] }
      end
      self.serv_protocol = AMQP.versions[major << 8 | minor] or major .. "-" .. minor
      return true
    end
    if failure ~= "version" or attempt == 2 then return false, failure end
    -- The server answered with the version it speaks and hung up.
    self.cli_version = string.sub(head, 5)
    self.amqpsocket:close()
    status, err = self:connect()
    if not status then return false, err end
  end
end

-- The value of a property by name.
local function property (self, name)
  for _, one in ipairs(self.serv_properties or {}) do
    if one[name] ~= nil then return one[name] end
  end
end

--- The version of the protocol.
-- @return Text such as <code>0-9</code>.
function AMQP:getProtocolVersion ()
  return self.serv_protocol
end

--- The name of the server's software.
-- @return Text, or nil.
function AMQP:getServerProduct ()
  return property(self, "product")
end

--- The version of the server's software.
-- @return Text, or nil.
function AMQP:getServerVersion ()
  return property(self, "version")
end

-- Lists of one-keyed tables, or of mere values, as lines for stdnse.format_output.
local function as_lines (list)
  local lines = {}
  for _, one in ipairs(list) do
    if type(one) ~= "table" then
      lines[#lines + 1] = tostring(one)
      one = {}
    end
    for key, value in pairs(one) do
      if type(value) == "table" then
        local inner = as_lines(value)
        inner.name = key .. ": "
        lines[#lines + 1] = inner
      elseif type(value) == "boolean" then
        lines[#lines + 1] = ("%s: %s"):format(key, value and "YES" or "NO")
      else
        lines[#lines + 1] = ("%s: %s"):format(key, value)
      end
    end
  end
  return lines
end

--- What the server says of itself.
-- @return An array for <code>stdnse.format_output</code>.
function AMQP:getServerProperties ()
  return as_lines(self.serv_properties or {})
end

return _ENV
