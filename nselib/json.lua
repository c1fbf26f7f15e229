---
-- JSON (RFC 8259): reading and writing.
--
-- Objects and arrays become tables. Those that were read remember what they were, so that an empty one is written as it
-- came; <code>json.make_array</code> and <code>json.make_object</code> say so for tables of one's own.
-- <code>null</code> is the value <code>json.NULL</code>.
--
-- @usage
-- local ok, value = json.parse('{"version": {"number": "7.1"}}')
-- if ok then print(value.version.number) end
-- local text = json.generate({ query = { match_all = json.make_object({}) } })
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local utf8 = require "utf8"
_ENV = stdnse.module("json", stdnse.seeall)

-- Deeper nesting than any service sends; the limit keeps "[[[[..." from taking memory for nothing.
local MAX_DEPTH = 256

local ARRAY, OBJECT = { json = "array" }, { json = "object" }

--- Stands for <code>null</code>.
-- @class table
-- @name NULL
NULL = setmetatable({}, { __tostring = function () return "null" end, json = "null" })

--- Marks a table as an array.
-- @param t The table.
-- @return The same table.
function make_array (t) return setmetatable(t, ARRAY) end

--- Marks a table as an object.
-- @param t The table.
-- @return The same table.
function make_object (t) return setmetatable(t, OBJECT) end

--- The JSON type of a value.
--
-- A table without mark is an array if it has an element 1, otherwise an object.
-- @param var The value.
-- @return <code>"object"</code>, <code>"array"</code>, <code>"null"</code>, or what <code>type</code> says.
function typeof (var)
  if type(var) ~= "table" then return type(var) end
  local meta = getmetatable(var)
  local kind = type(meta) == "table" and rawget(meta, "json")
  if kind then return kind end
  return var[1] ~= nil and "array" or "object"
end

-- Reading ---------------------------------------------------------------------------------------------------------

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }
local WORDS = { ["true"] = true, ["false"] = false, null = NULL }

-- Failures are thrown as a table, so that the parsers read straight on; parse catches them.
local function fail (at, what)
  error({ json_error = string.format("syntax error at byte %d: %s", at, what) })
end

local function skip_space (s, at) return string.match(s, "^[ \t\r\n]*()", at) end

-- A \u escape whose digits start at at: UTF-8 and what follows. A surrogate counts only as half of a pair.
local function unicode_escape (s, at)
  local digits = string.match(s, "^%x%x%x%x", at)
  if not digits then fail(at, "four hexadecimal digits expected") end
  local code = tonumber(digits, 16)
  if code < 0xD800 or code > 0xDFFF then return utf8.char(code), at + 4 end
  local low = string.match(s, "^\\u([dD][c-fC-F]%x%x)", at + 4)
  if code > 0xDBFF or not low then fail(at, "half of a surrogate pair") end
  return utf8.char(0x10000 + (code - 0xD800 << 10) + tonumber(low, 16) - 0xDC00), at + 10
end

