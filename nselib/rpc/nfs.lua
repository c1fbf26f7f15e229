---
-- The mount service and the Network File System, versions 2 and 3 (RFC 1094, RFC 1813). Scripts reach them as
-- <code>rpc.Mount</code> and <code>rpc.NFS</code>.
--
-- @copyright MIT OR Apache-2.0

local comm = require "rpc.comm"
local stdnse = require "stdnse"
local string = require "string"
local util = require "rpc.util"
_ENV = stdnse.module("rpc.nfs", stdnse.seeall)

-- Lists longer than this are no lists.
local ENTRIES_MAX = 100000

local Portmap, Util, call, read_text = comm.Portmap, util.Util, comm.call, comm.read_text

-- Mount service (RFC 1094, appendix A; RFC 1813, 5) ---------------------------------------------------------------

local UNIX = { type = Portmap.AuthType.UNIX }

-- Results that the mount service and NFS share (RFC 1813, 2.6 and 5.1.5).
local STATUS_MESSAGES = {
  [1] = "Not owner.", [2] = "No such file or directory.", [5] = "Input/output error.",
  [6] = "No such device or address.",
  [13] = "Permission denied.", [17] = "File exists.", [18] = "Attempt at a hard link across devices.",
  [19] = "No such device.", [20] = "Not a directory.", [21] = "Is a directory.", [22] = "Invalid argument.",
  [27] = "File too large.", [28] = "No space left on device.", [30] = "Read-only file system.",
  [31] = "Too many hard links.", [63] = "File name too long.", [66] = "Directory not empty.",
  [69] = "Disk quota exceeded.", [70] = "Stale file handle.", [71] = "Too many levels of remote in path.",
  [10001] = "Illegal file handle.", [10002] = "Update synchronization mismatch.", [10003] = "Stale cookie.",
  [10004] = "Operation not supported.", [10005] = "Buffer or request too small.", [10006] = "Server fault.",
  [10007] = "Type not supported.", [10008] = "The request takes long; try again later.",
}

local function status_message (status)
  return STATUS_MESSAGES[status] or ("Error %d."):format(status)
end

Mount = {
  StatMsg = STATUS_MESSAGES,
  StatCode = { MNT_OK = 0, MNTERR_NOENT = 2, MNTERR_ACCES = 13, MNTERR_NOTDIR = 20, MNTERR_NOTSUPP = 10004 },
  Procedure = { MOUNT = 1, DUMP = 2, UMNT = 3, UMNTALL = 4, EXPORT = 5 },
}

