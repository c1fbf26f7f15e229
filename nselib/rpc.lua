---
-- ONC Remote Procedure Call (RFC 5531) and what is spoken over it: the port mapper (RFC 1833), the mount service and
-- the Network File System, versions 2 and 3 (RFC 1094, RFC 1813).
--
-- <code>Comm</code> is a connection to one program. <code>Portmap</code>, <code>Mount</code> and <code>NFS</code> make
-- the calls, <code>Helper</code> does whole tasks, and <code>Util</code> packs, unpacks and shows values.
--
-- @usage
-- local status, programs = rpc.Helper.RpcInfo(host, port)
--
-- @args rpc.protocol The protocols to use, one of <code>tcp</code> and <code>udp</code> or both as a list. Default:
--       both, TCP first.
-- @args mount.version The mount service's version, 1 to 3. Default: the highest that both know.
-- @args nfs.version NFS' version, 2 or 3. Default: the highest that both know.
--
-- @copyright MIT OR Apache-2.0

local comm_library = require "rpc.comm"
local math = require "math"
local nfs = require "rpc.nfs"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local util = require "rpc.util"
_ENV = stdnse.module("rpc", stdnse.seeall)

-- Lists longer than this are no lists.
local ENTRIES_MAX = 100000

--- Script arguments, by program.
-- @class table
-- @name RPC_args
RPC_args = {
  rpcbind = { proto = "rpc.protocol" },
  nfs = { ver = "nfs.version" },
  mountd = { ver = "mount.version" },
}

RPC_version, Comm, Portmap = comm_library.RPC_version, comm_library.Comm, comm_library.Portmap
Util, Mount, NFS = util.Util, nfs.Mount, nfs.NFS
local call, read_text = comm_library.call, comm_library.read_text

-- Port mapper ---------------------------------------------------------------------------------------------------

function Portmap:new (o)
  o = o or {}
  setmetatable(o, self)
  self.__index = self
  return o
end