-- The string whose opening quote is at at.
local function parse_string (s, at)
  local plain, stop = string.match(s, '^([^"\\]*)()', at + 1)
  if string.sub(s, stop, stop) == '"' then return plain, stop + 1 end
  local out = { plain }
  while true do
    local c = string.sub(s, stop, stop)
    if c == '"' then return table.concat(out), stop + 1 end
    if c == "" then fail(at, "string without end") end
    local escape = string.sub(s, stop + 1, stop + 1)
    if escape == "u" then
      out[#out + 1], stop = unicode_escape(s, stop + 2)
    elseif escape == "" then
      fail(at, "string without end")
    else
      out[#out + 1], stop = ESCAPES[escape] or escape, stop + 2
    end
    out[#out + 1], stop = string.match(s, '^([^"\\]*)()', stop)
  end
end

local function parse_number (s, at)
  local digits, stop = string.match(s, "^(-?%d+%.?%d*[eE]?[+-]?%d*)()", at)
  local number = digits and tonumber(digits)
  if not number then fail(at, "value expected") end
  return number, stop
end

local parse_value

-- A list of items up to the closing character. item reads one and puts it into result; it returns where it ended.
local function parse_list (s, at, close, result, item)
  at = skip_space(s, at + 1)
  if string.sub(s, at, at) == close then return result, at + 1 end
  while true do
    at = skip_space(s, item(at))
    local c = string.sub(s, at, at)
    if c == close then return result, at + 1 end
    if c ~= "," then fail(at, "',' or '" .. close .. "' expected") end
    at = skip_space(s, at + 1)
  end
end

local function parse_array (s, at, depth)
  local result, n = make_array({}), 0
  return parse_list(s, at, "]", result, function (pos)
    local value, after = parse_value(s, pos, depth)
    n = n + 1
    result[n] = value
    return after
  end)
end

local function parse_object (s, at, depth)
  local result = make_object({})
  return parse_list(s, at, "}", result, function (pos)
    if string.sub(s, pos, pos) ~= '"' then fail(pos, "name expected") end
    local name, after = parse_string(s, pos)
    after = skip_space(s, after)
    if string.sub(s, after, after) ~= ":" then fail(after, "':' expected") end
    result[name], after = parse_value(s, skip_space(s, after + 1), depth)
    return after
  end)
end

-- The value at at and what follows it.
function parse_value (s, at, depth)
  local c = string.sub(s, at, at)
  if c == '"' then return parse_string(s, at) end
  if c == "{" or c == "[" then
    if depth >= MAX_DEPTH then fail(at, "nested too deeply") end
    if c == "{" then return parse_object(s, at, depth + 1) end
    return parse_array(s, at, depth + 1)
  end
  local word, stop = string.match(s, "^(%l+)()", at)
  if word then
    if WORDS[word] == nil then fail(at, "value expected") end
    return WORDS[word], stop
  end
  return parse_number(s, at)
end

--- Reads a JSON text.
--
-- More is accepted than the standard allows: line ends inside strings, escapes of any character, leading zeros.
-- @param data The text.
-- @return True and the value, or false and a message.
function parse (data)
  if type(data) ~= "string" then return false, "string expected, got " .. type(data) end
  local at = skip_space(data, 1)
  -- Some servers send a byte order mark in front.
  if string.sub(data, 1, 3) == "\xEF\xBB\xBF" then at = skip_space(data, 4) end
  local ok, value, after = pcall(parse_value, data, at, 0)
  if not ok then
    if type(value) ~= "table" or not value.json_error then error(value, 0) end
    return false, value.json_error
  end
  after = skip_space(data, after)
  if after <= #data then return false, string.format("syntax error at byte %d: end expected", after) end
  return true, value
end

-- Writing ---------------------------------------------------------------------------------------------------------

local SHORT = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t" }

local function quote (s)
  return '"' .. string.gsub(s, '[%c"\\]', function (c)
    return SHORT[c] or string.format("\\u%04x", string.byte(c))
  end) .. '"'
end

-- The keys in the order of pairs where the table has one of its own, otherwise sorted: the same text every time.
local function ordered_keys (t)
  local keys, meta = {}, getmetatable(t)
  for key in pairs(t) do keys[#keys + 1] = key end
  if not (type(meta) == "table" and rawget(meta, "__pairs")) then
    table.sort(keys, function (a, b) return tostring(a) < tostring(b) end)
  end
  return keys
end

local function write_value (out, value, depth)
  if depth > MAX_DEPTH then error("json.generate: nested too deeply, or a table inside itself") end
  local kind = typeof(value)
  if kind == "string" then
    out[#out + 1] = quote(value)
  elseif kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then
      error("json.generate: not a finite number")
    end
    out[#out + 1] = math.type(value) == "integer" and string.format("%d", value) or tostring(value)
  elseif kind == "boolean" or kind == "null" then
    out[#out + 1] = tostring(value)
  elseif kind == "array" then
    out[#out + 1] = "["
    for i, item in ipairs(value) do
      if i > 1 then out[#out + 1] = ", " end
      write_value(out, item, depth + 1)
    end
    out[#out + 1] = "]"
  elseif kind == "object" then
    out[#out + 1] = "{"
    for i, key in ipairs(ordered_keys(value)) do
      out[#out + 1] = (i > 1 and ", " or "") .. quote(tostring(key)) .. ": "
      write_value(out, value[key], depth + 1)
    end
    out[#out + 1] = "}"
  else
    error("json.generate: a " .. kind .. " has no form in JSON")
  end
end

--- Writes a value as JSON.
--
-- An array ends before its first nil. Names of an object are sorted, unless the table has an order of its own as those
-- of <code>stdnse.output_table</code> have.
-- @param obj The value. A table inside itself, a function and the like, NaN and infinities are errors.
-- @return The text.
function generate (obj)
  local out = {}
  write_value(out, obj, 0)
  return table.concat(out)
end

return _ENV
