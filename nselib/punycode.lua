---
-- Punycode, RFC 3492: Unicode in the letters, digits and hyphens of a domain name.
--
-- Text comes in and goes out as arrays of code points; strings are taken, too, as UTF-8.
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local unicode = require "unicode"
_ENV = stdnse.module("punycode", stdnse.seeall)

-- Parameters of RFC 3492, section 5.
local BASE, T_MIN, T_MAX, SKEW, DAMP, BIAS, FIRST = 36, 1, 26, 38, 700, 72, 128
local PREFIX = "xn--"

-- Longer input is no label of a domain name; the algorithm takes time that grows with the square of it.
local LEN_MAX = 1024

local DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789"

local function points (input)
  if type(input) == "table" then return input end
  return unicode.decode(input, unicode.utf8_dec)
end

-- Section 6.1.
local function adapt (delta, count, is_first)
  delta = is_first and delta // DAMP or delta // 2
  delta = delta + delta // count
  local k = 0
  while delta > (BASE - T_MIN) * T_MAX // 2 do
    delta = delta // (BASE - T_MIN)
    k = k + BASE
  end
  return k + (BASE - T_MIN + 1) * delta // (delta + SKEW)
end

local function threshold (k, bias)
  if k <= bias then return T_MIN end
  return k >= bias + T_MAX and T_MAX or k - bias
end

local function digit (value) return string.sub(DIGITS, value + 1, value + 1) end

--- Encodes one label without the prefix <code>xn--</code>.
-- @param input Code points.
-- @return ASCII, or nil and a message.
function encode_input (input)
  local cps = points(input)
  if #cps > LEN_MAX then return nil, "punycode: too long" end
  local out = {}
  for _, cp in ipairs(cps) do
    if cp < FIRST then out[#out + 1] = string.char(cp) end
  end
  local basic = #out
  local handled = basic
  if basic > 0 then out[#out + 1] = "-" end
  local n, delta, bias = FIRST, 0, BIAS
  while handled < #cps do
    local lowest = math.maxinteger
    for _, cp in ipairs(cps) do
      if cp >= n and cp < lowest then lowest = cp end
    end
    delta = delta + (lowest - n) * (handled + 1)
    n = lowest
    for _, cp in ipairs(cps) do
      if cp < n then
        delta = delta + 1
      elseif cp == n then
        local q, k = delta, BASE
        while true do
          local t = threshold(k, bias)
          if q < t then break end
          out[#out + 1] = digit(t + (q - t) % (BASE - t))
          q = (q - t) // (BASE - t)
          k = k + BASE
        end
        out[#out + 1] = digit(q)
        bias = adapt(delta, handled + 1, handled == basic)
        delta = 0
        handled = handled + 1
      end
    end
    delta, n = delta + 1, n + 1
  end
  return table.concat(out)
end

--- Decodes one label without the prefix <code>xn--</code>.
-- @param input ASCII, a string or code points.
-- @return Code points, or nil and a message.
function decode_input (input)
  local text = type(input) == "table" and unicode.encode(input, unicode.utf8_enc) or input
  if #text > LEN_MAX then return nil, "punycode: too long" end
  if string.find(text, "[\128-\255]") then return nil, "punycode: not ASCII" end
  local front, back = string.match(text, "^(.*)%-([^-]*)$")
  local out = front and { string.byte(front, 1, -1) } or {}
  local digits = string.lower(back or text)
  local n, i, bias, at = FIRST, 0, BIAS, 1
  while at <= #digits do
    local start, weight, k = i, 1, BASE
    while true do
      local value = string.find(DIGITS, string.sub(digits, at, at), 1, true)
      if at > #digits or not value then return nil, "punycode: bad digit" end
      at = at + 1
      i = i + (value - 1) * weight
      if i > 0x7FFFFFFF then return nil, "punycode: overflow" end
      local t = threshold(k, bias)
      if value - 1 < t then break end
      weight = weight * (BASE - t)
      if weight > 0x7FFFFFFF then return nil, "punycode: overflow" end
      k = k + BASE
    end
    local count = #out + 1
    bias = adapt(i - start, count, start == 0)
    n = n + i // count
    i = i % count
    if n > 0x10FFFF then return nil, "punycode: overflow" end
    table.insert(out, i + 1, n)
    i = i + 1
  end
  return out
end

--- Encodes a label of a domain name.
-- @param u Code points.
-- @return ASCII with the prefix <code>xn--</code>, or as it is if it is ASCII; nil and a message if it is too long.
function encode_label (u)
  local cps = points(u)
  for _, cp in ipairs(cps) do
    if cp >= FIRST then
      local encoded, message = encode_input(cps)
      return encoded and PREFIX .. encoded, message
    end
  end
  return unicode.encode(cps, unicode.utf8_enc)
end

--- Decodes a label of a domain name.
-- @param s ASCII.
-- @return Code points: those of the text behind the prefix <code>xn--</code>, or of the label as it is without one; nil
--         and a message for what is no punycode.
function decode_label (s)
  if string.lower(string.sub(s, 1, #PREFIX)) == PREFIX then return decode_input(string.sub(s, #PREFIX + 1)) end
  return unicode.decode(s, unicode.utf8_dec)
end

return _ENV
