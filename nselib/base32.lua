---
-- Base 32, RFC 4648: the ordinary alphabet and the one that sorts as its bytes do ("extended hex").
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("base32", stdnse.seeall)

local function alphabet (characters)
  local digits, values = {}, {}
  for i = 0, 31 do
    digits[i] = string.sub(characters, i + 1, i + 1)
    values[string.byte(characters, i + 1)] = i
  end
  return { digits = digits, values = values }
end

local ORDINARY = alphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
local HEX = alphabet("0123456789ABCDEFGHIJKLMNOPQRSTUV")

-- Digits that a group of so many bytes needs, and the other way round.
local DIGITS_OF = { 2, 4, 5, 7, 8 }
local BYTES_OF = { [2] = 1, [4] = 2, [5] = 3, [7] = 4, [8] = 5 }

--- Encodes a string.
-- @usage base32.enc("foobar") --> "MZXW6YTBOI======"
-- @param p The bytes.
-- @param hexExtend True for the alphabet "extended hex".
-- @return Base 32 with padding.
function enc (p, hexExtend)
  local digits = (hexExtend and HEX or ORDINARY).digits
  local out = {}
  for i = 1, #p, 5 do
    local group = string.sub(p, i, i + 4)
    local bits = string.unpack(">I5", group .. string.rep("\0", 5 - #group))
    local count = DIGITS_OF[#group]
    for at = 1, 8 do
      out[#out + 1] = at <= count and digits[bits >> (40 - 5 * at) & 31] or "="
    end
  end
  return table.concat(out)
end

--- Decodes a string.
--
-- White space between the digits is skipped, and small letters count as capitals. What is no base 32 raises an error
-- that starts with <code>invalid encoding</code>.
-- @param b32 Base 32 with padding.
-- @param hexExtend True for the alphabet "extended hex".
-- @return The bytes.
function dec (b32, hexExtend)
  local values = (hexExtend and HEX or ORDINARY).values
  local text = string.upper((string.gsub(b32, "%s+", "")))
  if #text % 8 ~= 0 then error("invalid encoding: input is not divisible by 8", 2) end
  local body = string.match(text, "^([^=]*)=*$")
  if not body or #text - #body > 6 then error("invalid encoding: misplaced padding", 2) end
  local out = {}
  for i = 1, #body, 8 do
    local group = string.sub(body, i, i + 7)
    local count = BYTES_OF[#group]
    if not count then error("invalid encoding: impossible length", 2) end
    local bits = 0
    for at = 1, #group do
      local value = values[string.byte(group, at)]
      if not value then error("invalid encoding: invalid character", 2) end
      bits = bits | value << (40 - 5 * at)
    end
    out[#out + 1] = string.sub(string.pack(">I5", bits), 1, count)
  end
  return table.concat(out)
end

return _ENV