local function add_program (programs, number, protocol, version, port, addr, owner)
  programs[number] = programs[number] or {}
  local entry = programs[number][protocol]
  if not entry then
    entry = { port = port, version = {}, addr = addr, owner = owner }
    programs[number][protocol] = entry
  end
  for _, known in ipairs(entry.version) do
    if known == version then return end
  end
  entry.version[#entry.version + 1] = version
  table.sort(entry.version)
end

local PROTOCOL_NAMES = { [6] = "tcp", [17] = "udp" }

-- A list of mappings (RFC 1833, 3): program, version, protocol, port.
local function read_mappings (data, pos)
  local programs = {}
  for _ = 1, ENTRIES_MAX do
    local more, program, version, protocol, port
    pos, more = Util.unmarshall_uint32(data, pos)
    if not more or more == 0 then break end
    pos, program, version, protocol, port = Util.unmarshall_uint32(data, pos, 4)
    if not port then break end
    add_program(programs, program, PROTOCOL_NAMES[protocol] or tostring(protocol), version, port)
  end
  return programs
end

-- A list of bindings (RFC 1833, 2.1): program, version, network, address, owner. The last two numbers of an address are
-- the port's octets.
local function read_bindings (data, pos)
  local programs = {}
  for _ = 1, ENTRIES_MAX do
    local more, program, version, network, address, owner
    pos, more = Util.unmarshall_uint32(data, pos)
    if not more or more == 0 then break end
    pos, program, version = Util.unmarshall_uint32(data, pos, 2)
    pos, network = read_text(data, pos)
    pos, address = read_text(data, pos)
    pos, owner = read_text(data, pos)
    if not owner then break end
    local addr, high, low = string.match(address, "^(.-)%.(%d+)%.(%d+)$")
    if not string.find(network, "^[tu]") or not addr then addr, high, low = address, nil, nil end
    add_program(programs, program, network, version, high and (tonumber(high) << 8 | tonumber(low)), addr, owner)
  end
  return programs
end

--- Lists what a port mapper knows.
-- @param comm The connection to it.
-- @return True and a table by program number, then by network (<code>tcp</code>, <code>udp</code> and others), with
--         <code>port</code>, <code>version</code> (a list), and from version 3 on <code>addr</code> and
--         <code>owner</code>; or false and an error.
function Portmap:Dump (comm)
  if self.program_table then return true, self.program_table end
  local data, pos = call(comm, "Portmap.Dump", Portmap.Procedure[comm.version].DUMP)
  if not data then return false, pos end
  self.program_table = comm.version == 2 and read_mappings(data, pos) or read_bindings(data, pos)
  return true, self.program_table
end

--- Asks for the port of a program.
-- @param comm The connection to the port mapper.
-- @param program The program's name or number.
-- @param protocol <code>tcp</code> or <code>udp</code>.
-- @param version The program's version.
-- @return True and the port, 0 if there is none; or false and an error.
function Portmap:GetPort (comm, program, protocol, version)
  local number = type(program) == "number" and program or Util.ProgNameToNumber(program)
  if not number then return false, "Portmap.GetPort: Unknown program name: " .. tostring(program) end
  local protocol_number = Portmap.PROTOCOLS[protocol]
  if not protocol_number then return false, "Portmap.GetPort: Protocol should be either udp or tcp" end
  -- This procedure belongs to version 2.
  local before = comm.version
  comm.version = 2
  local data, pos = call(comm, "Portmap.GetPort", Portmap.Procedure[2].GETPORT, nil,
    string.pack(">I4I4I4I4", number, version or 0, protocol_number, 0))
  comm.version = before
  if not data then return false, pos end
  local _, port = Util.unmarshall_uint32(data, pos)
  if not port then return false, "Portmap.GetPort: the answer ends too early" end
  return true, port
end

--- Has the port mapper call a program's procedure 0.
-- @param comm The connection to the port mapper.
-- @param program The program's name or number.
-- @param protocol Unused: indirect calls go over UDP.
-- @param version The program's version.
-- @return True and the program's port, or false and an error.
function Portmap:Callit (comm, program, protocol, version)
  local number = type(program) == "number" and program or Util.ProgNameToNumber(program)
  if not number then return false, "Portmap.Callit: Unknown program name: " .. tostring(program) end
  local data, pos = call(comm, "Portmap.Callit", Portmap.Procedure[2].CALLIT, nil,
    string.pack(">I4I4I4I4", number, version or 0, 0, 0))
  if not data then return false, pos end
  local _, port = Util.unmarshall_uint32(data, pos)
  if not port then return false, "Portmap.Callit: the answer ends too early" end
  return true, port
end

-- Whole tasks ---------------------------------------------------------------------------------------------------

Helper = {}

-- Connects to the port mapper and calls the function, with version 4 first and then with the older ones.
local function with_portmap (host, port, func)
  local err
  for version = RPC_version.rpcbind.max, RPC_version.rpcbind.min, -1 do
    local comm = Comm:new("rpcbind", version)
    local status
    status, err = comm:Connect(host, port)
    if not status then return status, err end
    local result
    status, result = func(Portmap:new(), comm)
    comm:Disconnect()
    if status then return true, result end
    err = result
  end
  return false, err
end

--- Lists the programs of a host.
-- @param host The host table.
-- @param port The port mapper's port.
-- @return True and a table, see <code>Portmap:Dump</code>; or false and an error.
function Helper.RpcInfo (host, port)
  local registry = host.registry
  if registry and registry.rpc_programs then return true, registry.rpc_programs end
  local status, programs = with_portmap(host, port, function (portmap, comm) return portmap:Dump(comm) end)
  if status and registry then registry.rpc_programs = programs end
  return status, programs
end

--- Asks for the port of a program.
-- @param host The host table.
-- @param port The port mapper's port.
-- @param program The program's name or number.
-- @param protocol <code>tcp</code> or <code>udp</code>.
-- @return True and the port, or false and an error.
function Helper.GetPortForProgram (host, port, program, protocol)
  local comm = Comm:new("rpcbind", 2)
  local status, result = comm:Connect(host, port)
  if not status then return false, result end
  status, result = Portmap:new():GetPort(comm, program, protocol, 1)
  comm:Disconnect()
  return status, result
end

local function wanted_protocols ()
  local wanted = stdnse.get_script_args("rpc.protocol")
  if type(wanted) == "table" then return wanted end
  if wanted then return { wanted } end
  return { "tcp", "udp" }
end

--- Finds where a program is and which version to speak.
-- @param host The host table.
-- @param port The port mapper's port.
-- @param program The program's name.
-- @param max_version The highest version to speak.
-- @return True and a table with <code>port</code> (number and protocol) and <code>version</code>; or false and an
--         error.
function Helper.GetProgramInfo (host, port, program, max_version)
  local status, programs = Helper.RpcInfo(host, port)
  if not status then return status, programs end
  local entry = programs[Util.ProgNameToNumber(program)]
  if not entry then return false, "Program not supported by target" end
  local known = RPC_version[program] or { min = 1, max = 10 }
  local argument = RPC_args[program] and RPC_args[program].ver
  local wanted = argument and tonumber((stdnse.get_script_args(argument)))
  local highest = math.min(max_version or known.max, known.max)
  for _, protocol in ipairs(wanted_protocols()) do
    local found = entry[protocol]
    local best
    for _, version in ipairs(found and found.port and found.version or {}) do
      if version == wanted or not wanted and version <= highest and version >= known.min then best = version end
    end
    if best then return true, { port = { number = found.port, protocol = protocol }, version = best } end
  end
  return false, "No version of the program that the library knows"
end

-- Connects to a program that the port mapper knows: the connection, or nil and an error.
local function connect_program (host, port, program, max_version)
  local status, info = Helper.GetProgramInfo(host, port, program, max_version)
  if not status then return nil, info end
  local comm = Comm:new(program, info.version)
  local err
  status, err = comm:Connect(host, info.port)
  if not status then return nil, err end
  return comm
end

--- Lists what a host exports.
-- @param host The host table.
-- @param port The port mapper's port.
-- @return True and a list, see <code>Mount:Export</code>; or false and an error.
function Helper.ShowMounts (host, port)
  local comm, err = connect_program(host, port, "mountd")
  if not comm then return false, "rpc.Helper.ShowMounts: " .. tostring(err) end
  local status, mounts = Mount:new():Export(comm)
  comm:Disconnect()
  return status, mounts
end

--- Mounts a directory.
-- @param host The host table.
-- @param port The port mapper's port.
-- @param path The directory.
-- @return The connection to the mount service, or nil; and the handle, or an error.
function Helper.MountPath (host, port, path)
  -- A handle is good for NFS of the same generation only.
  local status, nfs = Helper.GetProgramInfo(host, port, "nfs")
  if not status then return nil, "rpc.Helper.MountPath: " .. tostring(nfs) end
  local comm, err = connect_program(host, port, "mountd", nfs.version == 2 and 2 or 3)
  if not comm then return nil, "rpc.Helper.MountPath: " .. tostring(err) end
  local handle
  status, handle = Mount:new():Mount(comm, path)
  if not status then
    comm:Disconnect()
    return nil, "rpc.Helper.MountPath: " .. handle
  end
  return comm, handle
end

--- Ends what <code>MountPath</code> began.
-- @param mnt_comm The connection to the mount service.
-- @param path The directory.
-- @return True, or false and an error.
function Helper.UnmountPath (mnt_comm, path)
  local status, err = Mount:new():Unmount(mnt_comm, path)
  mnt_comm:Disconnect()
  if not status then return false, "rpc.Helper.UnmountPath: " .. err end
  return true
end

--- Connects to NFS.
-- @param host The host table.
-- @param port The port mapper's port.
-- @return The connection, or nil and an error.
function Helper.NfsOpen (host, port)
  local comm, err = connect_program(host, port, "nfs")
  if not comm then return nil, "rpc.Helper.NfsOpen: " .. tostring(err) end
  return comm
end

--- Ends what <code>NfsOpen</code> began.
-- @param nfs_comm The connection.
-- @return True.
function Helper.NfsClose (nfs_comm) return nfs_comm:Disconnect() end

-- Mounts a directory, opens NFS, calls the function with the connection and the handle, and ends it all.
local function with_directory (name, host, port, path, func)
  local mount, handle = Helper.MountPath(host, port, path)
  if not mount then return false, name .. ": " .. handle end
  local nfs, err = Helper.NfsOpen(host, port)
  if not nfs then
    Helper.UnmountPath(mount, path)
    return false, name .. ": " .. err
  end
  local results = table.pack(func(NFS:new(), nfs, handle))
  Helper.NfsClose(nfs)
  Helper.UnmountPath(mount, path)
  return table.unpack(results, 1, results.n)
end

--- Lists an exported directory.
-- @param host The host table.
-- @param port The port mapper's port.
-- @param path The directory.
-- @return True and a table, see <code>NFS:ReadDir</code>; or false and an error.
function Helper.Dir (host, port, path)
  return with_directory("rpc.Helper.Dir", host, port, path, function (nfs, comm, handle)
    return nfs:ReadDir(comm, handle)
  end)
end

--- Gets the attributes of an exported directory.
-- @param host The host table.
-- @param port The port mapper's port.
-- @param path The directory.
-- @return True and the attributes, or false and an error.
function Helper.GetAttributes (host, port, path)
  return with_directory("rpc.Helper.GetAttributes", host, port, path, function (nfs, comm, handle)
    return nfs:GetAttr(comm, handle)
  end)
end

--- Asks how full an export's file system is.
-- @param host The host table.
-- @param port The port mapper's port.
-- @param path The directory.
-- @return True and a table, see <code>NFS:FsStat</code> and <code>NFS:StatFs</code>; or false and an error.
function Helper.ExportStats (host, port, path)
  return with_directory("rpc.Helper.ExportStats", host, port, path, function (nfs, comm, handle)
    if comm.version == 3 then return nfs:FsStat(comm, handle) end
    return nfs:StatFs(comm, handle)
  end)
end

return _ENV
