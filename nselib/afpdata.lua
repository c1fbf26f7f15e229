---
-- Apple Filing Protocol: reading what answers hold, and showing it. Scripts reach this through library
-- <code>afp</code>.
--
-- @copyright MIT OR Apache-2.0

local afpcodes = require "afpcodes"
local datetime = require "datetime"
local ipOps = require "ipOps"
local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("afpdata", stdnse.seeall)

-- Times are in seconds since 2000.
local EPOCH_2000 = 946684800
-- A time that was never set is the least of all numbers.
local NEVER = -0x80000000

-- The server -----------------------------------------------------------------------------------------------------

-- A list of texts with its length in front, where the server says; empty where it says nothing.
local function texts (data, offset)
  local list = {}
  if offset == 0 then return list end
  local count, pos = string.unpack("B", data, offset + 1)
  for i = 1, count do list[i], pos = string.unpack("s1", data, pos) end
  return list
end

-- Addresses have a length and a kind: 1 and 2 are of IP without and with a port, 4 is a name, 6 and 7 are of version 6.
local function addresses (data, offset)
  local list = {}
  if offset == 0 then return list end
  local count, pos = string.unpack("B", data, offset + 1)
  for _ = 1, count do
    local len = string.byte(data, pos) or error("cut off")
    if len < 2 then error("an address without length") end
    local octets = string.unpack("c" .. len - 1, data, pos + 1)
    pos = pos + len
    local kind, rest = string.byte(octets), string.sub(octets, 2)
    local text
    if (kind == 1 or kind == 2) and #rest >= 4 then
      text = ipOps.str_to_ip(string.sub(rest, 1, 4))
      if kind == 2 and #rest >= 6 then text = ("%s:%d"):format(text, (string.unpack(">I2", rest, 5))) end
    elseif (kind == 6 or kind == 7) and #rest >= 16 then
      text = ipOps.str_to_ip(string.sub(rest, 1, 16))
      if kind == 7 and #rest >= 18 then text = ("[%s]:%d"):format(text, (string.unpack(">I2", rest, 17))) end
    elseif kind == 4 then
      text = rest
    end
    if text then list[#list + 1] = text end
  end
  return list
end

--- Reads what a server says of itself. Raises if that is malformed.
-- @param data The octets.
-- @return Table with <code>flags</code> (each name of <code>SERVERFLAGS</code>, and <code>raw</code>, the number),
--         <code>server_name</code>, <code>machine_type</code>, <code>afp_versions</code>, <code>uams</code>,
--         <code>server_signature</code>, <code>network_addresses</code>, <code>directory_names</code> (with
--         <code>network_addresses_count</code> and <code>directory_names_count</code>) and
--         <code>utf8_server_name</code>.
function server_info (data)
  local info = { flags = {} }
  local machine, versions, uams, _, flags, pos = string.unpack(">I2I2I2I2I2", data)
  info.flags.raw = flags
  for name, bit in pairs(afpcodes.SERVERFLAGS) do info.flags[name] = flags & bit ~= 0 end
  info.server_name, pos = string.unpack("s1", data, pos)
  -- What follows begins at an even place.
  if pos % 2 == 0 then pos = pos + 1 end
  info.machine_type = (string.unpack("s1", data, machine + 1))
  info.afp_versions, info.uams = texts(data, versions), texts(data, uams)
  local signature, network, directory, utf8_name = 0, 0, 0, 0
  -- Older servers end before some of these.
  local first = math.min(machine, versions, uams)
  if pos + 1 <= first then signature, pos = string.unpack(">I2", data, pos) end
  if pos + 1 <= first then network, pos = string.unpack(">I2", data, pos) end
  if pos + 1 <= first then directory, pos = string.unpack(">I2", data, pos) end
  if pos + 1 <= first then utf8_name, pos = string.unpack(">I2", data, pos) end
  if info.flags.ServerSignature and signature ~= 0 then
    info.server_signature = (string.unpack("c16", data, signature + 1))
  end
  info.network_addresses, info.directory_names = addresses(data, network), texts(data, directory)
  info.network_addresses_count, info.directory_names_count = #info.network_addresses, #info.directory_names
  if info.flags.UTF8ServerName and utf8_name ~= 0 then
    info.utf8_server_name = (string.unpack(">s2", data, utf8_name + 1))
  end
  return info
end

-- Files and folders ----------------------------------------------------------------------------------------------

--- Makes the octets of a path.
-- @param path Table with <code>type</code> and <code>name</code>, whose parts are parted by zeros.
-- @return Octets.
function encode_path (path)
  if path.type == afpcodes.PATH_TYPE.UTF8Name then
    return string.pack(">BI4s2", path.type, 0x08000103, path.name)
  end
  return string.pack(">Bs1", path.type, path.name)
end

--- Takes the number of a share out of what is told of it.
-- @param bitmap What is told.
-- @param data The octets.
-- @param pos Where they begin.
-- @return The number.
function volume_id (bitmap, data, pos)
  -- Attributes and signature are of two octets, times of four; then comes the number.
  for bit, size in ipairs({ 2, 2, 4, 4, 4 }) do
    if bitmap & 1 << bit - 1 ~= 0 then pos = pos + size end
  end
  return (string.unpack(">I2", data, pos))
end

-- What is told of either, in the order of its bits; names are told by their place.
local COMMON = {
  { "Attributes", ">I2" }, { "ParentDirId", ">I4" }, { "CreationDate", ">i4" }, { "ModificationDate", ">i4" },
  { "BackupDate", ">i4" }, { "FinderInfo", "c32" }, { "LongName" }, { "ShortName" }, { "NodeId", ">I4" },
}
local OF_DIR = { { "OffspringCount", ">I2" }, { "OwnerId", ">I4" }, { "GroupId", ">I4" }, { "AccessRights", ">I4" },
  { "UTF8Name" }, { "Unused" }, { "UnixPrivileges" } }
local OF_FILE = { { "DataForkSize", ">I4" }, { "ResourceForkSize", ">I4" }, { "ExtendedDataForkSize", ">I8" },
  { "LaunchLimit", ">I2" }, { "UTF8Name" }, { "ExtendedResourceForkSize", ">I8" }, { "UnixPrivileges" } }

local function decode (bitmap, data, pos, own)
  local facts, start = {}, pos
  for bit = 0, 15 do
    local name, format = table.unpack(COMMON[bit + 1] or own[bit - #COMMON + 1])
    if bitmap & 1 << bit ~= 0 then
      if format then
        facts[name], pos = string.unpack(format, data, pos)
      elseif name == "UnixPrivileges" then
        local privs = {}
        privs.uid, privs.gid, privs.permissions, privs.ua_permissions, pos = string.unpack(">I4I4I4I4", data, pos)
        facts[name] = privs
      elseif name == "UTF8Name" then
        local offset
        -- The place, and four octets that say nothing.
        offset, pos = string.unpack(">I2xxxx", data, pos)
        facts[name] = (string.unpack(">s2", data, start + offset + 4))
      elseif name ~= "Unused" then
        local offset
        offset, pos = string.unpack(">I2", data, pos)
        facts[name] = (string.unpack("s1", data, start + offset))
      end
    end
  end
  return facts, pos
end

--- Reads what is told of a folder. Raises if that is malformed.
-- @param bitmap What is told, see <code>DIR_BITMAP</code>.
-- @param data The octets.
-- @param pos Where they begin.
-- @return A table of facts by the names of <code>DIR_BITMAP</code>, and the position after those of fixed length.
function decode_dir_bitmap (bitmap, data, pos) return decode(bitmap, data, pos or 1, OF_DIR) end

--- Reads what is told of a file. Raises if that is malformed.
-- @param bitmap What is told, see <code>FILE_BITMAP</code>.
-- @param data The octets.
-- @param pos Where they begin.
-- @return A table of facts by the names of <code>FILE_BITMAP</code>, and the position after those of fixed length.
function decode_file_bitmap (bitmap, data, pos) return decode(bitmap, data, pos or 1, OF_FILE) end

--- Reads the list of a folder. Raises if that is malformed.
-- @param data The octets.
-- @return A list of tables of facts; each has <code>type</code>, too, 0x80 for folders.
function read_entries (data)
  local entries = {}
  local file_bitmap, dir_bitmap, count, pos = string.unpack(">I2I2I2", data)
  for i = 1, count do
    local len, kind = string.unpack(">I2Bx", data, pos)
    if len < 4 then error("an entry without length") end
    local octets = string.sub(data, pos + 4, pos + len - 1)
    local facts
    if kind == 0x80 then
      facts = decode_dir_bitmap(dir_bitmap, octets, 1)
    else
      facts = decode_file_bitmap(file_bitmap, octets, 1)
    end
    facts.type = kind
    entries[i] = facts
    pos = pos + len
  end
  return entries
end

-- Showing --------------------------------------------------------------------------------------------------------

local RIGHTS = { "Search", "Read", "Write" }

--- Names the rights of one group.
-- @param acls Its three bits.
-- @return A list of names.
function acl_group_to_long_string (acls)
  local names = {}
  for bit, name in ipairs(RIGHTS) do
    if acls & 1 << bit - 1 ~= 0 then names[#names + 1] = name end
  end
  return names
end

--- Names all rights on a folder.
-- @param acls The number, see <code>ACLS</code>.
-- @return Table with lists <code>owner</code>, <code>group</code>, <code>everyone</code>, <code>user</code> and
--         <code>options</code>.
function acls_to_table (acls)
  local options = {}
  if acls & afpcodes.ACLS.UserIsOwner ~= 0 then options[#options + 1] = "IsOwner" end
  if acls & afpcodes.ACLS.BlankAccess ~= 0 then options[#options + 1] = "BlankAccess" end
  return {
    owner = acl_group_to_long_string(acls),
    group = acl_group_to_long_string(acls >> 8),
    everyone = acl_group_to_long_string(acls >> 16),
    user = acl_group_to_long_string(acls >> 24),
    options = options,
  }
end

--- Names all rights on a folder, as lines.
-- @param acls The number.
-- @return A list of lines.
function acls_to_long_string (acls)
  local rights = acls_to_table(acls)
  local lines = {}
  for _, part in ipairs({ { "Owner", "owner" }, { "Group", "group" }, { "Everyone", "everyone" }, { "User", "user" },
    { "Options", "options" } }) do
    local list = rights[part[2]]
    if #list > 0 then lines[#lines + 1] = ("%s: %s"):format(part[1], table.concat(list, ",")) end
  end
  return lines
end

--- Helpers of helpers.
Util = { acl_group_to_long_string = acl_group_to_long_string, acls_to_long_string = acls_to_long_string }

--- Shows a time of the server.
-- @param timestamp Seconds since 2000, of the server's clock.
-- @return Text.
function Util.time_to_string (timestamp)
  if not timestamp or timestamp == NEVER then return "0000-00-00T00:00:00" end
  return datetime.format_timestamp(timestamp + EPOCH_2000)
end

--- Shows rights as <code>ls</code> does.
-- @param privs Table with <code>permissions</code> and <code>ua_permissions</code>.
-- @return Text of ten characters.
function Util.decode_unix_privs (privs)
  -- The kind is in the bits of Unix; the rights those of the one who asks are shown by: search, read, write.
  local out = { privs.permissions & 0xf000 == 0x4000 and "d" or "-" }
  for _, shift in ipairs({ 0, 8, 16 }) do
    local bits = privs.ua_permissions >> shift
    out[#out + 1] = (bits & 2 ~= 0 and "r" or "-") .. (bits & 4 ~= 0 and "w" or "-") .. (bits & 1 ~= 0 and "x" or "-")
  end
  return table.concat(out)
end

--- Makes an entry of a list of files of what is told of one.
-- @param facts The facts.
-- @return A table, see <code>Helper:Dir</code>.
function Util.node (facts)
  local privs = facts.UnixPrivileges
  return {
    id = facts.NodeId,
    type = facts.type,
    name = facts.UTF8Name or facts.LongName,
    parent = facts.ParentDirId,
    privs = privs and Util.decode_unix_privs(privs),
    uid = privs and privs.uid,
    gid = privs and privs.gid,
    create = Util.time_to_string(facts.CreationDate),
    modify = Util.time_to_string(facts.ModificationDate),
    fsize = facts.ExtendedDataForkSize or facts.DataForkSize or 0,
  }
end

--- Parts a path.
-- @param str_path A share, and folders and a file below, with slashes between.
-- @return Table with <code>volume</code>, <code>path</code> (all below the share), <code>dir</code> (without the last
--         part) and <code>filename</code> (the last part).
function Util.SplitPath (str_path)
  local text = string.gsub(str_path, "^/", "")
  local volume, rest = string.match(text, "^([^/]*)/?(.*)$")
  rest = string.gsub(rest, "/$", "")
  local dir, filename = string.match(rest, "^(.-)/?([^/]*)$")
  return { volume = volume, path = rest, dir = dir, filename = filename }
end

--- Fills up a text with zeros.
-- @param str The text.
-- @param len How long it is to be.
-- @return The text, at least so long.
function Util.ZeroPad (str, len) return str .. string.rep("\0", len - #str) end

return _ENV
