local smb = require "smb"

check("results", '"NT_STATUS_ACCESS_DENIED" "NT_STATUS_SUCCESS" "NT_STATUS_UNKNOWN (0x00012345)" 115',
  smb.get_status_name(0xc0000022), smb.get_status_name(0), smb.get_status_name(0x12345), smb.command_codes.SMB_COM_SESSION_SETUP_ANDX)
check("path", 'true "\\\\\\\\192.0.2.1\\\\c$"', smb.get_fqpn({ ip = "192.0.2.1" }, "c$"))
check("overrides for nobody", '{"domain"="","hash_type"="none","password"="","username"=""}', smb.get_overrides_anonymous())
check("versions", '"Windows XP" "Samba"', smb.get_windows_version("Windows 5.1"), smb.get_windows_version("Samba"))
local _, first = smb.get_uniqueish_name({ ip = "192.0.2.1" }, "tmp", "s")
check("a name", "true true", first == select(2, smb.get_uniqueish_name({ ip = "192.0.2.1" }, "tmp", "s")),
  first ~= select(2, smb.get_uniqueish_name({ ip = "192.0.2.2" }, "tmp", "s")))

check("what is of other libraries", 'true true true', smb.negotiate_v1 == require("smb1").negotiate_v1,
  smb.status_codes == require("smbcodes").status_codes, smb.create_file == require("smbsession").create_file)
