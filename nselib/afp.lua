---
-- Apple Filing Protocol over TCP (AFP 3 over DSI, Apple's "Apple Filing Protocol Reference"): asking a server about
-- itself, logging on, listing shares and files, reading and writing.
--
-- <code>Proto</code> sends single commands, <code>Helper</code> does whole tasks. Passwords go as they are, or by the
-- exchange of keys called DHCAST128 (DHX).
--
-- @usage
-- local helper = afp.Helper:new()
-- local status, response = helper:OpenSession(host, port)
-- status, response = helper:Login()
-- local status, shares = helper:ListShares()
-- helper:Logout()
-- helper:CloseSession()
--
-- @args afp.username The user to log on as. Default: nobody in particular.
-- @args afp.password The password.
--
-- @copyright MIT OR Apache-2.0

local afpcodes = require "afpcodes"
local afpdata = require "afpdata"
local afpproto = require "afpproto"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("afp", stdnse.seeall)

for _, part in ipairs({ afpcodes, afpdata, afpproto }) do
  for name, value in pairs(part) do
    if string.sub(name, 1, 1) ~= "_" then _ENV[name] = value end
  end
end

local TIMEOUT_MS = 10000
local ROOT_ID = 2
local READ_LEN = 60000
local FILE_LEN_MAX = 64 * 1024 * 1024
-- Entries of a listing, and answers for one folder, which has a thousand entries in each.
local ENTRIES_MAX, PAGES_MAX = 5000, 20

-- Whole tasks -----------------------------------------------------------------------------------------------------

--- Whole tasks.
Helper = {}
Helper.__index = Helper

--- Makes one.
-- @param o A table to make it of, or nothing.
-- @param username The user. Default: argument <code>afp.username</code>.
-- @param password The password. Default: argument <code>afp.password</code>.
-- @return The helper.
function Helper:new (o, username, password)
  o = setmetatable(o or {}, self)
  o.username = username or stdnse.get_script_args("afp.username")
  o.password = password or stdnse.get_script_args("afp.password")
  return o
end

--- Connects and opens a session.
-- @param host The host table.
-- @param port The port table.
-- @return True, or false and an error.
function Helper:OpenSession (host, port)
  self.host, self.port = host, port
  self.socket = nmap.new_socket()
  self.socket:set_timeout(TIMEOUT_MS)
  local status, err = self.socket:connect(host, port)
  if not status then return false, tostring(err) end
  self.proto = Proto:new({ socket = self.socket })
  local response = self.proto:dsi_open_session(self.socket)
  if response:getErrorCode() ~= 0 then
    self.socket:close()
    return false, response:getErrorMessage()
  end
  return true
end

--- Ends the session and the connection.
-- @return True, or false and an error.
function Helper:CloseSession ()
  if self.proto then self.proto:dsi_close_session() end
  return self.socket:close()
end

--- Closes the connection at once.
-- @return True, or false and an error.
function Helper:Terminate () return self.socket:close() end

-- What the server offers: its newest version that we speak and the ways to log on, asked for on another connection.
local function offers (self)
  local socket = nmap.new_socket()
  socket:set_timeout(TIMEOUT_MS)
  local status, err = socket:connect(self.host, self.port)
  if not status then return nil, tostring(err) end
  local response = Proto:new({ socket = socket }):fp_get_server_info()
  socket:close()
  local info = response:getResult()
  if not info then return nil, response:getErrorMessage() or "no answer" end
  local version
  for _, wanted in ipairs({ "AFP3.1", "AFP3.4", "AFP3.3", "AFP3.2", "AFPX03", "AFP2.3", "AFP2.2" }) do
    for _, offered in ipairs(info.afp_versions) do version = version or offered == wanted and wanted end
  end
  local ways = {}
  for _, uam in ipairs(info.uams) do ways[uam] = true end
  return { version = version or "AFP3.1", ways = ways }
end

--- Logs on: as the user given, or nobody in particular.
-- @param username The user. Default: the helper's.
-- @param password The password. Default: the helper's.
-- @param options Table with <code>UAM</code>, how to prove who it is. Default: what the server has.
-- @return True and an empty text, or false and an error.
function Helper:Login (username, password, options)
  username, password = username or self.username, password or self.password
  local offered, err = offers(self)
  if not offered then return false, err end
  local way = options and options.UAM
  if not way then
    if not username then
      way = UAM.NoUserAuthent
    else
      way = offered.ways[UAM.DHCAST128] and UAM.DHCAST128 or UAM.ClearText
    end
  end
  local response = self.proto:fp_login(offered.version, way, username, password, options)
  if response:getErrorCode() ~= 0 then return false, response:getErrorMessage() end
  return true, ""
end

--- Logs off.
-- @return True, or false and an error.
function Helper:Logout ()
  local response = self.proto:fp_logout()
  if response:getErrorCode() ~= 0 then return false, response:getErrorMessage() end
  return true
end

-- The result of an answer: true and the result, or false and the message.
local function checked (response)
  if response:getErrorCode() ~= 0 then return false, response:getErrorMessage() end
  return true, response:getResult()
end

--- Lists the shares.
-- @return True and a list of names, or false and an error.
function Helper:ListShares ()
  local status, result = checked(self.proto:fp_get_srvr_parms())
  if not status then return false, result end
  local names = {}
  for i, volume in ipairs(result.volumes) do names[i] = volume.name end
  return true, names
end

-- Opens the share that a path begins with and calls the function with its number and the path's other parts, a table
-- for a command; the share is closed again.
local function with_volume (self, str_path, func)
  local parts = Util.SplitPath(str_path)
  local status, opened = checked(self.proto:fp_open_vol(VOL_BITMAP.ID, parts.volume))
  if not status then return false, opened end
  local id = opened.volume_id
  local path = { type = PATH_TYPE.LongName, name = string.gsub(parts.path, "/", "\0") }
  local results = table.pack(func(id, path))
  self.proto:fp_close_vol(id)
  return table.unpack(results, 1, results.n)
end

local LISTED_FILE = FILE_BITMAP.ParentDirId | FILE_BITMAP.CreationDate | FILE_BITMAP.ModificationDate
  | FILE_BITMAP.LongName | FILE_BITMAP.NodeId | FILE_BITMAP.ExtendedDataForkSize | FILE_BITMAP.UnixPrivileges
local LISTED_DIR = DIR_BITMAP.ParentDirId | DIR_BITMAP.CreationDate | DIR_BITMAP.ModificationDate
  | DIR_BITMAP.LongName | DIR_BITMAP.NodeId | DIR_BITMAP.OffspringCount | DIR_BITMAP.UnixPrivileges

-- The entries of a folder below the node, and theirs as far as told. `left` counts down to the most there may be.
local function list_into (self, volume_id, node, options, left)
  local start = 1
  for _ = 1, PAGES_MAX do
    local response = self.proto:fp_enumerate_ext2(volume_id, node.id, options.dironly and 0 or LISTED_FILE, LISTED_DIR,
      1000, start, 300000, { type = PATH_TYPE.LongName, name = "" })
    local entries = response:getResult()
    if response:getErrorCode() ~= 0 or not entries or #entries == 0 then return end
    for _, entry in ipairs(entries) do
      if left[1] <= 0 then return end
      left[1] = left[1] - 1
      node[#node + 1] = Util.node(entry)
    end
    start = start + #entries
    if start > 0xffff then return end
  end
end

-- Lists level by level, so that nothing depends on how deep the folders are.
local function list_tree (self, volume_id, root, options, left)
  local level, depth = { root }, 0
  while #level > 0 and (options.max_depth <= 0 or depth < options.max_depth) do
    local deeper = {}
    for _, node in ipairs(level) do
      list_into(self, volume_id, node, options, left)
      for _, child in ipairs(node) do
        if child.type == 0x80 and child.id then deeper[#deeper + 1] = child end
      end
    end
    level, depth = deeper, depth + 1
  end
end

--- Lists a folder.
-- @param str_path The share and the folders below, with slashes between.
-- @param options Table with <code>max_depth</code> (how many levels, 0 for all; default: 1) and <code>dironly</code>.
-- @return True and a list whose first entry is the list of what is in the folder: tables with <code>id</code>,
--         <code>name</code>, <code>type</code> (0x80 for folders), <code>privs</code>, <code>create</code>,
--         <code>modify</code>, <code>uid</code>, <code>gid</code>, <code>fsize</code>, and what is in them, such
--         tables, by number; or false and an error.
function Helper:Dir (str_path, options)
  local over = { max_depth = options and options.max_depth or 1, dironly = options and options.dironly }
  return with_volume(self, str_path, function (volume_id, path)
    local root = { id = ROOT_ID }
    if path.name ~= "" then
      -- The numbers of these facts are the same for files and folders.
      local facts = DIR_BITMAP.ParentDirId | DIR_BITMAP.LongName | DIR_BITMAP.NodeId
      local status, result = checked(self.proto:fp_get_file_dir_parms(volume_id, ROOT_ID, facts, facts, path))
      if not status then return false, result end
      local found = result.dir or result.file
      root.id = found.NodeId
      if not result.dir then return true, { { Util.node(found) } } end
    end
    list_tree(self, volume_id, root, over, { ENTRIES_MAX })
    -- The folder itself is not told, only what is in it.
    root.id = nil
    return true, { root }
  end)
end

--- Lists folders only, with those below.
-- @param str_path The share and the folders below.
-- @param options See <code>Dir</code>.
-- @return See <code>Dir</code>.
function Helper:DirTree (str_path, options)
  return self:Dir(str_path, { max_depth = options and options.max_depth or 0, dironly = true })
end

--- Finds the folder a path leads to.
-- @param str_path The share and the folders below.
-- @return True and a table with <code>volume_id</code> and <code>did</code>, the folder's number; or false and an
--         error. The share is left open.
function Helper:WalkDirTree (str_path)
  local parts = Util.SplitPath(str_path)
  local status, opened = checked(self.proto:fp_open_vol(VOL_BITMAP.ID, parts.volume))
  if not status then return false, opened end
  local found = { volume_id = opened.volume_id, did = ROOT_ID, filename = parts.filename }
  if parts.dir ~= "" then
    local path = { type = PATH_TYPE.LongName, name = string.gsub(parts.dir, "/", "\0") }
    local ok, result = checked(self.proto:fp_get_file_dir_parms(opened.volume_id, ROOT_ID, 0, DIR_BITMAP.NodeId, path))
    if not ok then return false, result end
    found.did = result.dir and result.dir.NodeId or ROOT_ID
  end
  return true, found
end

-- Opens a file's data, calls the function, and closes it.
local function with_fork (self, str_path, access, func)
  return with_volume(self, str_path, function (volume_id, path)
    local status, opened = checked(self.proto:fp_open_fork(0, volume_id, ROOT_ID, 0, access, path))
    if not status then return false, opened end
    local results = table.pack(func(opened.fork_id))
    self.proto:fp_close_fork(opened.fork_id)
    return table.unpack(results, 1, results.n)
  end)
end

--- Reads a file.
-- @param str_path The share, the folders and the file.
-- @return True and the octets, or false and an error.
function Helper:ReadFile (str_path)
  return with_fork(self, str_path, ACCESS_MODE.Read, function (fork)
    local parts, offset = {}, 0
    while offset < FILE_LEN_MAX do
      local response = self.proto:fp_read_ext(fork, offset, READ_LEN)
      local code, data = response:getErrorCode(), response:getResult() or ""
      if code ~= 0 and code ~= ERROR.FPEofErr then return false, response:getErrorMessage() end
      parts[#parts + 1] = data
      offset = offset + #data
      if code ~= 0 or #data == 0 then break end
    end
    return true, table.concat(parts)
  end)
end

--- Writes a file.
-- @param str_path The share, the folders and the file, which is replaced if it is there.
-- @param fdata The octets.
-- @return True, or false and an error.
function Helper:WriteFile (str_path, fdata)
  local status, err = with_volume(self, str_path, function (volume_id, path)
    return checked(self.proto:fp_create_file(0x80, volume_id, ROOT_ID, path))
  end)
  if not status then return false, err end
  return with_fork(self, str_path, ACCESS_MODE.Write, function (fork)
    for at = 0, #fdata - 1, READ_LEN do
      local piece = string.sub(fdata, at + 1, at + READ_LEN)
      local response = self.proto:fp_write_ext(0, fork, at, #piece, piece)
      if response:getErrorCode() ~= 0 then return false, response:getErrorMessage() end
    end
    return true
  end)
end

--- Makes a folder.
-- @param str_path The share, the folders and the new one.
-- @return True and a table with <code>dir_id</code>, or false and an error.
function Helper:CreateDir (str_path)
  return with_volume(self, str_path, function (volume_id, path)
    return checked(self.proto:fp_create_dir(volume_id, ROOT_ID, path))
  end)
end

-- One fact of a file or folder.
local function fact (self, vol_name, str_path, file_bitmap, dir_bitmap)
  return with_volume(self, vol_name .. "/" .. str_path, function (volume_id, path)
    local status, result = checked(self.proto:fp_get_file_dir_parms(volume_id, ROOT_ID, file_bitmap, dir_bitmap, path))
    if not status then return false, result end
    return true, result.file or result.dir
  end)
end

--- Asks how long a file is.
-- @param vol_name The share.
-- @param str_path The folders and the file.
-- @return True and the number of octets, or false and an error.
function Helper:GetFileSize (vol_name, str_path)
  local status, result = fact(self, vol_name, str_path, FILE_BITMAP.ExtendedDataForkSize, 0)
  if not status then return false, result end
  return true, result.ExtendedDataForkSize
end

--- Asks when a file was made and changed.
-- @param vol_name The share.
-- @param str_path The folders and the file.
-- @return True and a table with <code>create</code>, <code>modify</code> and <code>backup</code> as text, or false and
--         an error.
function Helper:GetFileDates (vol_name, str_path)
  local bits = FILE_BITMAP.CreationDate | FILE_BITMAP.ModificationDate | FILE_BITMAP.BackupDate
  local status, result = fact(self, vol_name, str_path, bits, bits)
  if not status then return false, result end
  return true, {
    create = Util.time_to_string(result.CreationDate),
    modify = Util.time_to_string(result.ModificationDate),
    backup = Util.time_to_string(result.BackupDate),
  }
end

--- Asks for a file's rights in the manner of Unix.
-- @param vol_name The share.
-- @param str_path The folders and the file.
-- @return True and a table with <code>uid</code>, <code>gid</code>, <code>permissions</code> and
--         <code>ua_permissions</code>, or false and an error.
function Helper:GetFileUnixPermissions (vol_name, str_path)
  local status, result = fact(self, vol_name, str_path, FILE_BITMAP.UnixPrivileges, DIR_BITMAP.UnixPrivileges)
  if not status then return false, result end
  return true, result.UnixPrivileges
end

--- Asks for the rights on a share's root.
-- @param vol_name The share.
-- @return True and a list of lines, or false and an error.
function Helper:GetSharePermissions (vol_name)
  return with_volume(self, vol_name, function (volume_id, path)
    local status, result =
      checked(self.proto:fp_get_file_dir_parms(volume_id, ROOT_ID, 0, DIR_BITMAP.AccessRights, path))
    if not status then return false, result end
    return true, afpdata.acls_to_long_string(result.dir and result.dir.AccessRights or 0)
  end)
end

local function mapped (self, name, subfunc, value)
  local response = self.proto[name](self.proto, subfunc, value)
  if response:getErrorCode() ~= 0 then return false, response:getErrorMessage() end
  return true, response:getResult()
end

--- The name of a user's number.
-- @param uid The number.
-- @return True and the name, or false and an error.
function Helper:UIDToName (uid) return mapped(self, "fp_map_id", MAP_ID.UserIDToName, uid) end

--- The name of a group's number.
-- @param gid The number.
-- @return True and the name, or false and an error.
function Helper:GIDToName (gid) return mapped(self, "fp_map_id", MAP_ID.GroupIDToName, gid) end

--- The number of a user's name.
-- @param name The name.
-- @return True and the number, or false and an error.
function Helper:NameToUID (name) return mapped(self, "fp_map_name", MAP_NAME.NameToUserID, name) end

return _ENV
