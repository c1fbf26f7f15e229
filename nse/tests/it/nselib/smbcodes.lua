local smbcodes = require "smbcodes"

-- MS-ERREF 2.3.1, MS-CIFS 2.2.2.1.
check("results", '"NT_STATUS_ACCESS_DENIED" "NT_STATUS_SUCCESS" "NT_STATUS_UNKNOWN (0x00012345)" "NT_STATUS_PENDING"',
  smbcodes.get_status_name(0xc0000022), smbcodes.get_status_name(0), smbcodes.get_status_name(0x12345),
  smbcodes.get_status_name(0x103))
check("commands", '"SMB_COM_NEGOTIATE" 115', smbcodes.command_names[0x72], smbcodes.command_codes.SMB_COM_SESSION_SETUP_ANDX)
for name, code in pairs(smbcodes.command_codes) do equal(smbcodes.command_names[code], name, name) end
for name, code in pairs(smbcodes.status_codes) do equal(smbcodes.status_codes[smbcodes.get_status_name(code)], code, name) end
