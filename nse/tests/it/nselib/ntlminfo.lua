local ntlminfo = require "ntlminfo"
local stdnse = require "stdnse"

-- MS-NLMP 2.2.1.1: signature, kind, flags, empty domain and workstation, version.
equal(#ntlminfo.NEGOTIATE, 40)
equal((string.unpack("<I4", ntlminfo.NEGOTIATE, 9)), 1)
local challenge = stdnse.fromhex("4e544c4d53535000020000000c000c0038000000058289a20102030405060708000000000000000078007800440000000a0063450000000f"
  .. "44004f004d00410049004e0002000c0044004f004d00410049004e0001000a0048004f005300540031000400120064002e006500780061006d0070006c006500"
  .. "03001e0068006f007300740031002e0064002e006500780061006d0070006c00650005000e006500780061006d0070006c006500070008000080209bcb82d801"
  .. "00000000")
local result = ntlminfo.describe("before" .. challenge .. "after")
local shown = {}
for name, value in pairs(result) do shown[#shown + 1] = name .. "=" .. value end
equal(shown, { "Target_Name=DOMAIN", "NetBIOS_Domain_Name=DOMAIN", "NetBIOS_Computer_Name=HOST1", "DNS_Domain_Name=d.example",
  "DNS_Computer_Name=host1.d.example", "DNS_Tree_Name=example", "Product_Version=10.0.17763" })
check("nothing", "nil nil nil", ntlminfo.describe(""), ntlminfo.describe(nil), ntlminfo.describe("NTLMSSP\0\2\0\0\0"))
for len = 1, #challenge do ntlminfo.describe(challenge:sub(1, len)) end
