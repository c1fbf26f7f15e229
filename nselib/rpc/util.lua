---
-- Open Network Computing RPC: packing and unpacking, names of programs, and showing what services tell. Scripts
-- reach it as <code>rpc.Util</code>.
--
-- @copyright MIT OR Apache-2.0

local io = require "io"
local math = require "math"
local nmap = require "nmap"
local os = require "os"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("rpc.util", stdnse.seeall)

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

return _ENV
