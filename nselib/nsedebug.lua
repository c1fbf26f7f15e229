---
-- Shows values and bytes to those who write scripts.
--
-- @copyright MIT OR Apache-2.0

local debug = require "debug"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("nsedebug", stdnse.seeall)

-- Tables within tables that are shown.
local DEPTH_MAX = 20

local function show (lines, value, indent, depth)
  for key, item in pairs(value) do
    if type(item) == "table" and depth < DEPTH_MAX then
      lines[#lines + 1] = string.format("%s%s:\n", indent, tostring(key))
      show(lines, item, indent .. "  ", depth + 1)
    else
      lines[#lines + 1] = string.format("%s%s: %s\n", indent, tostring(key), tostring(item))
    end
  end
end

--- Makes text of a value, tables with all they hold.
-- @param data The value.
-- @param indent Columns before each line. Default 0.
-- @return A string.
function tostr (data, indent)
  local space = string.rep(" ", indent or 0)
  if type(data) == "table" then
    local lines = {}
    show(lines, data, space, 1)
    return table.concat(lines)
  end
  if type(data) == "string" then return string.format('%s"%s"\n', space, data) end
  return space .. tostring(data) .. "\n"
end

--- Prints bytes, 16 a line, as numbers and as characters.
-- @param str The bytes.
function print_hex (str)
  for at = 0, #str - 1, 16 do
    local part = string.sub(str, at + 1, at + 16)
    local digits = stdnse.tohex(part, { separator = " " })
    print(string.format("%08x %-47s    %s", at, digits, (string.gsub(part, "[^\32-\126]", "."))))
  end
  print(string.format("         Length: %d [0x%x]", #str, #str))
end

--- Prints which functions have been called.
function print_stack () print(debug.traceback("", 2)) end

return _ENV
