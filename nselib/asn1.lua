---
-- Basic Encoding Rules of ASN.1 (ITU-T X.690), as far as network protocols need them.
--
-- A decoder turns bytes into Lua values by the identifier octet in front of them, an encoder turns Lua values into
-- bytes
-- by their Lua type. Protocols add identifiers of their own with <code>registerTagDecoders</code> and
-- <code>registerTagEncoders</code>. Only identifiers of one octet are looked up, and only lengths of the definite form
-- are read, which is all that SNMP, LDAP and Kerberos send.
--
-- What comes from a peer is checked: a value that does not fit in the bytes at hand is nil, and sequences inside
-- sequences end at a fixed depth.
--
-- @usage
-- local decoder = asn1.ASN1Decoder:new()
-- decoder:registerBaseDecoders()
-- local value, pos = decoder:decode("\x02\x01\x05", 1) --> 5, 4
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("asn1", stdnse.seeall)

-- A sequence may hold sequences; deeper than this nobody nests them.
local DEPTH_MAX = 64

--- Classes of identifiers, as they stand in the two highest bits (X.690, 8.1.2.2).
-- @class table
-- @name BERCLASS
BERCLASS = {
  Universal = 0,
  Application = 64,
  ContextSpecific = 128,
  Private = 192,
}

-- Decoding ------------------------------------------------------------------------------------------------------

ASN1Decoder = {}

--- Makes a decoder. It knows no identifiers yet.
-- @param o A table to make it of, or nil.
-- @return The decoder.
function ASN1Decoder:new (o)
  o = o or {}
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Says whether the decoding of a sequence ends at the first item that is not understood.
-- @param val True or false.
function ASN1Decoder:setStopOnError (val)
  self.stoponerror = val
end

local base_decoders = {}

-- BOOLEAN
base_decoders["\x01"] = function (self, data, len, pos)
  if len < 1 then return nil, pos end
  return string.byte(data, pos) ~= 0, pos + len
end

-- INTEGER
base_decoders["\x02"] = function (self, data, len, pos)
  return self.decodeInt(data, len, pos)
end

-- OCTET STRING
base_decoders["\x04"] = function (self, data, len, pos)
  return string.sub(data, pos, pos + len - 1), pos + len
end

-- NULL: Lua's nil would make a hole in a sequence.
base_decoders["\x05"] = function (self, data, len, pos)
  return false, pos + len
end

-- OBJECT IDENTIFIER
base_decoders["\x06"] = function (self, data, len, pos)
  return self:decodeOID(data, len, pos)
end

-- SEQUENCE
base_decoders["\x30"] = function (self, data, len, pos)
  return self:decodeSeq(data, len, pos)
end

--- Teaches the decoder the universal types: boolean, integer, string, null, object identifier and sequence.
function ASN1Decoder:registerBaseDecoders ()
  self.decoder = {}
  self:registerTagDecoders(base_decoders)
end

--- Teaches the decoder more identifiers.
-- @param tagDecoders Functions by identifier octet. Each is called with the decoder, the data, the length of the value
--                    and the position where it begins, and returns the value and the position after it.
function ASN1Decoder:registerTagDecoders (tagDecoders)
  self.decoder = self.decoder or {}
  for tag, func in pairs(tagDecoders) do self.decoder[tag] = func end
end

--- Decodes one value.
-- @param encStr The data.
-- @param pos Where it begins. Default: 1.
-- @return The value, nil if its type is not known or the data end too early.
-- @return The position after it.
function ASN1Decoder:decode (encStr, pos)
  pos = pos or 1
  local tag = string.sub(encStr, pos, pos)
  if tag == "" then return nil, #encStr + 1 end
  local len, value_pos = self.decodeLength(encStr, pos + 1)
  if not len or value_pos + len - 1 > #encStr then return nil, #encStr + 1 end
  local func = self.decoder and self.decoder[tag]
  if not func then return nil, value_pos + len end
  return func(self, encStr, len, value_pos)
end

