local rpc = require "rpc"
local shortport = require "shortport"
local stdnse = require "stdnse"
local tab = require "tab"
local table = require "table"

description = [[
Lists the files in the directories that a host exports by NFS (RFC 1094, RFC 1813).

Each directory is mounted as an administrator would do it from an ordinary machine, and what this client may do there is
shown, too.
]]

---
-- @args nfs-ls.time Which time to show: <code>m</code> (content changed, the default), <code>a</code> (read) or
--       <code>c</code> (attributes changed).
-- @args ls.maxfiles How many files are shown of a directory. Default: 10, 0 for all.
-- @args nfs.version See library <code>rpc</code>.
--
-- @usage
-- perilune -sV -p 111 --script nfs-ls TARGET
--
-- @output
-- 111/tcp open  rpcbind
-- | nfs-ls: Volume /srv/export
-- |   access: Read Lookup NoModify NoExtend NoDelete NoExecute
-- | PERMISSION  UID  GID  SIZE  TIME                 FILENAME
-- | rwxr-xr-x   0    0    4096  2026-11-27T22:49:29  .
-- | rw-r--r--   0    0    3     2026-11-27T22:49:29  file.txt
-- |_

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }
dependencies = { "rpcinfo" }

portrule = shortport.port_or_service(111, "rpcbind", { "tcp", "udp" })

local TIME_FIELDS = { m = "mtime", a = "atime", c = "ctime" }
local ALL_RIGHTS = 0x3f

-- Entries with attributes. Version 2 lists names only: each is looked up.
local function list (nfs, comm, handle, limit)
  local entries = {}
  if comm.version == 3 then
    local status, directory = nfs:ReadDirPlus(comm, handle)
    if not status then return nil, directory end
    entries = directory.entries
  else
    local status, directory = nfs:ReadDir(comm, handle)
    if not status then return nil, directory end
    for _, entry in ipairs(directory.entries) do
      if limit > 0 and #entries >= limit then break end
      local found, file = nfs:LookUp(comm, handle, entry.name)
      entry.attributes = found and file.attributes or nil
      entries[#entries + 1] = entry
    end
  end
  table.sort(entries, function (a, b) return a.name < b.name end)
  return entries
end

local function describe (host, port, path)
  local limit = tonumber((stdnse.get_script_args({ SCRIPT_NAME .. ".maxfiles", "ls.maxfiles" }))) or 10
  local time_field = TIME_FIELDS[stdnse.get_script_args(SCRIPT_NAME .. ".time") or "m"] or "mtime"
  local mount, handle = rpc.Helper.MountPath(host, port, path)
  if not mount then return nil, handle end
  local comm, err = rpc.Helper.NfsOpen(host, port)
  if not comm then
    rpc.Helper.UnmountPath(mount, path)
    return nil, err
  end
  local nfs = rpc.NFS:new()
  local result = stdnse.output_table()
  result.volume = path
  if comm.version == 3 then
    local status, access = nfs:Access(comm, handle, ALL_RIGHTS)
    if status then result.access = rpc.Util.format_access(access.mask, 3) end
  end
  local entries
  entries, err = list(nfs, comm, handle, limit)
  rpc.Helper.NfsClose(comm)
  rpc.Helper.UnmountPath(mount, path)
  if not entries then return nil, err end
  result.files = {}
  for _, entry in ipairs(entries) do
    if limit > 0 and #result.files >= limit then break end
    local attributes, file = entry.attributes, stdnse.output_table()
    if attributes then
      file.permission = rpc.Util.FpermToString(attributes.mode)
      file.uid, file.gid, file.size = attributes.uid, attributes.gid, attributes.size
      file.time = rpc.Util.TimeToString(attributes[time_field])
    end
    file.filename = entry.name
    result.files[#result.files + 1] = file
  end
  return result
end

local function text_of (volume)
  local lines = { "Volume " .. volume.volume }
  if volume.access then lines[2] = "  access: " .. volume.access end
  local rows = tab.new(6)
  tab.addrow(rows, "PERMISSION", "UID", "GID", "SIZE", "TIME", "FILENAME")
  for _, file in ipairs(volume.files) do
    local function shown (value) return value ~= nil and tostring(value) or "?" end
    tab.addrow(rows, shown(file.permission), shown(file.uid), shown(file.gid), shown(file.size), shown(file.time),
      file.filename)
  end
  lines[#lines + 1] = tab.dump(rows)
  return table.concat(lines, "\n") .. "\n"
end

action = function (host, port)
  local status, mounts = rpc.Helper.ShowMounts(host, port)
  if not status then
    stdnse.debug1("%s", tostring(mounts))
    return nil
  end
  local volumes, texts = {}, {}
  for _, mount in ipairs(mounts) do
    local volume, err = describe(host, port, mount.name)
    if volume then
      volumes[#volumes + 1] = volume
      texts[#texts + 1] = text_of(volume)
    else
      stdnse.debug1("%s: %s", mount.name, tostring(err))
    end
  end
  if #volumes == 0 then return nil end
  return { volumes = volumes }, table.concat(texts, "\n")
end
