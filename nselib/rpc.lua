---
-- ONC Remote Procedure Call (RFC 5531) and what is spoken over it: the port mapper (RFC 1833), the mount service and
-- the
-- Network File System, versions 2 and 3 (RFC 1094, RFC 1813).
--
-- <code>Comm</code> is a connection to one program. <code>Portmap</code>, <code>Mount</code> and <code>NFS</code> make
-- the calls, <code>Helper</code> does whole tasks, and <code>Util</code> packs, unpacks and shows values.
--
-- @usage
-- local status, programs = rpc.Helper.RpcInfo(host, port)
--
-- @args rpc.protocol The protocols to use, one of <code>tcp</code> and <code>udp</code> or both as a list. Default:
--       both,
--       TCP first.
-- @args mount.version The mount service's version, 1 to 3. Default: the highest that both know.
-- @args nfs.version NFS' version, 2 or 3. Default: the highest that both know.
--
-- @copyright MIT OR Apache-2.0

local io = require "io"
local match = require "match"
local math = require "math"
local nmap = require "nmap"
local os = require "os"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("rpc", stdnse.seeall)

-- Answers longer than this are cut off; lists longer than this are no lists.
local ANSWER_LEN_MAX = 8 * 1024 * 1024
local ENTRIES_MAX = 100000
local TIMEOUT_MIN_MS = 3000
local UDP_TRIES = 2
-- Ports from which only administrators can send: some servers want that.
local PRIVILEGED_PORTS = { 512, 1023 }

--- Versions of the programs that the library knows.
-- @class table
-- @name RPC_version
RPC_version = {
  rpcbind = { min = 2, max = 4 },
  nfs = { min = 2, max = 3 },
  mountd = { min = 1, max = 3 },
}

--- Script arguments, by program.
-- @class table
-- @name RPC_args
RPC_args = {
  rpcbind = { proto = "rpc.protocol" },
  nfs = { ver = "nfs.version" },
  mountd = { ver = "mount.version" },
}

-- Numbers of programs that are often met, from the IANA registry of RPC program numbers.
local PROGRAMS = {
  rpcbind = 100000, rstatd = 100001, rusersd = 100002, nfs = 100003, ypserv = 100004, mountd = 100005, ypbind = 100007,
  walld = 100008, yppasswdd = 100009, etherstatd = 100010, rquotad = 100011, sprayd = 100012, ["3270_mapper"] = 100013,
  rje_mapper = 100014, selection_svc = 100015, database_svc = 100016, rexd = 100017, alis = 100018, sched = 100019,
  llockmgr = 100020, nlockmgr = 100021, statmon = 100023, status = 100024, bootparam = 100026, ypupdated = 100028,
  keyserv = 100029, sunlink_mapper = 100033, tfsd = 100037, nsed = 100038, nsemntd = 100039, ypxfrd = 100069,
  nfs_acl = 100227, metad = 100229, sadmind = 100232, ufsd = 100233, kcms_server = 100221, cmsd = 100068,
  ttdbserverd = 100083, autofs = 100099, pcnfsd = 150001, amd = 300019, bwnfsd = 545580417, fypxfrd = 600100069,
}

Util = {}

-- Packing and unpacking (XDR, RFC 4506) -------------------------------------------------------------------------

--- How many octets fill up to a boundary of 4.
-- @param length The length.
-- @return 0 to 3.
function Util.CalcFillBytes (length) return -length % 4 end

function Util.marshall_int32 (int32) return string.pack(">i4", int32) end
function Util.marshall_int64 (int64) return string.pack(">i8", int64) end
function Util.marshall_uint32 (uint32) return string.pack(">I4", uint32) end
function Util.marshall_uint64 (uint64) return string.pack(">I8", uint64) end

