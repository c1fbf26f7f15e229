---
-- Text in Unicode's encodings and in code page 437.
--
-- A decoder reads one character: it gets the bytes, a position and, for UTF-16, whether the higher byte comes first, and
-- returns the position behind the character and its code point, or nil and a message. An encoder makes the bytes of one
-- code point.
--
-- @usage
-- unicode.utf8to16("C:\\")
-- unicode.transcode(name, unicode.utf16_dec, unicode.utf8_enc, true, nil)
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local utf8 = require "utf8"
_ENV = stdnse.module("unicode", stdnse.seeall)

-- What stands for bytes that are no character.
local REPLACEMENT = 0xFFFD

--- Reads a character of UTF-8.
-- @param buf The bytes.
-- @param pos Where it starts. Default 1.
-- @return The position behind it, or nil.
-- @return Its code point, or a message.
function utf8_dec (buf, pos)
  pos = pos or 1
  local first = string.byte(buf, pos)
  if not first then return nil, "Out of bytes at " .. pos end
  if first < 0x80 then return pos + 1, first end
  local more, bits, least
  if first >= 0xC2 and first < 0xE0 then
    more, bits, least = 1, first & 0x1F, 0x80
  elseif first >= 0xE0 and first < 0xF0 then
    more, bits, least = 2, first & 0x0F, 0x800
  elseif first >= 0xF0 and first < 0xF5 then
    more, bits, least = 3, first & 0x07, 0x10000
  else
    return nil, "Invalid UTF-8 byte at " .. pos
  end
  for at = pos + 1, pos + more do
    local byte = string.byte(buf, at)
    if not byte then return nil, "Incomplete UTF-8 sequence at " .. pos end
    if byte & 0xC0 ~= 0x80 then return nil, "Invalid UTF-8 byte at " .. at end
    bits = bits << 6 | byte & 0x3F
  end
  if bits < least or bits > 0x10FFFF or (bits >= 0xD800 and bits < 0xE000) then
    return nil, "Invalid UTF-8 sequence at " .. pos
  end
  return pos + more + 1, bits
end

--- Makes the UTF-8 of a code point.
-- @param cp The code point.
-- @return Its bytes; nil above 0x10FFFF.
function utf8_enc (cp)
  if cp < 0 or cp > 0x10FFFF then return nil end
  return utf8.char(cp)
end

--- Reads a character of UTF-16.
-- @param buf The bytes.
-- @param pos Where it starts. Default 1.
-- @param bigendian True if the higher byte comes first.
-- @return The position behind it, or nil.
-- @return Its code point, or a message. Half of a pair stands for itself.
function utf16_dec (buf, pos, bigendian)
  pos = pos or 1
  local format = bigendian and ">I2" or "<I2"
  if pos + 1 > #buf then return nil, "Incomplete UTF-16 character at " .. pos end
  local unit, after = string.unpack(format, buf, pos)
  if unit >= 0xD800 and unit < 0xDC00 and after + 1 <= #buf then
    local low, behind = string.unpack(format, buf, after)
    if low >= 0xDC00 and low < 0xE000 then
      return behind, 0x10000 + ((unit & 0x3FF) << 10 | low & 0x3FF)
    end
  end
  return after, unit
end

--- Makes the UTF-16 of a code point.
-- @param cp The code point.
-- @param bigendian True for the higher byte first.
-- @return Its bytes; nil above 0x10FFFF.
function utf16_enc (cp, bigendian)
  if cp < 0 or cp > 0x10FFFF then return nil end
  if cp < 0x10000 then return string.pack(bigendian and ">I2" or "<I2", cp) end
  cp = cp - 0x10000
  return string.pack(bigendian and ">I2I2" or "<I2I2", 0xD800 | cp >> 10, 0xDC00 | cp & 0x3FF)
end

