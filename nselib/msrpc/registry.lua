---
-- Registry (MS-RRP). Scripts reach it through library <code>msrpc</code>.
--
-- @copyright MIT OR Apache-2.0

local rpc = require "msrpc.call"
local msrpctypes = require "msrpctypes"
local os = require "os"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("msrpc.registry", stdnse.seeall)

local call, read_handle, read_return =
  rpc.call, rpc.read_handle, rpc.read_return
local REFERENT_ID =
  rpc.REFERENT_ID
local wide_ptr, int32 =
  msrpctypes.marshall_unicode_ptr, msrpctypes.marshall_int32

-- Registry (MS-RRP) ---------------------------------------------------------------------------------------------

-- A string with its lengths and a pointer to it; the lengths count the zero at its end.
local function registry_string (text)
  if not text then return int32(0) .. int32(0) end
  local bytes = 2 * (#msrpctypes.string_to_unicode(text, true) // 2)
  return string.pack("<I2I2", bytes, bytes) .. wide_ptr(text, true)
end

-- Room for a string that the server fills.
local function registry_buffer (characters)
  return string.pack("<I2I2I4I4I4I4", 0, 2 * characters, REFERENT_ID, characters, 0, 0)
end

-- Opens one of the roots. The machine's name is one character that servers pass over.
local function open_root (opnum)
  return function (smbstate)
    return call(smbstate, opnum, int32(REFERENT_ID) .. int32(0x3f) .. int32(0x02000000), read_handle("handle"))
  end
end

--- Opens the settings of the present user.
-- @class function
-- @name winreg_openhkcu
-- @param smbstate The connection.
-- @return True and a table with <code>handle</code>; or false and an error.
winreg_openhkcu = open_root(1)

--- Opens the settings of the machine.
-- @class function
-- @name winreg_openhklm
-- @param smbstate The connection.
-- @return True and a table with <code>handle</code>; or false and an error.
winreg_openhklm = open_root(2)

--- Opens the performance data.
-- @class function
-- @name winreg_openhkpd
-- @param smbstate The connection.
-- @return True and a table with <code>handle</code>; or false and an error.
winreg_openhkpd = open_root(3)

--- Opens the settings of all users.
-- @class function
-- @name winreg_openhku
-- @param smbstate The connection.
-- @return True and a table with <code>handle</code>; or false and an error.
winreg_openhku = open_root(4)

--- Closes a key.
-- @param smbstate The connection.
-- @param handle The key.
-- @return True, or false and an error.
function winreg_closekey (smbstate, handle)
  return call(smbstate, 5, handle, read_return)
end

--- Gets the name of a key below another.
-- @param smbstate The connection.
-- @param handle The other key.
-- @param index Which one, from 0.
-- @param name Unused.
-- @return True and a table with <code>name</code>; or false and an error: there are no more.
function winreg_enumkey (smbstate, handle, index, name)
  local arguments = handle .. int32(index) .. registry_buffer(260)
    .. int32(REFERENT_ID) .. registry_buffer(260) .. int32(REFERENT_ID) .. string.rep("\0", 8)
  return call(smbstate, 9, arguments, function (reader, results)
    local pointer = reader:string_header()
    results.name = reader:wide_at(pointer)
    if reader:u32() ~= 0 then reader:wide_at(reader:string_header()) end
    reader:align(4)
    if reader:u32() ~= 0 then results.changed_time = reader:u64() end
    results["return"] = reader:u32()
  end)
end

--- Opens a key below another.
-- @param smbstate The connection.
-- @param handle The other key.
-- @param keyname Its path.
-- @return True and a table with <code>handle</code>; or false and an error.
function winreg_openkey (smbstate, handle, keyname)
  return call(smbstate, 15, handle .. registry_string(keyname) .. int32(0) .. int32(0x02000000), read_handle("handle"))
end

--- Learns about a key.
-- @param smbstate The connection.
-- @param handle The key.
-- @return True and a table with <code>subkeys</code>, <code>values</code> and <code>last_changed_time</code> (seconds);
--         or false and an error.
function winreg_queryinfokey (smbstate, handle)
  return call(smbstate, 16, handle .. registry_buffer(260), function (reader, results)
    reader:wide_at(reader:string_header())
    reader:align(4)
    results.subkeys, results.subkeymax, results.subkeysize = reader:u32(), reader:u32(), reader:u32()
    results.values, results.valnamemax, results.valbufmax, results.secdescsize =
      reader:u32(), reader:u32(), reader:u32(), reader:u32()
    results.last_changed_time = reader:u64() // 10000000 - 11644473600
    results.last_changed_date = os.date("!%Y-%m-%d %H:%M:%S", results.last_changed_time)
    results["return"] = reader:u32()
  end)
end

-- Kinds of values (MS-RRP 2.2.9, MS-DTYP).
local REG_SZ, REG_EXPAND_SZ, REG_DWORD, REG_MULTI_SZ = 1, 2, 4, 7
-- The longest value that is asked for: performance data are long.
local VALUE_LEN_MAX = 1024 * 1024

--- Gets a value of a key.
-- @param smbstate The connection.
-- @param handle The key.
-- @param value The value's name.
-- @return True and a table with <code>type</code>, <code>data</code> (octets) and <code>value</code> (a text or a
--         number,
--         or the octets); or false and an error.
function winreg_queryvalue (smbstate, handle, value)
  local size = 0x10000
  while true do
    local pointer = int32(REFERENT_ID)
    local arguments = handle .. registry_string(value) .. pointer .. int32(0)
      .. pointer .. int32(size) .. int32(0) .. int32(0) .. pointer .. int32(size) .. pointer .. int32(0)
    local status, results, code = call(smbstate, 17, arguments, function (reader, answer)
      if reader:u32() ~= 0 then answer.type = reader:u32() end
      if reader:u32() ~= 0 then
        reader:u32()
        reader:u32()
        answer.data = reader:raw(reader:u32())
        reader:align(4)
      end
      if reader:u32() ~= 0 then answer.size = reader:u32() end
      if reader:u32() ~= 0 then answer.length = reader:u32() end
      answer["return"] = reader:u32()
    end)
    if status then
      local data = results.data or ""
      if results.type == REG_SZ or results.type == REG_EXPAND_SZ or results.type == REG_MULTI_SZ then
        local _, text = msrpctypes.unicode_to_string(data, 1, #data // 2)
        results.value = (string.gsub(text or "", "%z+$", ""))
      elseif results.type == REG_DWORD and #data >= 4 then
        results.value = string.unpack("<I4", data)
      else
        results.value = data
      end
      return true, results
    end
    -- More data than there was room for.
    if code ~= 0xea or size >= VALUE_LEN_MAX then return false, results end
    size = size * 4
  end
end

return _ENV
