---
-- Types of remote procedure calls as they go over the wire (NDR, C706 chapter 14; MS-DTYP).
--
-- Two kinds of tools: the functions with <code>marshall</code> and <code>unmarshall</code> in their names turn single
-- values into octets and back; a <code>Reader</code> goes through an answer and keeps track of alignment and of what
-- pointers lead to.
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local unicode = require "unicode"
_ENV = stdnse.module("msrpctypes", stdnse.seeall)

-- What a pointer that leads somewhere has for a value: anything but 0.
local REFERENT_ID = 0x50414d4e
-- Arrays longer than this are no answers to what we ask.
local COUNT_MAX = 100000

local function pad (data)
  return data .. string.rep("\0", -#data % 4)
end

-- Marshalling ---------------------------------------------------------------------------------------------------

--- Turns text into UTF-16.
-- @param text The text, UTF-8.
-- @param do_null True to add a zero.
-- @return The octets.
function string_to_unicode (text, do_null)
  return unicode.utf8to16(do_null and text .. "\0" or text)
end

--- Turns UTF-16 into text.
-- @param buffer The octets.
-- @param pos Where to begin. Default: 1.
-- @param length How many characters. Default: all.
-- @param do_null True if the last one is a zero to be left out.
-- @return The position after it, on a boundary of 4.
-- @return The text, UTF-8, nil if there is not enough of it.
function unicode_to_string (buffer, pos, length, do_null)
  pos = pos or 1
  length = length or (#buffer - pos + 1) // 2
  local last = pos + 2 * length - 1
  if last > #buffer then return #buffer + 1, nil end
  local text = unicode.utf16to8(string.sub(buffer, pos, last))
  if do_null then text = string.gsub(text, "%z$", "") end
  return last + 1 + -last % 4, text
end

--- A string with its counts: most, first and how many.
-- @param str The text, UTF-8.
-- @param do_null True to add a zero.
-- @param max_length What to say for the most. Default: how many there are.
-- @return The octets.
function marshall_unicode (str, do_null, max_length)
  local wide = string_to_unicode(str, do_null)
  local count = #wide // 2
  return pad(string.pack("<I4I4I4", max_length or count, 0, count) .. wide)
end

--- A pointer to a string; without a string it leads nowhere.
-- @param str The text, or nil.
-- @param do_null True to add a zero.
-- @param max_length See <code>marshall_unicode</code>.
-- @return The octets.
function marshall_unicode_ptr (str, do_null, max_length)
  if not str then return "\0\0\0\0" end
  return string.pack("<I4", REFERENT_ID) .. marshall_unicode(str, do_null, max_length)
end

--- A string of octets with its counts, a zero added.
-- @param str The text.
-- @param max_length See <code>marshall_unicode</code>.
-- @return The octets.
function marshall_ascii (str, max_length)
  local data = str .. "\0"
  return pad(string.pack("<I4I4I4", max_length or #data, 0, #data) .. data)
end

--- A pointer to a string of octets.
-- @param str The text, or nil.
-- @param max_length See <code>marshall_unicode</code>.
-- @return The octets.
function marshall_ascii_ptr (str, max_length)
  if not str then return "\0\0\0\0" end
  return string.pack("<I4", REFERENT_ID) .. marshall_ascii(str, max_length)
end

--- 64 bits.
-- @param int64 The number.
-- @return The octets.
function marshall_int64 (int64)
  return string.pack("<i8", int64)
end

--- 32 bits.
-- @param int32 The number.
-- @return The octets.
function marshall_int32 (int32)
  return string.pack("<I4", int32 & 0xffffffff)
end

--- 16 bits.
-- @param int16 The number.
-- @param pad False not to fill up to 32 bits.
-- @return The octets.
function marshall_int16 (int16, pad)
  return string.pack(pad == false and "<I2" or "<I2xx", int16 & 0xffff)
end

--- 8 bits.
-- @param int8 The number.
-- @param pad False not to fill up to 32 bits.
-- @return The octets.
function marshall_int8 (int8, pad)
  return string.pack(pad == false and "B" or "Bxxx", int8 & 0xff)
end

-- A pointer to what is there, or one that leads nowhere.
local function pointer_to (value, func, ...)
  if value == nil then return "\0\0\0\0" end
  return string.pack("<I4", REFERENT_ID) .. func(value, ...)
end

--- A pointer to 64 bits.
-- @param int64 The number, or nil.
-- @return The octets.
function marshall_int64_ptr (int64) return pointer_to(int64, marshall_int64) end

--- A pointer to 32 bits.
-- @param int32 The number, or nil.
-- @return The octets.
function marshall_int32_ptr (int32) return pointer_to(int32, marshall_int32) end

--- A pointer to 16 bits.
-- @param int16 The number, or nil.
-- @param pad See <code>marshall_int16</code>.
-- @return The octets.
function marshall_int16_ptr (int16, pad) return pointer_to(int16, marshall_int16, pad) end

--- A pointer to 8 bits.
-- @param int8 The number, or nil.
-- @param pad See <code>marshall_int8</code>.
-- @return The octets.
function marshall_int8_ptr (int8, pad) return pointer_to(int8, marshall_int8, pad) end

--- A handle that a server gave out.
-- @param policy_handle Its 20 octets.
-- @return The same.
function marshall_policy_handle (policy_handle)
  return policy_handle
end

--- A security identifier (MS-DTYP 2.4.2.3) with the count in front.
-- @param sid As in <code>"S-1-5-32-544"</code>, or the octets.
-- @return The octets.
function marshall_dom_sid2 (sid)
  local bytes = sid
  if string.sub(sid, 1, 2) == "S-" then
    local numbers = {}
    for number in string.gmatch(sid, "%d+") do numbers[#numbers + 1] = tonumber(number) end
    local parts = { string.pack(">BBI6", numbers[1], #numbers - 2, numbers[2]) }
    for i = 3, #numbers do parts[#parts + 1] = string.pack("<I4", numbers[i]) end
    bytes = table.concat(parts)
  end
  return string.pack("<I4", string.byte(bytes, 2)) .. bytes
end

--- A string with its lengths and a pointer to it (RPC_UNICODE_STRING, MS-DTYP 2.3.10), in one piece.
-- @param str The text.
-- @param max_length What to say for the most octets. Default: how many there are.
-- @return The octets.
function marshall_lsa_String (str, max_length)
  local wide = unicode.utf8to16(str)
  return string.pack("<I2I2I4", #wide, max_length or #wide, REFERENT_ID)
    .. pad(string.pack("<I4I4I4", (max_length or #wide) // 2, 0, #wide // 2) .. wide)
end

-- Unmarshalling -------------------------------------------------------------------------------------------------

local function unpack_at (format, size, data, pos)
  if pos + size - 1 > #data then return #data + 1, nil end
  return pos + size, (string.unpack(format, data, pos))
end

--- 64 bits.
-- @param data The octets.
-- @param pos Where to begin.
-- @return The position after it.
-- @return The number, nil if there is not enough of it.
function unmarshall_int64 (data, pos) return unpack_at("<i8", 8, data, pos) end

--- 32 bits.
-- @param data The octets.
-- @param pos Where to begin.
-- @return The position after it.
-- @return The number, nil if there is not enough of it.
function unmarshall_int32 (data, pos) return unpack_at("<I4", 4, data, pos) end

--- 16 bits.
-- @param data The octets.
-- @param pos Where to begin.
-- @param pad False if it is not filled up to 32 bits.
-- @return The position after it.
-- @return The number, nil if there is not enough of it.
function unmarshall_int16 (data, pos, pad)
  local after, value = unpack_at("<I2", 2, data, pos)
  return pad == false and after or after + 2, value
end

--- 8 bits.
-- @param data The octets.
-- @param pos Where to begin.
-- @param pad False if it is not filled up to 32 bits.
-- @return The position after it.
-- @return The number, nil if there is not enough of it.
function unmarshall_int8 (data, pos, pad)
  local after, value = unpack_at("B", 1, data, pos)
  return pad == false and after or after + 3, value
end

--- Octets as they are.
-- @param data The octets.
-- @param pos Where to begin.
-- @param length How many.
-- @return The position after them.
-- @return The octets, nil if there are not enough.
function unmarshall_raw (data, pos, length)
  if pos + length - 1 > #data then return #data + 1, nil end
  return pos + length, string.sub(data, pos, pos + length - 1)
end

--- A handle.
-- @param data The octets.
-- @param pos Where to begin.
-- @return The position after it.
-- @return Its 20 octets.
function unmarshall_policy_handle (data, pos) return unmarshall_raw(data, pos, 20) end

--- A time, in 100 ns since 1601.
-- @param data The octets.
-- @param pos Where to begin.
-- @return The position after it.
-- @return Seconds since 1970, 0 if none is set.
function unmarshall_NTTIME (data, pos)
  local after, time = unpack_at("<i8", 8, data, pos)
  if not time then return after, nil end
  return after, time ~= 0 and time // 10000000 - 11644473600 or 0
end

--- A string with its counts.
-- @param data The octets.
-- @param pos Where to begin.
-- @param do_null True if the last character is a zero to be left out.
-- @return The position after it.
-- @return The text, UTF-8, nil if there is not enough of it.
function unmarshall_unicode (data, pos, do_null)
  if pos + 11 > #data then return #data + 1, nil end
  local _, _, count = string.unpack("<I4I4I4", data, pos)
  return unicode_to_string(data, pos + 12, count, do_null)
end

--- A pointer to a string.
-- @param data The octets.
-- @param pos Where to begin.
-- @param do_null True if the last character is a zero to be left out.
-- @return The position after it.
-- @return The text, nil if the pointer leads nowhere.
function unmarshall_unicode_ptr (data, pos, do_null)
  local after, pointer = unmarshall_int32(data, pos)
  if not pointer or pointer == 0 then return after, nil end
  return unmarshall_unicode(data, after, do_null)
end

-- Reader --------------------------------------------------------------------------------------------------------

--- Goes through an answer. Each method raises an error when the answer ends too early: to be called within
-- <code>pcall</code>.
Reader = {}
Reader.__index = Reader

--- Begins.
-- @param data The answer's octets.
-- @return The reader.
function Reader.new (data)
  return setmetatable({ data = data, pos = 1 }, Reader)
end

function Reader:align (size)
  self.pos = self.pos + -(self.pos - 1) % size
end

function Reader:number (size)
  self:align(size)
  if self.pos + size - 1 > #self.data then error("the answer ends too early", 0) end
  local value
  value, self.pos = string.unpack("<I" .. size, self.data, self.pos)
  return value
end

--- The next 8, 16, 32 or 64 bits, aligned.
function Reader:u8 () return self:number(1) end
function Reader:u16 () return self:number(2) end
function Reader:u32 () return self:number(4) end
function Reader:u64 () self:align(4) local low = self:number(4) return self:number(4) << 32 | low end

--- The next octets.
-- @param count How many.
-- @return The octets.
function Reader:raw (count)
  if self.pos + count - 1 > #self.data then error("the answer ends too early", 0) end
  local bytes = string.sub(self.data, self.pos, self.pos + count - 1)
  self.pos = self.pos + count
  return bytes
end

--- How many items an array has.
-- @return The count, within reason.
function Reader:count ()
  local count = self:u32()
  if count > COUNT_MAX then error("the answer has too many items", 0) end
  return count
end

--- A string with its counts.
-- @return The text, UTF-8, without a zero at its end.
function Reader:wide ()
  self:u32()
  self:u32()
  local count = self:count()
  return (string.gsub(unicode.utf16to8(self:raw(2 * count)), "%z+$", ""))
end

--- A string that a pointer leads to.
-- @param pointer The pointer.
-- @return The text, nil if it leads nowhere.
function Reader:wide_at (pointer)
  if pointer == 0 then return nil end
  return self:wide()
end

--- The lengths and the pointer of a string (RPC_UNICODE_STRING).
-- @return The pointer.
function Reader:string_header ()
  self:align(4)
  self:u16()
  self:u16()
  return self:u32()
end

--- A security identifier with the count in front.
-- @return As in <code>"S-1-5-32-544"</code>.
function Reader:sid ()
  self:u32()
  local revision, count = self:u8(), self:u8()
  local authority = string.unpack(">I6", self:raw(6))
  local parts = { ("S-%d-%d"):format(revision, authority) }
  for _ = 1, count do parts[#parts + 1] = self:u32() end
  return table.concat(parts, "-")
end

-- Names of values -----------------------------------------------------------------------------------------------

-- MS-SRVS 2.2.2.4.
local SHARE_TYPES = {
  [0] = "STYPE_DISKTREE", [1] = "STYPE_PRINTQ", [2] = "STYPE_DEVICE", [3] = "STYPE_IPC",
}

--- Shows the type of a share.
-- @param val The number.
-- @return Its name.
function srvsvc_ShareType_tostr (val)
  local name = SHARE_TYPES[val & 0xff] or ("STYPE_UNKNOWN_%d"):format(val & 0xff)
  if val & 0x40000000 ~= 0 then name = name .. "_TEMPORARY" end
  if val & 0x80000000 ~= 0 then name = name .. "_HIDDEN" end
  return name
end

-- MS-LSAT 2.2.13.
local SID_TYPES = {
  [1] = "User", [2] = "Domain group", [3] = "Domain", [4] = "Alias", [5] = "Well known group", [6] = "Deleted account",
  [7] = "Invalid account", [8] = "Unknown account", [9] = "Computer",
}

--- Shows the type of an account.
-- @param val The number.
-- @return Words.
function lsa_SidType_tostr (val)
  return SID_TYPES[val] or ("Unknown type (%d)"):format(val)
end

-- MS-SAMR 2.2.1.12.
local ACCOUNT_FLAGS = {
  { 0x00000001, "Account disabled" }, { 0x00000002, "Home directory required" },
  { 0x00000004, "Password not required" },
  { 0x00000008, "Temporary duplicate account" }, { 0x00000010, "Normal user account" },
  { 0x00000020, "MNS logon account" }, { 0x00000040, "Interdomain trust account" },
  { 0x00000080, "Workstation trust account" }, { 0x00000100, "Server trust account" },
  { 0x00000200, "Password does not expire" }, { 0x00000400, "Account locked" },
  { 0x00000800, "Encrypted text password allowed" }, { 0x00001000, "Smart card required" },
  { 0x00002000, "Trusted for delegation" }, { 0x00004000, "Not delegated" }, { 0x00008000, "Use DES key only" },
  { 0x00010000, "Preauthentication not required" }, { 0x00020000, "Password expired" },
}

local function flag_names (list, val)
  local names = {}
  for _, flag in ipairs(list) do
    if val & flag[1] ~= 0 then names[#names + 1] = flag[2] end
  end
  return names
end

--- Shows the flags of an account.
-- @param val The number.
-- @return A list of words.
function samr_AcctFlags_tostr (val)
  return flag_names(ACCOUNT_FLAGS, val)
end

-- MS-SAMR 2.2.3.5 (PasswordProperties).
local PASSWORD_FLAGS = {
  { 0x01, "Complexity requirements exist" }, { 0x02, "Must be logged in to change password" },
  { 0x04, "Cannot change without clear text" }, { 0x08, "Admin account lockout enabled" },
  { 0x10, "Passwords stored in clear text" }, { 0x20, "Passwords cannot be changed" },
}

--- Shows the rules for passwords of a domain.
-- @param val The number.
-- @return A list of words.
function samr_PasswordProperties_tostr (val)
  return flag_names(PASSWORD_FLAGS, val)
end

return _ENV
