local ipmi = require "ipmi"
local openssl = require "openssl"
local stdnse = require "stdnse"

local hex, unhex = stdnse.tohex, stdnse.fromhex

-- IPMI 2.0, 22.13: Get Channel Authentication Capabilities, checksums included; then what a controller answers.
check("question", '"0600ff07000000000000000000092018c88100388e04b5"', hex(ipmi.channel_auth_request()))
local reply = unhex("0600ff0700000000000000000010811c6320003800019706030000000007")
local info = ipmi.parse_channel_auth_reply(reply)
check("answer", '0 true true true true false true true false true true', info.ipmi_completion_code, info.ipmi_compat_20, info.ipmi_compat_password,
  info.ipmi_compat_md5, info.ipmi_compat_md2, info.ipmi_compat_oem_auth, info.ipmi_user_non_null, info.ipmi_user_null, info.ipmi_user_anonymous,
  info.ipmi_conn_15, info.ipmi_conn_20)
for size = 0, #reply - 2 do assert(ipmi.parse_channel_auth_reply(reply:sub(1, size)) == nil) end

-- 13.17 and 13.18.
check("open", '"0600ff070610000000000000000020000000000061626364000000080100000001000008010000000200000801000000"',
  hex(ipmi.session_open_request("abcd")))
check("cipher zero", '"0000000800000000010000080000000002000008' .. '00000000"', hex(ipmi.session_open_cipher_zero_request(1)):sub(49))
local opened = ipmi.parse_open_session_reply(unhex("0600ff07061100000000000000002400000000006162636488010000000000080100000001000008010000000200000801000000"))
check("opened", "17 0 392 1684234849", opened.session_payload_type, opened.error_code, opened.bmc_session_id, opened.console_session_id)
check("another payload", "nil", ipmi.parse_rakp_1_reply(unhex("0600ff07061100000000000000002400" .. ("00"):rep(36))))

-- 13.20, 13.21 and 13.31: a hash that only the right password makes.
check("first message", '"14000004726f6f74"', hex(ipmi.rakp_1_request(392, ("r"):rep(16), "root")):sub(-16))
local salt = ipmi.rakp_hmac_sha1_salt("abcd", 392, ("r"):rep(16), ("s"):rep(16), ("g"):rep(16), 0x14, "admin")
check("salt", '63 true false', #salt, ipmi.verify_rakp_hmac_sha1(salt, openssl.hmac("sha1", "secret", salt), "secret"),
  ipmi.verify_rakp_hmac_sha1(salt, openssl.hmac("sha1", "secret", salt), "other"))
