local afpdata = require "afpdata"

-- What a server says of itself (DSIGetStatus): places of the parts, then the parts.
local function server_info ()
  local machine, signature = "\4Test", ("s"):rep(16)
  local versions, uams = "\2\6AFP3.1\6AFP2.2", "\1\15No User Authent"
  local network = "\3\8\2\127\0\0\1\2\36\6\1\127\0\0\1\6\4host"
  local directory, utf8 = "\1\3x@Y", "\0\3srv"
  local name = "\3srv"
  local at = 10 + #name + 8
  local places, all = {}, ""
  for i, part in ipairs({ machine, versions, uams, signature, network, directory, utf8 }) do
    places[i] = at
    at, all = at + #part, all .. part
  end
  return string.pack(">I2I2I2I2I2", places[1], places[2], places[3], 0, 0x8230) .. name
    .. string.pack(">I2I2I2I2", places[4], places[5], places[6], places[7]) .. all
end
local info = afpdata.server_info(server_info())
check("server", '"srv" "Test" {1="AFP3.1",2="AFP2.2"} {1="No User Authent"} "srv"', info.server_name, info.machine_type, info.afp_versions,
  info.uams, info.utf8_server_name)
check("places", '{1="127.0.0.1:548",2="127.0.0.1",3="host"} {1="x@Y"} 3 1', info.network_addresses, info.directory_names,
  info.network_addresses_count, info.directory_names_count)
check("flags", "true false 33328", info.flags.SuperClient, info.flags.CopyFile, info.flags.raw)
equal(info.server_signature, ("s"):rep(16), "signature")
fuzz("server_info", { server_info() }, function (bytes) pcall(afpdata.server_info, bytes) end)

check("paths", '"\\2\\1a" "\\3\\8\\0\\1\\3\\0\\1a"', afpdata.encode_path({ type = 2, name = "a" }), afpdata.encode_path({ type = 3, name = "a" }))
check("share's number", "7 9", afpdata.volume_id(0x20, "\0\7", 1), afpdata.volume_id(0x23, "\0\0\0\1\0\9", 1))

-- Names stand behind what has a fixed length: the bits are creation date, long name, number, rights, Unix.
local facts = afpdata.decode_dir_bitmap(0x9144, string.pack(">i4I2I4I4I4I4I4I4", 86400, 30, 17, 0x87070303, 501, 20, 0x41ed, 0x87030307) .. "\3sub", 1)
check("folder", '86400 "sub" 17 2265383683 {"gid"=20,"permissions"=16877,"ua_permissions"=2265121543,"uid"=501}', facts.CreationDate,
  facts.LongName, facts.NodeId, facts.AccessRights, facts.UnixPrivileges)
local node = afpdata.Util.node(facts)
check("entry", '17 "sub" "drwxr-xr-x" 501 "2000-01-02T00:00:00" 0', node.id, node.name, node.privs, node.uid, node.create, node.fsize)
facts = afpdata.decode_file_bitmap(0x2800, string.pack(">I8I2I4", 6, 14, 0) .. string.pack(">I4s2", 0x08000103, "a.txt"), 1)
check("file", '6 "a.txt"', facts.ExtendedDataForkSize, facts.UTF8Name)

local listed = string.pack(">I2I2I2", 0x40, 0x40, 2) .. string.pack(">I2BBI2", 9, 0x80, 0, 2) .. "\2su" .. string.pack(">I2BBI2", 8, 0, 0, 2) .. "\1a"
check("list", '{1={"LongName"="su","type"=128},2={"LongName"="a","type"=0}}', afpdata.read_entries(listed))
fuzz("read_entries", { listed }, function (bytes) pcall(afpdata.read_entries, bytes) end)

check("rights", '{1="Owner: Search,Read",2="User: Write",3="Options: IsOwner"}', afpdata.acls_to_long_string(0x84000003))
check("parts", '{"dir"="a/b","filename"="c","path"="a/b/c","volume"="share"}', afpdata.Util.SplitPath("share/a/b/c"))
check("a share alone", '{"dir"="","filename"="","path"="","volume"="share"}', afpdata.Util.SplitPath("/share"))
check("never", '"0000-00-00T00:00:00"', afpdata.Util.time_to_string(-0x80000000))
check("filled", '"a\\0\\0"', afpdata.Util.ZeroPad("a", 3))
