---
-- Random strings.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("rand", stdnse.seeall)

--- Makes a string of random characters.
-- @param len Its length.
-- @param charset What to choose from, a string or an array of strings. Default: all bytes.
-- @return A string.
function random_string (len, charset)
  if not charset then return nmap.get_random_bytes(len) end
  local count = #charset
  assert(count > 0, "rand: nothing to choose from")
  local is_text = type(charset) == "string"
  local out = {}
  for i = 1, len do
    local at = math.random(count)
    out[i] = is_text and string.sub(charset, at, at) or charset[at]
  end
  return table.concat(out)
end

--- Makes a string of random small letters.
-- @param len Its length.
-- @return A string.
function random_alpha (len) return random_string(len, "abcdefghijklmnopqrstuvwxyz") end

--- Lists the characters between two characters, both included.
-- @usage rand.charset("0", "9", rand.charset("a", "f"))
-- @param left_bound The first one, a character or its number.
-- @param right_bound The last one.
-- @param charset An array they are added to. Default: a new one.
-- @return The array.
function charset (left_bound, right_bound, charset)
  charset = charset or {}
  local function code (bound) return type(bound) == "number" and bound or string.byte(bound) end
  for byte = code(left_bound), code(right_bound) do charset[#charset + 1] = string.char(byte) end
  return charset
end

return _ENV
