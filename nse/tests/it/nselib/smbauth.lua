local smbauth = require "smbauth"

local stdnse = require "stdnse"

local hex, unhex = stdnse.tohex, stdnse.fromhex

-- MS-NLMP 4.2: user "User", domain "Domain", password "Password", server challenge 0123456789abcdef.
local challenge = unhex("0123456789abcdef")
local _, ntlm = smbauth.ntlm_create_hash("Password")
check("NTOWFv1, 4.2.2.1.2", '"a4f49c406510bdcab6824ee7c30fd852"', hex(ntlm))
check("NTOWFv2, 4.2.4.1.1", '"0c868a403bfd7a93a3001ef22ef02e3f"', hex(select(2, smbauth.ntlmv2_create_hash(ntlm, "User", "Domain"))))
local function response (kind, ...)
  local lm, nt, key = smbauth.get_password_response("User", "Domain", "Password", nil, kind, challenge, ...)
  return hex(lm), hex(nt), key and hex(key)
end
check("version 1, 4.2.2.2", '"98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13" "67c43011f30298a2ad35ece64f16331c44bdbed927841f94" '
  .. '"d87262b0cde4b1cb7499becccdf10784"', response("v1", true))
check("LM alone", '"98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13" "" "e52cac67419a9a220000000000000000"', response("lm", true))
check("key with the response", "80", #select(3, response("ntlm", false)))
check("hash", '"67c43011f30298a2ad35ece64f16331c44bdbed927841f94"', hex(select(2, smbauth.get_password_response("User", "Domain",
  nil, "a4f49c406510bdcab6824ee7c30fd852", "ntlm", challenge, true))))
check("nobody", '"00" "" nil', response("none"))
-- 4.2.4.2.1: LMv2 with the client's challenge of eight octets 0xaa.
local real = openssl.rand_bytes
openssl.rand_bytes = function (n) return ("\xaa"):rep(n) end
check("LMv2", '"86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa"',
  hex(select(2, smbauth.lmv2_create_response(ntlm, "User", "Domain", challenge))))
openssl.rand_bytes = real
check("signature", '"8be172582e6e084c"', hex(smbauth.calculate_signature("0123456789abcdefX", "\xffSMBabcdefghijklmnopqrstuvwxyz")))

-- 2.2.1.1 and 2.2.1.2.
local status, first = smbauth.get_security_blob(nil)
check("first message", 'true "4e544c4d53535000010000001582000000000000000000000000000000000000"', status, hex(first))
local function av (id, text) return string.pack("<I2s2", id, (text:gsub(".", "%0\0"))) end
local info = av(2, "DOM") .. av(1, "COMP") .. av(4, "dom.lan") .. av(3, "comp.dom.lan") .. av(5, "lan")
  .. string.pack("<I2I2I8", 7, 8, 116444736000000000) .. "\0\0\0\0"
local second = "NTLMSSP\0" .. string.pack("<I4I2I2I4I4c8c8I2I2I4", 2, 6, 6, 56, 0x02808215, challenge, ("\0"):rep(8),
  #info, #info, 62) .. "\10\0\x61\x4a\0\0\0\15" .. "D\0O\0M\0" .. info
check("facts", '{"dns_domain_name"="dom.lan","dns_forest_name"="lan","fqdn"="comp.dom.lan","netbios_computer_name"="COMP",'
  .. '"netbios_domain_name"="DOM","os_build"=19041,"os_major_version"=10,"os_minor_version"=0,"target_realm"="DOM",'
  .. '"timestamp"=116444736000000000}', smbauth.get_host_info_from_security_blob("junk" .. second))
check("no challenge", 'false "Invalid NTLM challenge message"', smbauth.get_host_info_from_security_blob("abc"))
for size = 0, #second do smbauth.get_host_info_from_security_blob(second:sub(1, size)) end
local ok, third, key, user = smbauth.get_security_blob(second, "User", "Domain", "Password", nil, "v2")
check("third message", 'true "4e544c4d5353500003000000" 16 "User"', ok, hex(third):sub(1, 24), #key, user)

-- Accounts.
local function account (target) return select(2, smbauth.get_account(target)) end
local target = { ip = "192.0.2.1", registry = {} }
check("guest first", '"guest"', (account(target)))
smbauth.add_account(target, "ann", "d", "p", nil, "v1", true)
check("added", '"ann" "d" "p" nil "v1"', account(target))
smbauth.next_account(target)
smbauth.next_account(target)
check("nobody last", '"" "" "" nil "none"', account(target))
smbauth.next_account(target)
check("no more", 'false "No accounts left to try"', smbauth.get_account(target))
