---
-- Performance counters of Windows: what processes and other objects of a host do, read through its registry.
--
-- The value of the registry's key for performance data is a block with a list of objects, each with the places of its
-- counters and, mostly, a list of instances (Windows SDK, "Performance Data Format").
--
-- @usage
-- local status, data = msrpcperformance.get_performance_data(host, "230")
-- for name, counters in pairs(data.Process) do print(name, counters["ID Process"]) end
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local msrpc = require "msrpc"
local stdnse = require "stdnse"
local string = require "string"
local unicode = require "unicode"
_ENV = stdnse.module("msrpcperformance", stdnse.seeall)

local OBJECTS_MAX, COUNTERS_MAX, INSTANCES_MAX = 1000, 1000, 100000
local SIGNATURE = "P\0E\0R\0F\0"
-- The names of objects and counters, in English.
local NAMES_VALUE = "Counter 009"

-- Names by number: numbers and names one after the other, a zero behind each.
local function read_names (text)
  local names = {}
  for number, name in string.gmatch(text, "(%d+)%z([^%z]*)%z") do names[tonumber(number)] = name end
  return names
end

-- Where an object's counters are, from its definition on.
local function read_definitions (data, pos, count, names)
  local definitions = {}
  for i = 1, math.min(count, COUNTERS_MAX) do
    local len, title = string.unpack("<I4I4", data, pos)
    local size, offset = string.unpack("<I4I4", data, pos + 32)
    if len < 40 then error("a counter without length") end
    definitions[i] = { name = names[title] or tostring(title), size = size, offset = offset }
    pos = pos + len
  end
  return definitions, pos
end

-- The counters of one instance, and the position after them.
local function read_counters (data, pos, definitions)
  local len = string.unpack("<I4", data, pos)
  if len < 4 then error("counters without length") end
  local counters = {}
  for _, definition in ipairs(definitions) do
    local at = pos + definition.offset
    if definition.offset + definition.size <= len then
      if definition.size == 4 then
        counters[definition.name] = string.unpack("<I4", data, at)
      elseif definition.size == 8 then
        counters[definition.name] = string.unpack("<i8", data, at)
      end
    end
  end
  return counters, pos + len
end

-- One instance: its name, its counters, and the position after it.
local function read_instance (data, pos, definitions)
  local len, _, _, _, name_at, name_len = string.unpack("<I4I4I4i4I4I4", data, pos)
  if len < 24 then error("an instance without length") end
  local name = string.gsub(string.sub(data, pos + name_at, pos + name_at + name_len - 1), "%z%z$", "")
  local counters, after = read_counters(data, pos + len, definitions)
  return unicode.utf16to8(name), counters, after
end

-- One object: its name, its counters or the instances with theirs, and the position after it.
local function read_object (data, pos, names)
  local len, definition_len, header_len, title = string.unpack("<I4I4I4I4", data, pos)
  local count, _, instances = string.unpack("<I4i4i4", data, pos + 32)
  if len < 64 then error("an object without length") end
  local definitions = read_definitions(data, pos + header_len, count, names)
  local object, at = {}, pos + definition_len
  if instances < 0 then
    object = read_counters(data, at, definitions)
  else
    for _ = 1, math.min(instances, INSTANCES_MAX) do
      local name, counters
      name, counters, at = read_instance(data, at, definitions)
      -- Programs that run several times have one name.
      local unique, number = name, 1
      while object[unique] do
        number = number + 1
        unique = name .. "#" .. number
      end
      object[unique] = counters
    end
  end
  return names[title] or tostring(title), object, pos + len
end

--- Reads a block of performance data. Raises if it is malformed.
-- @param data The octets.
-- @param names Names by number.
-- @return A table of objects by name: tables of counters by name, or of instances with theirs.
function parse (data, names)
  if string.sub(data, 1, 8) ~= SIGNATURE then error("no performance data") end
  local header_len, count = string.unpack("<I4I4", data, 25)
  local objects, pos = {}, header_len + 1
  for _ = 1, math.min(count, OBJECTS_MAX) do
    local name, object
    name, object, pos = read_object(data, pos, names)
    objects[name] = object
  end
  return objects
end

--- Asks a host for performance data.
-- @param host The host table.
-- @param objects The numbers of the objects wanted, with spaces between. Default: all that are told of without a wait.
-- @return True and a table of objects by name: tables of counters by name, or of instances with theirs; or false and an
--         error.
function get_performance_data (host, objects)
  local status, state = msrpc.start_smb(host, msrpc.WINREG_PATH)
  if not status then return false, state end
  local function finish (...)
    msrpc.stop_smb(state)
    return ...
  end
  local err
  status, err = msrpc.bind(state, msrpc.WINREG_UUID, msrpc.WINREG_VERSION, nil)
  if not status then return finish(false, err) end
  local opened, root = msrpc.winreg_openhkpd(state)
  if not opened then return finish(false, root) end
  local named, texts = msrpc.winreg_queryvalue(state, root.handle, NAMES_VALUE)
  if not named then return finish(false, texts) end
  local told, block = msrpc.winreg_queryvalue(state, root.handle, objects or "Global")
  msrpc.winreg_closekey(state, root.handle)
  if not told then return finish(false, block) end
  local names = read_names(unicode.utf16to8(texts.data or ""))
  local ok, data = pcall(parse, block.data or "", names)
  if not ok then return finish(false, "the performance data is malformed") end
  return finish(true, data)
end

return _ENV