function Mount:new (o)
  o = o or {}
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Lists what a host exports.
-- @param comm The connection to the mount service.
-- @return True and a list of tables with <code>name</code> and, as items, who may mount it; or false and an error.
function Mount:Export (comm)
  local data, pos = call(comm, "Mount.Export", Mount.Procedure.EXPORT, UNIX)
  if not data then return false, pos end
  local exports = {}
  for _ = 1, ENTRIES_MAX do
    local more, name
    pos, more = Util.unmarshall_uint32(data, pos)
    if not more or more == 0 then break end
    pos, name = read_text(data, pos)
    if not name then return false, "Mount.Export: the answer ends too early" end
    local entry = { name = name }
    for _ = 1, ENTRIES_MAX do
      local group
      pos, more = Util.unmarshall_uint32(data, pos)
      if not more or more == 0 then break end
      pos, group = read_text(data, pos)
      if not group then return false, "Mount.Export: the answer ends too early" end
      entry[#entry + 1] = group
    end
    exports[#exports + 1] = entry
  end
  return true, exports
end

--- Asks for the handle of an exported directory.
-- @param comm The connection to the mount service.
-- @param path The directory.
-- @return True and the handle, or false and an error.
function Mount:Mount (comm, path)
  local data, pos = call(comm, "Mount.Mount", Mount.Procedure.MOUNT, UNIX, Util.marshall_vopaque(path))
  if not data then return false, pos end
  local status, handle
  pos, status = Util.unmarshall_uint32(data, pos)
  if not status then return false, "Mount.Mount: the answer ends too early" end
  if status ~= 0 then return false, "Mount failed: " .. status_message(status) end
  if comm.version == 3 then
    pos, handle = read_text(data, pos)
  else
    pos, handle = Util.unmarshall_opaque(32, data, pos)
  end
  if not handle then return false, "Mount.Mount: the answer ends too early" end
  return true, handle
end

--- Says that a directory is not used any more.
-- @param comm The connection to the mount service.
-- @param path The directory.
-- @return True, or false and an error.
function Mount:Unmount (comm, path)
  local data, err = call(comm, "Mount.Unmount", Mount.Procedure.UMNT, UNIX, Util.marshall_vopaque(path))
  if not data then return false, err end
  return true, ""
end

-- Network File System -------------------------------------------------------------------------------------------

NFS = {
  StatMsg = STATUS_MESSAGES,
  StatCode = { NFS_OK = 0 },
  Procedure = {
    [2] = { GETATTR = 1, LOOKUP = 4, READDIR = 16, STATFS = 17 },
    [3] = { GETATTR = 1, LOOKUP = 3, ACCESS = 4, READDIR = 16, READDIRPLUS = 17, FSSTAT = 18, FSINFO = 19,
    PATHCONF = 20 },
  },
}

function NFS:new (o)
  o = o or {}
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Checks the result of a procedure.
-- @param procedurename Its name, for the message.
-- @param version The version.
-- @param status The result.
-- @return True, or false and an error.
function NFS:CheckStat (procedurename, version, status)
  if status == 0 then return true end
  if not status then return false, procedurename .. ": the answer ends too early" end
  return false, ("%s failed: %s"):format(procedurename, status_message(status))
end

-- Calls a procedure with a handle: the octets and where they go on after the result, or nil and an error.
local function nfs_call (self, comm, name, handle, more)
  if not handle or handle == "" then return nil, name .. ": No filehandle received" end
  local procedures = NFS.Procedure[comm.version]
  local procedure = procedures and procedures[string.upper(name)]
  if not procedure then return nil, ("%s: Version %s not supported"):format(name, tostring(comm.version)) end
  local argument = comm.version == 3 and Util.marshall_vopaque(handle) or Util.marshall_opaque(handle)
  local data, pos = call(comm, "NFS." .. name, procedure, UNIX, argument .. (more or ""))
  if not data then return nil, pos end
  local status
  pos, status = Util.unmarshall_uint32(data, pos)
  local ok, err = self:CheckStat(name, comm.version, status)
  if not ok then return nil, err end
  return data, pos
end

-- Attributes that may be left out (post_op_attr).
local function read_optional_attr (data, pos)
  local there, attr
  pos, there = Util.unmarshall_uint32(data, pos)
  if not there or there == 0 then return pos, nil end
  pos, attr = Util.unmarshall_nfsattr(data, pos, 3)
  return pos, attr
end

--- Gets the attributes of a file.
-- @param comm The connection to NFS.
-- @param file_handle The file.
-- @return True and the attributes, or false and an error.
function NFS:GetAttr (comm, file_handle)
  local data, pos = nfs_call(self, comm, "GetAttr", file_handle)
  if not data then return false, pos end
  local _, attr = Util.unmarshall_nfsattr(data, pos, comm.version)
  if not attr then return false, "GetAttr: the answer ends too early" end
  return true, attr
end

--- Looks up a name in a directory.
-- @param comm The connection to NFS.
-- @param dir_handle The directory.
-- @param file The name.
-- @return True and a table with <code>fhandle</code> and <code>attributes</code>, from version 3 on also
--         <code>dir_attributes</code>; or false and an error.
function NFS:LookUp (comm, dir_handle, file)
  if not dir_handle then return false, "LookUp: No dirhandle received" end
  local data, pos = nfs_call(self, comm, "LookUp", dir_handle, Util.marshall_vopaque(file))
  if not data then return false, pos end
  local result = {}
  if comm.version == 3 then
    pos, result.fhandle = read_text(data, pos)
    pos, result.attributes = read_optional_attr(data, pos)
    pos, result.dir_attributes = read_optional_attr(data, pos)
  else
    pos, result.fhandle = Util.unmarshall_opaque(32, data, pos)
    pos, result.attributes = Util.unmarshall_nfsattr(data, pos, 2)
  end
  if not result.fhandle then return false, "LookUp: the answer ends too early" end
  return true, result
end

-- The entries of a directory: number, name, cookie, and with <code>plus</code> attributes and handle. Results: the
-- list,
-- the position after it.
local function read_entries (data, pos, version, plus)
  local entries = {}
  for _ = 1, ENTRIES_MAX do
    local more
    pos, more = Util.unmarshall_uint32(data, pos)
    if not more or more == 0 then break end
    local entry = {}
    if version == 3 then
      pos, entry.fileid = Util.unmarshall_uint64(data, pos)
    else
      pos, entry.fileid = Util.unmarshall_uint32(data, pos)
    end
    pos, entry.name = read_text(data, pos)
    if not entry.name then break end
    entry.length = #entry.name
    if version == 3 then
      pos, entry.cookie = Util.unmarshall_uint64(data, pos)
    else
      pos, entry.cookie = Util.unmarshall_uint32(data, pos)
    end
    if plus then
      pos, entry.attributes = read_optional_attr(data, pos)
      local there
      pos, there = Util.unmarshall_uint32(data, pos)
      if there and there ~= 0 then pos, entry.fhandle = read_text(data, pos) end
    end
    entries[#entries + 1] = entry
  end
  return entries, pos
end

-- Reads a directory piece by piece: each call says after which entry to go on.
local function read_directory (self, comm, name, handle, plus)
  local all, attributes = {}, nil
  local cookie, verifier = 0, string.rep("\0", 8)
  while #all < ENTRIES_MAX do
    local more
    if plus then
      more = string.pack(">I8", cookie) .. verifier .. string.pack(">I4I4", 8192, 32768)
    elseif comm.version == 3 then
      more = string.pack(">I8", cookie) .. verifier .. string.pack(">I4", 8192)
    else
      more = string.pack(">I4I4", cookie, 2048)
    end
    local data, pos = nfs_call(self, comm, name, handle, more)
    if not data then return nil, pos end
    if comm.version == 3 then
      local attr
      pos, attr = read_optional_attr(data, pos)
      attributes = attributes or attr
      pos, verifier = Util.unmarshall_opaque(8, data, pos)
      if not verifier then return nil, name .. ": the answer ends too early" end
    end
    local entries
    entries, pos = read_entries(data, pos, comm.version, plus)
    for _, entry in ipairs(entries) do all[#all + 1] = entry end
    local _, at_end = Util.unmarshall_uint32(data, pos)
    local last = entries[#entries]
    if at_end ~= 0 or not last or last.cookie == cookie then break end
    cookie = last.cookie
  end
  return all, attributes
end

--- Lists a directory.
-- @param comm The connection to NFS.
-- @param file_handle The directory.
-- @return True and a table with <code>entries</code> (<code>name</code>, <code>fileid</code>, <code>cookie</code>) and
--         <code>attributes</code>, a list with the directory's; or false and an error.
function NFS:ReadDir (comm, file_handle)
  if not file_handle then return false, "ReadDir: No filehandle received" end
  local entries, attributes = read_directory(self, comm, "ReadDir", file_handle, false)
  if not entries then return false, attributes end
  return true, { entries = entries, attributes = { attributes } }
end

--- Lists a directory with attributes and handles, from version 3 on.
-- @param comm The connection to NFS.
-- @param file_handle The directory.
-- @return True and a table with <code>entries</code> (as <code>ReadDir</code>, and <code>attributes</code> and
--         <code>fhandle</code>) and <code>attributes</code>, the directory's; or false and an error.
function NFS:ReadDirPlus (comm, file_handle)
  if not file_handle then return false, "ReadDirPlus: No filehandle received" end
  if comm.version < 3 then return false, "ReadDirPlus: Version " .. comm.version .. " not supported" end
  local entries, attributes = read_directory(self, comm, "ReadDirPlus", file_handle, true)
  if not entries then return false, attributes end
  return true, { entries = entries, attributes = attributes }
end

--- Asks what may be done with a file, from version 3 on.
-- @param comm The connection to NFS.
-- @param file_handle The file.
-- @param access The bits to ask for.
-- @return True and a table with <code>mask</code> and <code>attributes</code>; or false and an error.
function NFS:Access (comm, file_handle, access)
  local data, pos = nfs_call(self, comm, "Access", file_handle, string.pack(">I4", access))
  if not data then return false, pos end
  local result = {}
  pos, result.attributes = read_optional_attr(data, pos)
  pos, result.mask = Util.unmarshall_uint32(data, pos)
  if not result.mask then return false, "Access: the answer ends too early" end
  return true, result
end

--- Asks what a file system can, from version 3 on.
-- @param comm The connection to NFS.
-- @param file_handle Its root.
-- @return True and a table, see RFC 1813, 3.3.19; or false and an error.
function NFS:FsInfo (comm, file_handle)
  local data, pos = nfs_call(self, comm, "FsInfo", file_handle)
  if not data then return false, pos end
  local info = {}
  pos, info.attributes = read_optional_attr(data, pos)
  pos, info.rtmax, info.rtpref, info.rtmult, info.wtmax, info.wtpref, info.wtmult, info.dtpref =
    Util.unmarshall_uint32(data, pos, 7)
  pos, info.maxfilesize = Util.unmarshall_nfssize3(data, pos)
  pos, info.time_delta = Util.unmarshall_nfstime(data, pos)
  pos, info.properties = Util.unmarshall_uint32(data, pos)
  if not info.properties then return false, "FsInfo: the answer ends too early" end
  return true, info
end

--- Asks how full a file system is, from version 3 on.
-- @param comm The connection to NFS.
-- @param file_handle Its root.
-- @return True and a table with <code>tbytes</code>, <code>fbytes</code>, <code>abytes</code>, <code>tfiles</code>,
--         <code>ffiles</code>, <code>afiles</code> and <code>invarsec</code>; or false and an error.
function NFS:FsStat (comm, file_handle)
  local data, pos = nfs_call(self, comm, "FsStat", file_handle)
  if not data then return false, pos end
  local stat = {}
  pos, stat.attributes = read_optional_attr(data, pos)
  pos, stat.tbytes, stat.fbytes, stat.abytes, stat.tfiles, stat.ffiles, stat.afiles =
    Util.unmarshall_uint64(data, pos, 6)
  pos, stat.invarsec = Util.unmarshall_uint32(data, pos)
  if not stat.invarsec then return false, "FsStat: the answer ends too early" end
  return true, stat
end

--- Asks for the rules for names, from version 3 on.
-- @param comm The connection to NFS.
-- @param file_handle A file.
-- @return True and a table, see RFC 1813, 3.3.20; or false and an error.
function NFS:PathConf (comm, file_handle)
  local data, pos = nfs_call(self, comm, "PathConf", file_handle)
  if not data then return false, pos end
  local conf = {}
  pos, conf.attributes = read_optional_attr(data, pos)
  pos, conf.linkmax, conf.name_max, conf.no_trunc, conf.chown_restricted, conf.case_insensitive, conf.case_preserving =
    Util.unmarshall_uint32(data, pos, 6)
  if not conf.case_preserving then return false, "PathConf: the answer ends too early" end
  return true, conf
end

--- Asks how full a file system is, in version 2.
-- @param comm The connection to NFS.
-- @param file_handle Its root.
-- @return True and a table with <code>transfer_size</code>, <code>block_size</code>, <code>total_blocks</code> (also
--         as <code>blocks</code>), <code>free_blocks</code> and <code>available_blocks</code>; or false and an error.
function NFS:StatFs (comm, file_handle)
  if comm.version > 2 then return false, ("StatFs: Version %d not supported"):format(comm.version) end
  local data, pos = nfs_call(self, comm, "StatFs", file_handle)
  if not data then return false, pos end
  local stat = {}
  pos, stat.transfer_size, stat.block_size, stat.total_blocks, stat.free_blocks, stat.available_blocks =
    Util.unmarshall_uint32(data, pos, 5)
  if not stat.available_blocks then return false, "StatFs: the answer ends too early" end
  stat.blocks = stat.total_blocks
  return true, stat
end

return _ENV
