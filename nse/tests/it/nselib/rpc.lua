local peer = require "peer"
local rpc = require "rpc"
local stdnse = require "stdnse"

local hex = stdnse.tohex
local U = rpc.Util

-- XDR, RFC 4506, 4.10.
check("octets", '"0000000561626364' .. '65000000" "6162636465000000" 3', hex(U.marshall_vopaque("abcde")), hex(U.marshall_opaque("abcde")),
  U.CalcFillBytes(5))
check("numbers", "9 5 6", U.unmarshall_uint32("\0\0\0\5\0\0\0\6", 1, 2))
check("cut off", "8 nil", U.unmarshall_uint32("\0\0\0\5\0\0\0", 1, 2))
check("octets back", '9 "abcde"', U.unmarshall_vopaque(5, "abcde\0\0\0", 1))
check("octets that are not there", "4 nil", U.unmarshall_vopaque(0xffffffff, "abc", 1))
check("programs", '100003 "mountd" nil', U.ProgNameToNumber("nfs"), U.ProgNumberToName(100005), U.ProgNameToNumber("no such"))
check("modes", '"755" "rwxr-xr-x" "rwsr-xr-t" "d" "directory" ""', U.FmodeToOctalString(0x1ed), U.FpermToString(0x1ed),
  U.FpermToString(0xbed), U.FtypeToChar(0x41ed), U.FtypeToString(0x41ed), U.FtypeToChar(2))
check("sizes", '"117.7M" "500.0B" "8388608.0T"', U.SizeToHuman(123456789, 0), U.SizeToHuman(500), U.SizeToHuman(math.maxinteger))
check("rights", '"Read Lookup Modify Extend Delete NoExecute"', U.format_access(31, 3))
check("time", '"2026-11-27T22:49:29"', U.TimeToString({ seconds = 1795819769 }))

-- RFC 5531, section 9.
local comm = rpc.Comm:new("mountd", 3)
comm.proto = "udp"
check("call", '"00000007000000000000000200' .. '0186a50000000300000001000000000000000000000000000000' .. '00"', hex(comm:EncodePacket(7, 1)))
comm.proto = "tcp"
check("with its length, section 11", '"80000028"', hex(comm:EncodePacket(7, 1)):sub(1, 8))
check("unknown kind of credentials", "false", (comm:CreateHeader(1, 1, { type = 6 })))
check("denied", '1 5', select(2, comm:DecodeHeader(string.pack(">I4I4I4I4I4", 7, 1, 1, 1, 5))).denied_state,
  select(2, comm:DecodeHeader(string.pack(">I4I4I4I4I4", 7, 1, 1, 1, 5))).auth_state)
check("cut off", 'nil "the answer ends within its header"', comm:DecodeHeader("abc"))

-- A host that answers by program and procedure.
local results = {}
local function serve ()
  peer.answer(function (data)
    local xid, _, _, program, version, procedure = string.unpack(">I4I4I4I4I4I4", data, 5)
    local result = results[("%d.%d"):format(program, procedure)]
    if result == nil then return nil end
    local answer = string.pack(">I4I4I4I4I4I4", xid, 1, 0, 0, 0, result and 0 or 3) .. (result or "")
    -- In two pieces.
    return string.pack(">I4", 8) .. answer:sub(1, 8) .. string.pack(">I4", 0x80000000 | #answer - 8) .. answer:sub(9)
  end)
end
serve()
local text = U.marshall_vopaque
local function binding (program, version, network, address)
  return string.pack(">I4I4I4", 1, program, version) .. text(network) .. text(address) .. text("root")
end
local bindings = binding(100003, 4, "tcp", "0.0.0.0.8.1") .. binding(100003, 3, "tcp", "0.0.0.0.8.1")
  .. binding(100005, 3, "tcp", "0.0.0.0.78.80") .. binding(100000, 4, "local", "/run/x.sock") .. "\0\0\0\0"
results["100000.4"] = bindings
local function target () return { ip = "192.0.2.1", registry = {} } end
local port = { number = 111, protocol = "tcp" }
local status, programs = rpc.Helper.RpcInfo(target(), port)
check("programs", 'true {"addr"="0.0.0.0","owner"="root","port"=2049,"version"={1=3,2=4}} {"addr"="/run/x.sock","owner"="root","version"={1=4}}',
  status, programs[100003].tcp, programs[100000]["local"])
check("where", 'true {"port"={"number"=2049,"protocol"="tcp"},"version"=3}', rpc.Helper.GetProgramInfo(target(), port, "nfs"))
for size = 0, #bindings - 1, 7 do
  results["100000.4"] = bindings:sub(1, size)
  rpc.Helper.RpcInfo(target(), port)
end
results["100000.4"] = bindings
results["100000.3"] = string.pack(">I4", 2049)
check("port", "true 2049", rpc.Helper.GetPortForProgram(target(), port, "nfs", "tcp"))

results["100005.5"] = string.pack(">I4", 1) .. text("/a") .. string.pack(">I4", 1) .. text("host") .. "\0\0\0\0\0\0\0\0"
check("exports", 'true {1={"name"="/a",1="host"}}', rpc.Helper.ShowMounts(target(), port))
results["100005.1"] = string.pack(">I4", 13)
check("mount refused", 'nil "rpc.Helper.MountPath: Mount failed: Permission denied."', rpc.Helper.MountPath(target(), port, "/a"))
results["100005.1"] = string.pack(">I4", 0) .. text("handle")
results["100005.3"] = ""

-- RFC 1813, 3.3.1 and 3.3.17.
local attr = string.pack(">I4I4I4I4I4I8I8I4I4I8I8I4I4I4I4I4I4", 2, 0x1ed, 1, 0, 5, 4096, 4096, 0, 0, 1, 2, 10, 0, 20, 0, 30, 0)
results["100003.1"] = string.pack(">I4", 0) .. attr
check("attributes", "true 4096 20 5", (rpc.Helper.GetAttributes(target(), port, "/a")),
  select(2, rpc.Helper.GetAttributes(target(), port, "/a")).size, select(2, rpc.Helper.GetAttributes(target(), port, "/a")).mtime.seconds,
  select(2, rpc.Helper.GetAttributes(target(), port, "/a")).gid)
local entry = string.pack(">I4I8", 1, 77) .. text("f") .. string.pack(">I8", 3)
results["100003.16"] = string.pack(">I4I4", 0, 1) .. attr .. "verifier" .. entry .. string.pack(">I4I4", 0, 1)
local _, directory = rpc.Helper.Dir(target(), port, "/a")
check("directory", '{1={"cookie"=3,"fileid"=77,"length"=1,"name"="f"}}', directory.entries)
-- A directory that never ends, with the same cookie again and again.
results["100003.16"] = string.pack(">I4I4", 0, 0) .. "verifier" .. entry .. string.pack(">I4I4", 0, 0)
check("no end", "2", #select(2, rpc.Helper.Dir(target(), port, "/a")).entries)
results["100003.1"] = string.pack(">I4", 70)
check("failed", 'false "GetAttr failed: Stale file handle."', rpc.Helper.GetAttributes(target(), port, "/a"))
results["100003.1"] = false
check("no procedure", "false", (rpc.Helper.GetAttributes(target(), port, "/a")))
