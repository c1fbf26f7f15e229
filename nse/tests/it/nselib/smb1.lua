local peer = require "peer"
local server = require "smb1server"
local smb = require "smb"
local smb1 = require "smb1"
local stdnse = require "stdnse"

local hex = stdnse.tohex

-- MS-CIFS 2.2.3.1.
check("header", '"ff534d4272000000001845680000000000000000000000000200040001000300"',
  hex(smb1.smb_encode_header({ uid = 1, tid = 2, mid = 3, pid = 4, extended_security = true }, 0x72, {})))
check("overrides", '"ff534d4225000000000102000000000000000000000000000900060007000500"',
  hex(smb1.smb_encode_header({}, 0x25, { tid = 9, uid = 7, mid = 5, pid = 6, flags = 1, flags2 = 2 })))

-- MS-CIFS 2.2.4.52.2, without security blobs.
local negotiated = string.pack("<I2BI2I2I4I4I4I4i8i2B", 0, 3, 50, 1, 16644, 65536, 0x11, 0x0000e3fd, 116444736000000000, 60, 8)
server.answers = { [0x72] = { 0, negotiated, "12345678L\0A\0B\0\0\0S\0R\0V\0\0\0" } }
local one = server.state()
check("negotiation", 'true "LAB" "SRV" "12345678" 0 -1 "1970-01-01T00:00:00"', smb1.negotiate_v1(one), one.domain, one.server,
  one.server_challenge, one.time, one.timezone, one.date)
check("its octets", '"0000002f" "000c00024e54204c4d20302e313200"', hex(peer.sent[1]):sub(1, 8), hex(peer.sent[1]):sub(73))
server.answers = { [0x72] = { 0, "\xff\xff", "" } }
check("no dialect", 'false "Server doesn\'t support any of the offered dialects"', smb1.negotiate_v1(server.state()))
server.answers = { [0x72] = { 0, negotiated:sub(1, 20), "" } }
check("old dialect", "false", (smb1.negotiate_v1(server.state())))

-- 2.2.4.53.2: action 1 is a guest.
server.answers = { [0x73] = { 0, "\xff\0\0\0\1\0", "Unix\0Samba\0LAB\0" } }
one = server.state()
one.server_challenge = "12345678"
check("logon", 'true "Unix" "Samba" "LAB" 1 9', smb.start_session(one, { username = "u", password = "p", domain = "d" }), one.os,
  one.lanmanager, one.domain, one.is_guest, one.uid)
server.answers = { [0x73] = { 0xc000006d, "", "" } }
one = server.state()
one.server_challenge = "12345678"
check("refused", 'false "NT_STATUS_LOGON_FAILURE"', smb.start_session(one, { username = "u", password = "p" }))

-- Signing, MS-CIFS 3.1.4.1.
server.answers = {}
one = server.state()
one.mac_key, one.security_mode, one.sequence = "0123456789abcdef", 0x0f, 1
smb1.smb_send(one, smb1.smb_encode_header(one, 0x2b), "", "")
check("signed", "3 true", one.sequence, peer.sent[1]:sub(19, 26) ~= ("\0"):rep(8))

-- Times in 100 ns since 1601.
check("times", '0 1 0', smb1.unix_time(116444736000000000), smb1.unix_time(116444736010000000), smb1.unix_time(-1))
