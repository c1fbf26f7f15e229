local rpc = require "rpc"
local shortport = require "shortport"
local stdnse = require "stdnse"
local tab = require "tab"

description = [[
Shows how full the file systems are that a host exports by NFS, as <code>df</code> does.
]]

---
-- @args nfs-statfs.human If given, sizes have units; otherwise they are in 1024 octets.
-- @args nfs.version See library <code>rpc</code>.
--
-- @usage
-- perilune -sV -p 111 --script nfs-statfs TARGET
--
-- @output
-- 111/tcp open  rpcbind
-- | nfs-statfs:
-- |   Filesystem   1K-blocks    Used        Available   Use%  Maxfilesize  Maxlink
-- |_  /srv/export  264212084.0  33570384.0  61715504.0  36%   8388608.0T   32000

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(111, "rpcbind", { "tcp", "udp" })

local function measure (host, port, path, human)
  local mount, handle = rpc.Helper.MountPath(host, port, path)
  if not mount then return nil, handle end
  local comm, err = rpc.Helper.NfsOpen(host, port)
  if not comm then
    rpc.Helper.UnmountPath(mount, path)
    return nil, err
  end
  local nfs, row = rpc.NFS:new(), nil
  local status, stats
  if comm.version == 3 then
    status, stats = nfs:FsStat(comm, handle)
  else
    status, stats = nfs:StatFs(comm, handle)
  end
  if status then
    row = rpc.Util.calc_fsstat_table(stats, comm.version, human)
    if comm.version == 3 then
      local found, info = nfs:FsInfo(comm, handle)
      if found then row.maxfilesize = rpc.Util.calc_fsinfo_table(info, 3).maxfilesize end
      local rules
      found, rules = nfs:PathConf(comm, handle)
      if found then row.linkmax = rules.linkmax end
    end
  end
  rpc.Helper.NfsClose(comm)
  rpc.Helper.UnmountPath(mount, path)
  return row, stats
end

action = function (host, port)
  local status, mounts = rpc.Helper.ShowMounts(host, port)
  if not status then
    stdnse.debug1("%s", tostring(mounts))
    return nil
  end
  local human = stdnse.get_script_args(SCRIPT_NAME .. ".human") ~= nil
  local rows, count = tab.new(7), 0
  tab.addrow(rows, "Filesystem", human and "Size" or "1K-blocks", "Used", "Available", "Use%", "Maxfilesize", "Maxlink")
  for _, mount in ipairs(mounts) do
    local row, err = measure(host, port, mount.name, human)
    if row then
      count = count + 1
      tab.addrow(rows, mount.name, row.size, row.used, row.available, row.use, row.maxfilesize or "-",
        row.linkmax or "-")
    else
      stdnse.debug1("%s: %s", mount.name, tostring(err))
    end
  end
  if count == 0 then return nil end
  return stdnse.format_output(true, tab.dump(rows))
end
