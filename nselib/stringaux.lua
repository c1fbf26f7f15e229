---
-- Helpers for strings: split, join, patterns without case, safe file names.
--
-- @copyright MIT OR Apache-2.0

local assert = assert
local concat = require "table".concat
local string = require "string"
local _ENV = {}

--- Joins a list with a delimiter.
-- @param delimiter The text between two items.
-- @param list An array of strings or numbers.
-- @return The joined string.
function strjoin (delimiter, list)
  return concat(list, delimiter)
end

--- Splits a string at every match of a pattern.
--
-- Empty pieces are kept, so there is always one piece more than there are delimiters.
-- @usage stringaux.strsplit(",%s*", "a, b,,c") --> { "a", "b", "", "c" }
-- @param pattern A Lua pattern that matches the delimiter. It must not match the empty string.
-- @param text The string.
-- @return An array of strings.
function strsplit (pattern, text)
  assert(string.find("", pattern) == nil, "strsplit: the pattern matches the empty string")
  local pieces, start = {}, 1
  while true do
    local from, to = string.find(text, pattern, start)
    -- A frontier may match nothing although the empty text above did not show it.
    if not from or to < from then break end
    pieces[#pieces + 1] = string.sub(text, start, from - 1)
    start = to + 1
  end
  pieces[#pieces + 1] = string.sub(text, start)
  return pieces
end

--- Makes a Lua pattern match letters of either case.
--
-- Classes (<code>%a</code>), escaped characters, the delimiters of <code>%b</code> and sets in brackets stay as they are.
-- @usage stringaux.ipattern("<title>%a") --> "<[tT][iI][tT][lL][eE]>%a"
-- @param pattern The pattern.
-- @return The changed pattern.
function ipattern (pattern)
  local out, i, len = {}, 1, #pattern
  while i <= len do
    local c = string.sub(pattern, i, i)
    local token
    if c == "%" then
      token = string.sub(pattern, i, i + (string.sub(pattern, i + 1, i + 1) == "b" and 3 or 1))
    elseif c == "[" then
      -- A "]" first in the set, also after "^", stands for itself; "%]" does so everywhere.
      local at = i + 1
      if string.sub(pattern, at, at) == "^" then at = at + 1 end
      local first = true
      while at <= len and (first or string.sub(pattern, at, at) ~= "]") do
        if string.sub(pattern, at, at) == "%" then at = at + 1 end
        at = at + 1
        first = false
      end
      token = string.sub(pattern, i, at)
    else
      token = c
    end
    i = i + #token
    if string.find(token, "^%a$") then
      token = "[" .. string.lower(token) .. string.upper(token) .. "]"
    end
    out[#out + 1] = token
  end
  return concat(out)
end

local function percent (c) return string.format("%%%02x", string.byte(c)) end

--- Makes a string usable as one component of a file name on any system.
--
-- Bytes other than letters, digits, <code>.</code>, <code>_</code> and <code>-</code> become <code>%xx</code>; so do
-- the dots of the names <code>.</code> and <code>..</code>.
-- @param s The string.
-- @return The escaped string.
function filename_escape (s)
  if s == "." or s == ".." then
    return (string.gsub(s, "%.", percent))
  end
  return (string.gsub(s, "[^%w._-]", percent))
end

return _ENV
