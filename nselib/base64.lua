---
-- Base 64, RFC 4648.
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("base64", stdnse.seeall)

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- Twelve bits at a time: half the look-ups of six.
local PAIRS, DIGITS = {}, {}
for i = 0, 63 do
  DIGITS[string.byte(ALPHABET, i + 1)] = i
  for j = 0, 63 do
    PAIRS[i << 6 | j] = string.sub(ALPHABET, i + 1, i + 1) .. string.sub(ALPHABET, j + 1, j + 1)
  end
end

--- Encodes a string.
-- @usage base64.enc("foob") --> "Zm9vYg=="
-- @param p The bytes.
-- @return Base 64 with padding, without line breaks.
function enc (p)
  local out, len = {}, #p
  for i = 1, len - 2, 3 do
    local a, b, c = string.byte(p, i, i + 2)
    out[#out + 1] = PAIRS[a << 4 | b >> 4]
    out[#out + 1] = PAIRS[(b & 15) << 8 | c]
  end
  local rest = len % 3
  if rest == 1 then
    out[#out + 1] = PAIRS[string.byte(p, len) << 4] .. "=="
  elseif rest == 2 then
    local a, b = string.byte(p, len - 1, len)
    out[#out + 1] = PAIRS[a << 4 | b >> 4]
    out[#out + 1] = string.sub(PAIRS[(b & 15) << 8], 1, 1) .. "="
  end
  return table.concat(out)
end

--- Decodes a string.
--
-- White space between the digits is skipped. What is no base 64 raises an error that starts with
-- <code>invalid encoding</code>.
-- @usage base64.dec("Zm9v\r\nYg==") --> "foob"
-- @param e Base 64 with padding.
-- @return The bytes.
function dec (e)
  e = string.gsub(e, "%s+", "")
  local digits, padding = string.match(e, "^([A-Za-z0-9+/]*)(=*)$")
  if not digits then
    local bad = string.find(e, "[^A-Za-z0-9+/=]")
    error("invalid encoding: " .. (bad and "invalid character" or "trailing characters"), 2)
  end
  if #e % 4 ~= 0 then error("invalid encoding: input is not divisible by 4", 2) end
  if #padding > 2 then error("invalid encoding: too much padding", 2) end
  local out = {}
  for i = 1, #digits - 3, 4 do
    local a, b, c, d = string.byte(digits, i, i + 3)
    local bits = DIGITS[a] << 18 | DIGITS[b] << 12 | DIGITS[c] << 6 | DIGITS[d]
    out[#out + 1] = string.char(bits >> 16, bits >> 8 & 255, bits & 255)
  end
  local a, b, c = string.byte(digits, #digits - #digits % 4 + 1, #digits)
  if c then
    local bits = DIGITS[a] << 12 | DIGITS[b] << 6 | DIGITS[c]
    out[#out + 1] = string.char(bits >> 10, bits >> 2 & 255)
  elseif b then
    out[#out + 1] = string.char(DIGITS[a] << 2 | DIGITS[b] >> 4)
  end
  return table.concat(out)
end

return _ENV