-- Code points of the bytes from 0x80 on (IBM's code page 437).
local CP437 = {
  0x00C7, 0x00FC, 0x00E9, 0x00E2, 0x00E4, 0x00E0, 0x00E5, 0x00E7, 0x00EA, 0x00EB, 0x00E8, 0x00EF,
  0x00EE, 0x00EC, 0x00C4, 0x00C5, 0x00C9, 0x00E6, 0x00C6, 0x00F4, 0x00F6, 0x00F2, 0x00FB, 0x00F9,
  0x00FF, 0x00D6, 0x00DC, 0x00A2, 0x00A3, 0x00A5, 0x20A7, 0x0192, 0x00E1, 0x00ED, 0x00F3, 0x00FA,
  0x00F1, 0x00D1, 0x00AA, 0x00BA, 0x00BF, 0x2310, 0x00AC, 0x00BD, 0x00BC, 0x00A1, 0x00AB, 0x00BB,
  0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557,
  0x255D, 0x255C, 0x255B, 0x2510, 0x2514, 0x2534, 0x252C, 0x251C, 0x2500, 0x253C, 0x255E, 0x255F,
  0x255A, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256C, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559,
  0x2558, 0x2552, 0x2553, 0x256B, 0x256A, 0x2518, 0x250C, 0x2588, 0x2584, 0x258C, 0x2590, 0x2580,
  0x03B1, 0x00DF, 0x0393, 0x03C0, 0x03A3, 0x03C3, 0x00B5, 0x03C4, 0x03A6, 0x0398, 0x03A9, 0x03B4,
  0x221E, 0x03C6, 0x03B5, 0x2229, 0x2261, 0x00B1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00F7, 0x2248,
  0x00B0, 0x2219, 0x00B7, 0x221A, 0x207F, 0x00B2, 0x25A0, 0x00A0,
}

local CP437_BYTES = {}
for i, cp in ipairs(CP437) do CP437_BYTES[cp] = string.char(127 + i) end

--- Reads a character of code page 437.
-- @param buf The bytes.
-- @param pos Where it is. Default 1.
-- @return The position behind it, or nil.
-- @return Its code point, or a message.
function cp437_dec (buf, pos)
  pos = pos or 1
  local byte = string.byte(buf, pos)
  if not byte then return nil, "Out of bytes at " .. pos end
  return pos + 1, byte < 0x80 and byte or CP437[byte - 127]
end

--- Makes the byte of a code point in code page 437.
-- @param cp The code point.
-- @return One byte; nil if the code page lacks it.
function cp437_enc (cp)
  if cp >= 0 and cp < 0x80 then return string.char(cp) end
  return CP437_BYTES[cp]
end

--- Reads all characters.
-- @param buf The bytes.
-- @param decoder A decoder.
-- @param bigendian True if the higher byte comes first.
-- @return An array of code points; what can't be read is 0xFFFD.
function decode (buf, decoder, bigendian)
  local list, pos = {}, 1
  while pos <= #buf do
    local after, cp = decoder(buf, pos, bigendian)
    if after then
      list[#list + 1] = cp
      pos = after
    else
      list[#list + 1] = REPLACEMENT
      pos = pos + 1
    end
  end
  return list
end

--- Makes the bytes of code points.
-- @param list An array of code points.
-- @param encoder An encoder.
-- @param bigendian True for the higher byte first.
-- @return A string; what can't be written is a question mark.
function encode (list, encoder, bigendian)
  local out = {}
  for i, cp in ipairs(list) do out[i] = encoder(cp, bigendian) or encoder(0x3F, bigendian) end
  return table.concat(out)
end

--- Converts text from one encoding to another.
-- @param buf The bytes.
-- @param decoder A decoder.
-- @param encoder An encoder.
-- @param bigendian_dec True if the higher byte comes first in <code>buf</code>.
-- @param bigendian_enc True if it shall come first in the result.
-- @return A string.
function transcode (buf, decoder, encoder, bigendian_dec, bigendian_enc)
  return encode(decode(buf, decoder, bigendian_dec), encoder, bigendian_enc)
end

--- Converts UTF-8 to UTF-16 with the lower byte first.
-- @param from The text.
-- @return A string.
function utf8to16 (from) return transcode(from, utf8_dec, utf16_enc, false, false) end

--- Converts UTF-16 with the lower byte first to UTF-8.
-- @param from The text.
-- @return A string.
function utf16to8 (from) return transcode(from, utf16_dec, utf8_enc, false, false) end

-- How much of a text is looked at.
local LOOKED_AT = 128

--- Guesses the encoding of a text from its first bytes.
-- @param buf The bytes.
-- @param len How many of them to look at. Default 128.
-- @return <code>utf-8</code>, <code>utf-16le</code>, <code>utf-16be</code> or <code>ascii</code>.
function chardet (buf, len)
  buf = string.sub(buf, 1, len or LOOKED_AT)
  if string.sub(buf, 1, 3) == "\xEF\xBB\xBF" then return "utf-8" end
  if string.sub(buf, 1, 2) == "\xFF\xFE" then return "utf-16le" end
  if string.sub(buf, 1, 2) == "\xFE\xFF" then return "utf-16be" end
  -- Latin letters of UTF-16 have a zero as their other byte.
  local zeros = { [0] = 0, [1] = 0 }
  for at in string.gmatch(buf, "()%z") do zeros[at % 2] = zeros[at % 2] + 1 end
  if zeros[0] > zeros[1] then return "utf-16le" end
  if zeros[1] > zeros[0] then return "utf-16be" end
  local pos, wide = 1, false
  while pos <= #buf do
    local after, cp = utf8_dec(buf, pos)
    if not after then
      -- The text may have been cut within a character.
      return wide and #buf - pos < 4 and "utf-8" or "ascii"
    end
    wide = wide or cp >= 0x80
    pos = after
  end
  return wide and "utf-8" or "ascii"
end

return _ENV
