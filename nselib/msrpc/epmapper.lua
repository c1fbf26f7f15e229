---
-- Endpoint mapper (C706, appendix O). Scripts reach it through library <code>msrpc</code>.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local rpc = require "msrpc.call"
local msrpctypes = require "msrpctypes"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("msrpc.epmapper", stdnse.seeall)

local call, uuid =
  rpc.call, rpc.uuid
local int32 =
  msrpctypes.marshall_int32

-- Endpoint mapper (C706, appendix O) ----------------------------------------------------------------------------

-- The result of a lookup that has come to its end.
local ENDPOINTS_NOT_FOUND = 0x16c9a0d6
-- Protocols of a tower's floors (C706, appendix I) and what their addresses are called.
local FLOORS = {
  [0x07] = { "tcp_port", function (data) return #data == 2 and string.unpack(">I2", data) or nil end },
  [0x08] = { "udp_port", function (data) return #data == 2 and string.unpack(">I2", data) or nil end },
  [0x09] = { "ip_addr", function (data)
    return #data == 4 and ("%d.%d.%d.%d"):format(string.byte(data, 1, 4)) or nil
  end },
  [0x0f] = { "ncacn_np", function (data) return string.match(data, "^%Z*") end },
  [0x10] = { "ncalrpc", function (data) return string.match(data, "^%Z*") end },
  [0x11] = { "netbios", function (data) return string.match(data, "^%Z*") end },
  [0x1f] = { "http_port", function (data) return #data == 2 and string.unpack(">I2", data) or nil end },
}

--- Shows an interface's identifier.
-- @param uuid Its sixteen octets.
-- @return The usual text.
function uuid_to_string (uuid)
  local a, b, c = string.unpack("<I4I2I2", uuid)
  return ("%08x-%04x-%04x-%s-%s"):format(a, b, c, stdnse.tohex(string.sub(uuid, 9, 10)),
    stdnse.tohex(string.sub(uuid, 11)))
end

-- A tower: floors, each with what it is and where. The first names the interface.
local function read_tower (tower, entry)
  if #tower < 2 then return end
  local count, pos = string.unpack("<I2", tower)
  for floor = 1, math.min(count, 10) do
    if pos + 1 > #tower then return end
    local left_len = string.unpack("<I2", tower, pos)
    if pos + 3 + left_len > #tower then return end
    local left, right_at = string.sub(tower, pos + 2, pos + 1 + left_len), pos + 2 + left_len
    local right_len = string.unpack("<I2", tower, right_at)
    local right = string.sub(tower, right_at + 2, right_at + 1 + right_len)
    pos = right_at + 2 + right_len
    local protocol = string.byte(left, 1)
    if floor == 1 and protocol == 0x0d and #left >= 19 then
      entry.uuid = uuid_to_string(string.sub(left, 2, 17))
      entry.version = string.unpack("<I2", left, 18)
    elseif FLOORS[protocol] then
      entry[FLOORS[protocol][1] ] = FLOORS[protocol][2](right)
    end
  end
end

--- Asks for the next endpoint (ept_lookup).
-- @param smbstate The connection.
-- @param handle What the call before gave as <code>new_handle</code>, nil for the first one.
-- @return True and a table with <code>new_handle</code> and <code>lookup_response</code>: <code>uuid</code>,
--         <code>version</code>, <code>annotation</code> and the address, as <code>tcp_port</code>,
--         <code>udp_port</code>, <code>ip_addr</code>, <code>ncacn_np</code>, <code>ncalrpc</code> or
--         <code>netbios</code>; or false and an error, at the end <code>"not_found"</code>.
function epmapper_lookup (smbstate, handle)
  -- All elements, no object, no interface, any version, one at a time.
  local arguments = int32(0) .. int32(0) .. int32(0) .. int32(1) .. (handle or string.rep("\0", 20)) .. int32(1)
  local status, results, code = call(smbstate, 2, arguments, function (reader, answer)
    answer.new_handle = reader:raw(20)
    local count = reader:u32()
    reader:u32()
    reader:u32()
    reader:u32()
    local entry = {}
    if count > 0 then
      entry.object = reader:raw(16)
      local tower = reader:u32()
      reader:u32()
      entry.annotation = string.match(reader:raw(reader:count()), "^%Z*")
      if tower ~= 0 then
        reader:u32()
        read_tower(reader:raw(reader:count()), entry)
        reader:align(4)
      end
      answer.lookup_response = entry
    end
    answer["return"] = reader:u32()
  end)
  if not status then return false, code == ENDPOINTS_NOT_FOUND and "not_found" or results end
  if not results.lookup_response then return false, "not_found" end
  return true, results
end

return _ENV
