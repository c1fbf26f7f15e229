---
-- What a Windows server tells about itself in the second message of NTLM, before anybody logs in (MS-NLMP 2.2.1.2).
--
-- The scripts <code>*-ntlm-info</code> send <code>NEGOTIATE</code> in the way of their protocol and give what comes back to
-- <code>describe</code>.
--
-- @copyright MIT OR Apache-2.0

local smbauth = require "smbauth"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("ntlminfo", stdnse.seeall)

--- The first message: no domain and no workstation, asking for Unicode, the target's name and information, and the
-- version.
-- @class string
-- @name NEGOTIATE
NEGOTIATE = "NTLMSSP\0" .. string.pack("<I4I4I8I8", 1, 0xa2088207, 0, 0) .. "\6\1\xb1\x1d\0\0\0\x0f"

-- What the fields are called, in the order they are shown.
local FIELDS = {
  { "target_realm", "Target_Name" },
  { "netbios_domain_name", "NetBIOS_Domain_Name" },
  { "netbios_computer_name", "NetBIOS_Computer_Name" },
  { "dns_domain_name", "DNS_Domain_Name" },
  { "fqdn", "DNS_Computer_Name" },
  { "dns_forest_name", "DNS_Tree_Name" },
}

--- Reads the second message.
-- @param blob Bytes that hold the message, whatever is around it.
-- @return A table for a script to return, or nil.
function describe (blob)
  local start = string.find(blob or "", "NTLMSSP\0\2\0\0\0", 1, true)
  if not start then return nil end
  local ok, info = pcall(smbauth.get_host_info_from_security_blob, string.sub(blob, start))
  if not ok or type(info) ~= "table" then return nil end
  local result = stdnse.output_table()
  for _, field in ipairs(FIELDS) do
    local value = info[field[1]]
    if value and value ~= "" then result[field[2]] = value end
  end
  if info.os_major_version then
    result["Product_Version"] = ("%d.%d.%d"):format(info.os_major_version, info.os_minor_version or 0, info.os_build or 0)
  end
  if #result == 0 then return nil end
  return result
end

return _ENV