--- Decodes the length octets (X.690, 8.1.3).
-- @param encStr The data.
-- @param pos Where they begin.
-- @return The length, nil if it is of the indefinite form, too large or cut off.
-- @return The position after it.
function ASN1Decoder.decodeLength (encStr, pos)
  local first = string.byte(encStr, pos)
  if not first then return nil, pos end
  if first < 0x80 then return first, pos + 1 end
  local count = first & 0x7f
  if count == 0 or count > 6 or pos + count > #encStr then return nil, pos + 1 end
  return string.unpack(">I" .. count, encStr, pos + 1)
end

--- Decodes the items of a sequence.
-- @param encStr The data.
-- @param len The length of the sequence.
-- @param pos Where its first item begins.
-- @return A table of the items.
-- @return The position after the sequence.
function ASN1Decoder:decodeSeq (encStr, len, pos)
  local last = math.min(pos + len - 1, #encStr)
  local depth = (self.depth or 0) + 1
  if depth > DEPTH_MAX then return nil, last + 1 end
  self.depth = depth
  local items = {}
  -- The sequence is cut out, so that no item can reach beyond it.
  local content, at = string.sub(encStr, pos, last), 1
  while at <= #content do
    local value
    value, at = self:decode(content, at)
    if value == nil and self.stoponerror then break end
    items[#items + 1] = value
  end
  self.depth = depth - 1
  return items, last + 1
end

--- Decodes one number of an object identifier (X.690, 8.19.2): seven bits an octet, the last one below 128.
-- @param encStr The data.
-- @param pos Where it begins.
-- @return The number, nil if the data end within it.
-- @return The position after it.
function ASN1Decoder.decode_oid_component (encStr, pos)
  local number = 0
  while true do
    local octet = string.byte(encStr, pos)
    pos = pos + 1
    if not octet then return nil, pos end
    number = number << 7 | octet & 0x7f
    if octet < 0x80 then return number, pos end
  end
end

--- Decodes an object identifier.
-- @param encStr The data.
-- @param len Its length.
-- @param pos Where it begins.
-- @return A table of the numbers, with field <code>_snmp</code> that tells it from a sequence when it is encoded again.
-- @return The position after it.
function ASN1Decoder:decodeOID (encStr, len, pos)
  local last = math.min(pos + len - 1, #encStr)
  local content, at = string.sub(encStr, pos, last), 1
  local oid = { _snmp = "\x06" }
  while at <= #content do
    local number
    number, at = self.decode_oid_component(content, at)
    if not number then break end
    if #oid == 0 then
      -- The first two numbers share an octet; only below 2 may the second exceed 39 (8.19.4).
      local root = math.min(number // 40, 2)
      oid[1], oid[2] = root, number - root * 40
    else
      oid[#oid + 1] = number
    end
  end
  return oid, last + 1
end

--- Decodes an integer in two's complement.
-- @param encStr The data.
-- @param len Its length.
-- @param pos Where it begins.
-- @return The integer, nil if it does not fit in 64 bits or the data end too early.
-- @return The position after it.
function ASN1Decoder.decodeInt (encStr, len, pos)
  local next_pos = pos + len
  if len < 1 or next_pos - 1 > #encStr then return nil, next_pos end
  local first = string.byte(encStr, pos)
  -- A counter of 64 bits may have a zero in front.
  while len > 8 and (first == 0 or first == 0xff) do
    pos, len = pos + 1, len - 1
    if len == 8 then break end
  end
  if len > 8 then return nil, next_pos end
  return (string.unpack(">i" .. len, encStr, pos)), next_pos
end

-- Encoding ------------------------------------------------------------------------------------------------------

ASN1Encoder = {}

--- Makes an encoder for booleans, integers, strings, nil and, with <code>type</code> and <code>value</code>, tables.
-- @param o A table to make it of, or nil.
-- @return The encoder.
function ASN1Encoder:new (o)
  o = o or {}
  setmetatable(o, self)
  self.__index = self
  o:registerBaseEncoders()
  return o
end

--- Encodes a sequence.
-- @param seqData The encoded items.
-- @return The bytes.
function ASN1Encoder:encodeSeq (seqData)
  return "\x30" .. self.encodeLength(#seqData) .. seqData
end

--- Encodes a value by its Lua type.
-- @param val The value.
-- @return The bytes, nil if the type is not known.
function ASN1Encoder:encode (val)
  local func = self.encoder[type(val)]
  return func and func(self, val)
end

--- Teaches the encoder more types, or other ways for those it knows.
-- @param tagEncoders Functions by the name that <code>type</code> has for a value. Each is called with the encoder and
--                    the value and returns bytes.
function ASN1Encoder:registerTagEncoders (tagEncoders)
  self:registerBaseEncoders()
  for name, func in pairs(tagEncoders) do self.encoder[name] = func end
end

-- With field <code>type</code>, an identifier in hexadecimal, the bytes in field <code>value</code> are wrapped.
local function encode_table (self, val)
  local identifier = type(val.type) == "string" and stdnse.fromhex(val.type)
  if not identifier or type(val.value) ~= "string" then
    error("a table to encode needs a type in hexadecimal and a value of bytes", 0)
  end
  return identifier .. self.encodeLength(#val.value) .. val.value
end

--- Teaches the encoder the base types.
function ASN1Encoder:registerBaseEncoders ()
  self.encoder = {
    ["table"] = encode_table,
    ["boolean"] = function (enc, val)
      return val and "\x01\x01\xff" or "\x01\x01\x00"
    end,
    ["number"] = function (enc, val)
      local bytes = enc.encodeInt(val)
      return "\x02" .. enc.encodeLength(#bytes) .. bytes
    end,
    ["string"] = function (enc, val)
      return "\x04" .. enc.encodeLength(#val) .. val
    end,
    ["nil"] = function ()
      return "\x05\x00"
    end,
  }
end

--- Encodes one number of an object identifier.
-- @param n The number.
-- @return The bytes.
function ASN1Encoder.encode_oid_component (n)
  local bytes = string.char(n & 0x7f)
  n = n >> 7
  while n > 0 do
    bytes = string.char(n & 0x7f | 0x80) .. bytes
    n = n >> 7
  end
  return bytes
end

--- Encodes an integer in as few octets as two's complement allows.
-- @param val The integer.
-- @return The bytes.
function ASN1Encoder.encodeInt (val)
  local integer = math.tointeger(val)
  if not integer then error("not an integer: " .. tostring(val), 0) end
  local size = 1
  while size < 8 and (integer < -(1 << (8 * size - 1)) or integer >= 1 << (8 * size - 1)) do
    size = size + 1
  end
  return string.pack(">i" .. size, integer)
end

--- Encodes a length: one octet below 128, otherwise as few as needed after their number.
-- @param len The length.
-- @return The bytes.
function ASN1Encoder.encodeLength (len)
  if len < 0x80 then return string.char(len) end
  local bytes = {}
  while len > 0 do
    table.insert(bytes, 1, string.char(len & 0xff))
    len = len >> 8
  end
  return string.char(0x80 | #bytes) .. table.concat(bytes)
end

-- Identifiers ---------------------------------------------------------------------------------------------------

--- Makes an identifier octet.
-- @usage asn1.BERtoInt(asn1.BERCLASS.Application, true, 3) --> 0x63
-- @param class One of <code>BERCLASS</code>.
-- @param constructed True if the value is made of others.
-- @param number The tag number, 0 to 30.
-- @return The octet as a number.
function BERtoInt (class, constructed, number)
  return class + (constructed and 0x20 or 0) + number
end

--- Takes an identifier octet apart.
-- @param i The octet as a number.
-- @return Table with <code>class</code>, <code>constructed</code> and <code>number</code>.
function intToBER (i)
  return { class = i & 0xc0, constructed = i & 0x20 ~= 0, number = i & 0x1f }
end

return _ENV