--- Octets without their count.
function Util.marshall_opaque (data) return data .. string.rep("\0", -#data % 4) end

--- Octets with their count.
function Util.marshall_vopaque (data) return string.pack(">I4", #data) .. Util.marshall_opaque(data) end

-- Several numbers of one kind: the position after them, then each. They are nil if there are not enough.
local function unmarshall (format, size, data, pos, count)
  count = count or 1
  if pos + size * count - 1 > #data then return #data + 1, nil end
  local values = table.pack(string.unpack(">" .. string.rep(format, count), data, pos))
  return values[values.n], table.unpack(values, 1, count)
end

function Util.unmarshall_int32 (data, pos, count) return unmarshall("i4", 4, data, pos, count) end
function Util.unmarshall_int64 (data, pos, count) return unmarshall("i8", 8, data, pos, count) end
function Util.unmarshall_uint32 (data, pos, count) return unmarshall("I4", 4, data, pos, count) end
function Util.unmarshall_uint64 (data, pos, count) return unmarshall("I8", 8, data, pos, count) end

--- Octets without their count.
function Util.unmarshall_opaque (len, data, pos)
  if pos + len - 1 > #data then return #data + 1, nil end
  return pos + len, string.sub(data, pos, pos + len - 1)
end

--- Octets whose count has been read, and what fills them up.
function Util.unmarshall_vopaque (len, data, pos)
  local after, value = Util.unmarshall_opaque(len, data, pos)
  if not value then return after, nil end
  return after + Util.CalcFillBytes(len), value
end

local FILE_TYPES = {
  [1] = { "-", "file" }, [2] = { "d", "directory" }, [3] = { "b", "block" }, [4] = { "c", "char" },
  [5] = { "l", "link" }, [6] = { "s", "socket" }, [7] = { "p", "fifo" },
}
-- The same in the upper bits of a Unix mode.
local MODE_TYPES = {
  [0x8000] = FILE_TYPES[1], [0x4000] = FILE_TYPES[2], [0x6000] = FILE_TYPES[3], [0x2000] = FILE_TYPES[4],
  [0xa000] = FILE_TYPES[5], [0xc000] = FILE_TYPES[6], [0x1000] = FILE_TYPES[7],
}

function Util.unmarshall_nfsftype (data, pos, count) return Util.unmarshall_uint32(data, pos, count) end
function Util.unmarshall_nfsfmode (data, pos, count) return Util.unmarshall_uint32(data, pos, count) end
function Util.unmarshall_nfssize3 (data, pos, count) return Util.unmarshall_uint64(data, pos, count) end
function Util.unmarshall_nfsfileid3 (data, pos) return Util.unmarshall_uint64(data, pos) end

function Util.unmarshall_nfsspecdata3 (data, pos)
  local after, first, second = Util.unmarshall_uint32(data, pos, 2)
  return after, { specdata1 = first, specdata2 = second }
end

function Util.unmarshall_nfstime (data, pos)
  local after, seconds, nseconds = Util.unmarshall_uint32(data, pos, 2)
  return after, { seconds = seconds, nseconds = nseconds }
end

--- Attributes of a file (fattr, RFC 1094 2.3.5; fattr3, RFC 1813 2.5).
-- @param data The octets.
-- @param pos Where they begin.
-- @param nfsversion 2 or 3.
-- @return The position after them.
-- @return A table with <code>type</code>, <code>mode</code>, <code>nlink</code>, <code>uid</code>, <code>gid</code>,
--         <code>size</code>, <code>atime</code>, <code>mtime</code>, <code>ctime</code> and others; nil if there is not
--         enough of it.
function Util.unmarshall_nfsattr (data, pos, nfsversion)
  if pos + (nfsversion == 3 and 84 or 68) - 1 > #data then return #data + 1, nil end
  local attr = {}
  pos, attr.type, attr.mode, attr.nlink, attr.uid, attr.gid = Util.unmarshall_uint32(data, pos, 5)
  if nfsversion == 3 then
    pos, attr.size, attr.used = Util.unmarshall_uint64(data, pos, 2)
    pos, attr.rdev = Util.unmarshall_nfsspecdata3(data, pos)
    pos, attr.fsid, attr.fileid = Util.unmarshall_uint64(data, pos, 2)
  else
    pos, attr.size, attr.blocksize, attr.rdev, attr.blocks, attr.fsid, attr.fileid =
      Util.unmarshall_uint32(data, pos, 6)
  end
  pos, attr.atime = Util.unmarshall_nfstime(data, pos)
  pos, attr.mtime = Util.unmarshall_nfstime(data, pos)
  pos, attr.ctime = Util.unmarshall_nfstime(data, pos)
  return pos, attr
end

-- Programs ------------------------------------------------------------------------------------------------------

local program_names

-- Those above, and those in the data file, if there is one.
local function name_table ()
  if program_names then return program_names end
  program_names = {}
  local path = nmap.fetchfile("nmap-rpc")
  local file = path and io.open(path, "r")
  if file then
    for line in file:lines() do
      local name, number = string.match(line, "^%s*([^%s#]+)%s+(%d+)")
      if name then program_names[tonumber(number)] = name end
    end
    file:close()
  end
  for name, number in pairs(PROGRAMS) do program_names[number] = name end
  return program_names
end

--- The number of a program.
-- @param prog_name Its name.
-- @return The number, nil if it is not known.
function Util.ProgNameToNumber (prog_name)
  if PROGRAMS[prog_name] then return PROGRAMS[prog_name] end
  for number, name in pairs(name_table()) do
    if name == prog_name then return number end
  end
  return nil
end

--- The name of a program.
-- @param num Its number.
-- @return The name, nil if it is not known.
function Util.ProgNumberToName (num)
  return name_table()[num]
end

-- Showing -------------------------------------------------------------------------------------------------------

--- Shows a mode's rights in octal.
function Util.FmodeToOctalString (mode) return ("%o"):format(mode & 0x1ff) end

--- Shows a mode's rights in letters.
function Util.FpermToString (mode)
  local letters = {}
  for i, letter in ipairs({ "r", "w", "x", "r", "w", "x", "r", "w", "x" }) do
    letters[i] = mode & 1 << 9 - i ~= 0 and letter or "-"
  end
  local function special (at, bit, letter)
    if mode & bit ~= 0 then letters[at] = letters[at] == "x" and letter or string.upper(letter) end
  end
  special(3, 0x800, "s")
  special(6, 0x400, "s")
  special(9, 0x200, "t")
  return table.concat(letters)
end

--- The letter of a mode's type.
function Util.FtypeToChar (mode)
  local found = MODE_TYPES[mode & 0xf000]
  return found and found[1] or ""
end

--- The name of a mode's type.
function Util.FtypeToString (mode)
  local found = MODE_TYPES[mode & 0xf000]
  return found and found[2] or ""
end

--- Shows a size with the unit that suits it.
-- @param size The size in octets.
-- @param blocksize If above 0, the size in units of that many octets instead, without a letter.
-- @return Text, or a number.
function Util.SizeToHuman (size, blocksize)
  if blocksize and blocksize ~= 0 and blocksize ~= 1024 then return size / blocksize end
  local units, at = { "B", "K", "M", "G", "T" }, 1
  while size >= 1024 and at < #units do
    size = size / 1024
    at = at + 1
  end
  return ("%.1f%s"):format(size, units[at])
end

local function yes (bit) return bit ~= 0 and "True" or "False" end

--- Shows what a file system can (RFC 1813, 3.3.19).
-- @param fsinfo What <code>NFS:FsInfo</code> gave.
-- @param nfsversion The version, 3.
-- @param human Unused: sizes have units.
-- @return A table for output, or nil and an error.
function Util.calc_fsinfo_table (fsinfo, nfsversion, human)
  if nfsversion ~= 3 then return nil, "No fsinfo in NFS version " .. tostring(nfsversion) end
  local info = {}
  -- Far beyond what anybody counts in octets.
  info.maxfilesize = Util.SizeToHuman(fsinfo.maxfilesize)
  info.link = yes(fsinfo.properties & 0x01)
  info.symlink = yes(fsinfo.properties & 0x02)
  return info
end

--- Shows how full a file system is.
-- @param stats What <code>NFS:FsStat</code> or <code>NFS:StatFs</code> gave.
-- @param nfsversion The version, 2 or 3.
-- @param human True for sizes with units, otherwise they are in 1024 octets.
-- @return A table for output, or nil and an error.
function Util.calc_fsstat_table (stats, nfsversion, human)
  local total, free, available
  if nfsversion == 3 then
    total, free, available = stats.tbytes, stats.fbytes, stats.abytes
  elseif nfsversion == 2 then
    total, free, available = stats.blocks * stats.block_size, stats.free_blocks * stats.block_size,
      stats.available_blocks * stats.block_size
  else
    return nil, "No fsstat in NFS version " .. tostring(nfsversion)
  end
  local used = total - free
  local function shown (size) return human and Util.SizeToHuman(size) or size / 1024 end
  local reachable = used + available
  return {
    size = shown(total),
    used = shown(used),
    available = shown(available),
    use = ("%.0f%%"):format(reachable > 0 and math.ceil(used * 100 / reachable) or 0),
  }
end

--- Shows the rules for names.
-- @param pconf What <code>NFS:PathConf</code> gave.
-- @param nfsversion The version, 3.
-- @return A table for output, or nil and an error.
function Util.calc_pathconf_table (pconf, nfsversion)
  if nfsversion ~= 3 then return nil, "No pathconf in NFS version " .. tostring(nfsversion) end
  return { linkmax = pconf.linkmax, name_max = pconf.name_max, chown_restricted = yes(pconf.chown_restricted) }
end

-- Bits of access (RFC 1813, 3.3.4) in the order in which they are shown.
local ACCESS_BITS = {
  { 0x01, "Read" }, { 0x02, "Lookup" }, { 0x04, "Modify" }, { 0x08, "Extend" }, { 0x10, "Delete" }, { 0x20, "Execute" },
}

--- Shows what may be done with a file.
-- @param mask The bits.
-- @param version The version, 3.
-- @return Words.
function Util.format_access (mask, version)
  local words = {}
  for i, bit in ipairs(ACCESS_BITS) do words[i] = mask & bit[1] ~= 0 and bit[2] or "No" .. bit[2] end
  return table.concat(words, " ")
end

for _, bit in ipairs(ACCESS_BITS) do
  Util["Access" .. bit[2]] = function (mask, version) return mask & bit[1] ~= 0 and bit[2] or "No" .. bit[2] end
end
function Util.FSinfoLink (mask, version) return yes(mask & 0x01) end
function Util.FSinfoSymlink (mask, version) return yes(mask & 0x02) end
function Util.FSinfoHomogeneous (mask, version) return yes(mask & 0x08) end
function Util.FSinfoCansettime (mask, version) return yes(mask & 0x10) end

--- Shows a time.
-- @param time A table with <code>seconds</code>, or seconds.
-- @return Year to second, in UTC.
function Util.TimeToString (time)
  return os.date("!%Y-%m-%dT%H:%M:%S", type(time) == "table" and time.seconds or time)
end

--- Shows the attributes of a file in a line.
-- @param attr The attributes.
-- @param mactime Which time to show: <code>mtime</code>, <code>atime</code> or <code>ctime</code>.
-- @return The line.
function Util.format_nfsfattr (attr, mactime)
  local time = attr[mactime] or attr.mtime
  return ("%s%s  uid: %5d  gid: %5d  %6s  %s"):format(Util.FtypeToChar(attr.mode), Util.FpermToString(attr.mode),
    attr.uid, attr.gid, Util.SizeToHuman(attr.size), Util.TimeToString(time))
end

-- Connections ---------------------------------------------------------------------------------------------------

Portmap = {
  PROTOCOLS = { tcp = 6, udp = 17 },
  AuthType = { NULL = 0, UNIX = 1 },
  MessageType = { CALL = 0, REPLY = 1 },
  State = { MSG_ACCEPTED = 0, MSG_DENIED = 1 },
  Procedure = {
    [2] = { GETPORT = 3, DUMP = 4, CALLIT = 5 },
    [3] = { DUMP = 4 },
    [4] = { DUMP = 4 },
  },
  AcceptState = { SUCCESS = 0, PROG_UNAVAIL = 1, PROG_MISMATCH = 2, PROC_UNAVAIL = 3, GARBAGE_ARGS = 4,
    SYSTEM_ERR = 5 },
  AcceptMsg = {
    [0] = "The call was executed.",
    "The host does not have the program.",
    "The program does not have that version.",
    "The program does not have that procedure.",
    "The program cannot read the parameters.",
    "The program has a problem of its own.",
  },
  RejectState = { RPC_MISMATCH = 0, AUTH_ERROR = 1 },
  RejectMsg = { [0] = "The host does not speak version 2 of RPC.", "The host does not accept the caller." },
  AuthState = {
    AUTH_OK = 0, AUTH_BADCRED = 1, AUTH_REJECTEDCRED = 2, AUTH_BADVERF = 3, AUTH_REJECTEDVERF = 4, AUTH_TOOWEAK = 5,
    AUTH_INVALIDRESP = 6, AUTH_FAILED = 7,
  },
  AuthMsg = {
    [0] = "No reason.",
    "The credential is damaged.",
    "The caller must begin a new session.",
    "The verifier is damaged.",
    "The verifier is too old or was used before.",
    "The caller needs better credentials.",
    "The answer's verifier is damaged.",
    "The reason is not known.",
  },
}

Comm = {}

--- Makes a connection to a program, not open yet.
-- @param program The program's name.
-- @param version Its version.
-- @return The connection.
function Comm:new (program, version)
  local o = {
    program = program,
    program_id = Util.ProgNameToNumber(program),
    version = version or RPC_version[program] and RPC_version[program].max or 1,
    checkprogver = true,
  }
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Says whether program and version are checked against what the library knows.
-- @param check True or false.
function Comm:SetCheckProgVer (check) self.checkprogver = check end

--- Sets the program's number.
-- @param progid The number.
function Comm:SetProgID (progid) self.program_id = progid end

--- Sets the version.
-- @param version The version.
function Comm:SetVersion (version) self.version = version end

--- Checks that the library knows the program.
-- @return True, or false and an error.
function Comm:ChkProgram ()
  if not RPC_version[self.program] then return false, "RPC library does not support: " .. tostring(self.program) end
  return true
end

--- Checks that the library knows the program's version.
-- @return True, or false and an error.
function Comm:ChkVersion ()
  local known = RPC_version[self.program]
  if not known or self.version < known.min or self.version > known.max then
    return false, ("RPC library does not support: %s version %s"):format(tostring(self.program), tostring(self.version))
  end
  return true
end

-- A socket from a privileged port if that can be had.
local function open_socket (host, port, timeout)
  local err
  for attempt = 1, nmap.is_privileged() and 10 or 1 do
    local socket = nmap.new_socket(port.protocol)
    socket:set_timeout(timeout)
    if nmap.is_privileged() and attempt < 10 then
      socket:bind(nil, math.random(PRIVILEGED_PORTS[1], PRIVILEGED_PORTS[2]))
    end
    local status
    status, err = socket:connect(host, port, port.protocol)
    if status then return socket end
    socket:close()
  end
  return nil, err
end

--- Connects.
-- @param host The host table.
-- @param port The port table, number and protocol.
-- @param timeout Milliseconds. Default: worked out from the host.
-- @return True, or false and an error.
function Comm:Connect (host, port, timeout)
  if self.checkprogver then
    local status, err = self:ChkProgram()
    if status then status, err = self:ChkVersion() end
    if not status then return status, err end
  end
  timeout = timeout or math.max(stdnse.get_timeout(host), TIMEOUT_MIN_MS)
  local socket, err = open_socket(host, port, timeout)
  if not socket then return nil, ("%s connect error: %s"):format(tostring(self.program), tostring(err)) end
  self.host, self.ip, self.port, self.proto = host, host.ip, port.number, port.protocol
  self.socket, self.timeout = socket, timeout
  return true
end

--- Disconnects.
-- @return True.
function Comm:Disconnect ()
  if self.socket then self.socket:close() end
  self.socket = nil
  return true
end

--- The local and the remote address.
-- @return As <code>get_info</code> of a socket.
function Comm:GetSocketInfo () return self.socket:get_info() end

-- AUTH_SYS, RFC 5531, appendix A: a stamp, the machine, user, group and no further groups.
local function unix_credential ()
  return string.pack(">I4", math.floor(nmap.clock()) & 0xffffffff) .. Util.marshall_vopaque("localhost")
    .. string.pack(">I4I4I4", 0, 0, 0)
end

--- Makes the header of a call (RFC 5531, section 9).
-- @param xid The call's number, nil for a random one.
-- @param procedure The procedure's number. Default: 0, which every program has and which does nothing.
-- @param auth Table with <code>type</code>. Default: nobody.
-- @return True and the octets, or false and an error.
function Comm:CreateHeader (xid, procedure, auth)
  auth = auth or { type = Portmap.AuthType.NULL }
  if auth.type ~= Portmap.AuthType.NULL and auth.type ~= Portmap.AuthType.UNIX then
    return false, "Comm.CreateHeader: invalid authentication type specified"
  end
  if not self.program_id then return false, "Comm.CreateHeader: unknown program" end
  local credential = auth.type == Portmap.AuthType.UNIX and unix_credential() or ""
  self.xid = xid or math.random(1, 0x7fffffff)
  return true, string.pack(">I4I4I4I4I4I4", self.xid, Portmap.MessageType.CALL, 2, self.program_id, self.version,
    procedure or 0) .. string.pack(">I4", auth.type) .. Util.marshall_vopaque(credential) .. string.pack(">I4I4", 0, 0)
end

--- Makes a call's packet. Over TCP its length goes in front (RFC 5531, section 11).
-- @param xid The call's number, nil for a random one.
-- @param proc The procedure's number.
-- @param auth See <code>CreateHeader</code>.
-- @param data The parameters' octets.
-- @return The octets, or nil and an error.
function Comm:EncodePacket (xid, proc, auth, data)
  local status, header = self:CreateHeader(xid, proc, auth)
  if not status then return nil, header end
  local packet = header .. (data or "")
  if self.proto == "udp" then return packet end
  return string.pack(">I4", 0x80000000 | #packet) .. packet
end

--- Takes the header of an answer apart.
-- @param data The octets.
-- @param pos Where it begins. Default: 1.
-- @return The position of the results, and a table with <code>xid</code>, <code>type</code>, <code>state</code> and
--         what follows from it: <code>verifier</code> and <code>accept_state</code>, or <code>denied_state</code> and
--         <code>auth_state</code>; or nil and an error.
function Comm:DecodeHeader (data, pos)
  local header = {}
  pos, header.xid, header.type, header.state = Util.unmarshall_uint32(data, pos or 1, 3)
  if not header.state then return nil, "the answer ends within its header" end
  if header.state ~= Portmap.State.MSG_ACCEPTED then
    pos, header.denied_state = Util.unmarshall_uint32(data, pos)
    if header.denied_state == Portmap.RejectState.AUTH_ERROR then
      pos, header.auth_state = Util.unmarshall_uint32(data, pos)
    end
    return pos, header
  end
  local flavor, len
  pos, flavor, len = Util.unmarshall_uint32(data, pos, 2)
  if not len then return nil, "the answer ends within its header" end
  pos, header.verifier = Util.unmarshall_vopaque(len, data, pos)
  header.verifier_flavor = flavor
  pos, header.accept_state = Util.unmarshall_uint32(data, pos)
  if not header.accept_state then return nil, "the answer ends within its header" end
  return pos, header
end

--- Sends a packet.
-- @param packet The octets.
-- @return True, or false and an error.
function Comm:SendPacket (packet) return self.socket:send(packet) end

--- Receives an answer; over TCP its pieces are put together.
-- @return True and the octets without lengths, or false and an error.
function Comm:ReceivePacket ()
  if self.proto == "udp" then return self.socket:receive() end
  local parts, size = {}, 0
  while true do
    local status, prefix = self.socket:receive_buf(match.numbytes(4), true)
    if not status then return false, prefix end
    local mark = string.unpack(">I4", prefix)
    local len = mark & 0x7fffffff
    size = size + len
    if size > ANSWER_LEN_MAX or #parts > 1000 then return false, "the answer is too long" end
    local part = ""
    if len > 0 then
      status, part = self.socket:receive_buf(match.numbytes(len), true)
      if not status then return false, part end
    end
    parts[#parts + 1] = part
    if mark & 0x80000000 ~= 0 then return true, table.concat(parts) end
  end
end

--- Looks whether so many octets are there. Answers are received whole: nothing more comes.
-- @param data The octets.
-- @param pos From where.
-- @param needed How many.
-- @return True and the octets, or false and an error.
function Comm:GetAdditionalBytes (data, pos, needed)
  if #data - pos + 1 >= needed then return true, data end
  return false, "the answer ends too early"
end

-- Calls a procedure: the results' octets and where they begin, or nil and an error.
local function call (comm, name, procedure, auth, data)
  if not comm.socket then return nil, name .. ": not connected" end
  local packet, err = comm:EncodePacket(nil, procedure, auth, data)
  if not packet then return nil, name .. ": " .. err end
  for _ = 1, comm.proto == "udp" and UDP_TRIES or 1 do
    local status
    status, err = comm:SendPacket(packet)
    if not status then break end
    -- Late answers to earlier calls are passed over.
    for _ = 1, 5 do
      local answer
      status, answer = comm:ReceivePacket()
      if not status then
        err = answer
        break
      end
      local pos, header = comm:DecodeHeader(answer)
      if not pos then return nil, name .. ": " .. header end
      if header.xid == comm.xid and header.type == Portmap.MessageType.REPLY then
        if header.state ~= Portmap.State.MSG_ACCEPTED then
          local why = Portmap.AuthMsg[header.auth_state] or Portmap.RejectMsg[header.denied_state]
            or "The call was denied."
          return nil, name .. ": " .. why
        end
        if header.accept_state ~= Portmap.AcceptState.SUCCESS then
          return nil, name .. ": " .. (Portmap.AcceptMsg[header.accept_state] or "The call was not executed.")
        end
        return answer, pos
      end
    end
  end
  return nil, name .. ": Failed to read data from socket (" .. tostring(err) .. ")"
end

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

local function read_text (data, pos)
  local len, text
  pos, len = Util.unmarshall_uint32(data, pos)
  if not len then return pos, nil end
  return Util.unmarshall_vopaque(len, data, pos)
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
