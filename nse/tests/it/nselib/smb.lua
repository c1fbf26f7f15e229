local peer = require "peer"
local smb = require "smb"
local stdnse = require "stdnse"

local hex, unhex = stdnse.tohex, stdnse.fromhex

-- MS-CIFS 2.2.3.1.
check("header", '"ff534d4272000000001845680000000000000000000000000200040001000300"',
  hex(smb.smb_encode_header({ uid = 1, tid = 2, mid = 3, pid = 4, extended_security = true }, 0x72, {})))
check("overrides", '"ff534d4225000000000102000000000000000000000000000900060007000500"',
  hex(smb.smb_encode_header({}, 0x25, { tid = 9, uid = 7, mid = 5, pid = 6, flags = 1, flags2 = 2 })))
check("results", '"NT_STATUS_ACCESS_DENIED" "NT_STATUS_SUCCESS" "NT_STATUS_UNKNOWN (0x00012345)" 115',
  smb.get_status_name(0xc0000022), smb.get_status_name(0), smb.get_status_name(0x12345), smb.command_codes.SMB_COM_SESSION_SETUP_ANDX)
check("path", 'true "\\\\\\\\192.0.2.1\\\\c$"', smb.get_fqpn({ ip = "192.0.2.1" }, "c$"))
check("overrides for nobody", '{"domain"="","hash_type"="none","password"="","username"=""}', smb.get_overrides_anonymous())
check("versions", '"Windows XP" "Samba"', smb.get_windows_version("Windows 5.1"), smb.get_windows_version("Samba"))
local _, first = smb.get_uniqueish_name({ ip = "192.0.2.1" }, "tmp", "s")
check("a name", "true true", first == select(2, smb.get_uniqueish_name({ ip = "192.0.2.1" }, "tmp", "s")),
  first ~= select(2, smb.get_uniqueish_name({ ip = "192.0.2.2" }, "tmp", "s")))

-- A server: each command gets a result, parameters and data.
local answers
local function message (command, result, parameters, data)
  return string.pack(">s4", "\xffSMB" .. string.pack("<BI4BI2", command, result, 0x98, 0xc001) .. ("\0"):rep(12)
    .. string.pack("<I2I2I2I2", 7, 1, 9, 1) .. string.pack("B", #parameters // 2) .. parameters .. string.pack("<s2", data))
end
local function state ()
  peer.answer(function (data)
    local command = data:byte(9)
    local answer = answers[command]
    return answer and (type(answer) == "string" and answer or message(command, table.unpack(answer)))
  end)
  return { socket = nmap.new_socket(), ip = "192.0.2.1", host = "192.0.2.1", uid = 0, tid = 0, mid = 1, pid = 1, sequence = -1 }
end

-- MS-CIFS 2.2.4.52.2, without security blobs.
local negotiated = string.pack("<I2BI2I2I4I4I4I4i8i2B", 0, 3, 50, 1, 16644, 65536, 0x11, 0x0000e3fd, 116444736000000000, 60, 8)
answers = { [0x72] = { 0, negotiated, "12345678L\0A\0B\0\0\0S\0R\0V\0\0\0" } }
local one = state()
check("negotiation", 'true "LAB" "SRV" "12345678" 0 -1 "1970-01-01T00:00:00"', smb.negotiate_v1(one), one.domain, one.server,
  one.server_challenge, one.time, one.timezone, one.date)
check("its octets", '"0000002f" "000c00024e54204c4d20302e313200"', hex(peer.sent[1]):sub(1, 8), hex(peer.sent[1]):sub(73))
answers = { [0x72] = { 0, "\xff\xff", "" } }
check("no dialect", 'false "Server doesn\'t support any of the offered dialects"', smb.negotiate_v1(state()))
answers = { [0x72] = { 0, negotiated:sub(1, 20), "" } }
check("old dialect", "false", (smb.negotiate_v1(state())))

-- 2.2.4.53.2: action 1 is a guest.
answers = { [0x73] = { 0, "\xff\0\0\0\1\0", "Unix\0Samba\0LAB\0" } }
one = state()
one.server_challenge = "12345678"
check("logon", 'true "Unix" "Samba" "LAB" 1 9', smb.start_session(one, { username = "u", password = "p", domain = "d" }), one.os,
  one.lanmanager, one.domain, one.is_guest, one.uid)
answers = { [0x73] = { 0xc000006d, "", "" } }
one = state()
one.server_challenge = "12345678"
check("refused", 'false "NT_STATUS_LOGON_FAILURE"', smb.start_session(one, { username = "u", password = "p" }))

answers = {
  [0x75] = { 0, "\xff\0\0\0\1\0", "IPC\0" },
  [0xa2] = { 0, "\xff\0\0\0\0\x22\x11" .. ("\0"):rep(27), "" },
  [0x71] = { 0xc0000022, "", "" },
}
one = state()
check("share", 'true 7 "\\\\\\\\192.0.2.1\\\\IPC$"', smb.tree_connect(one, "IPC$"), one.tid, one.share)
check("file", "true 4386", smb.create_file(one, "\\srvsvc"), one.fid)
check("disconnect", 'false "NT_STATUS_ACCESS_DENIED"', smb.tree_disconnect(one))

-- 2.2.4.42.2: the data's place is counted from the header.
answers = { [0x2e] = { 0, "\xff\0\0\0" .. string.pack("<I2I2I2I2I2", 0, 0, 0, 3, 59) .. ("\0"):rep(10), "abc" } }
one = state()
one.fid = 1
check("read", '"abc"', select(2, smb.read_file(one, 0, 100)).data)
answers = { [0x2e] = { 0xc0000011, "", "" } }
one = state()
one.fid = 1
check("end of file", 'false "NT_STATUS_END_OF_FILE" 3221225489', smb.read_file(one, 0, 100))

-- What is none of SMB.
for _, junk in ipairs({ "\0\0\0\4junk", "\0\xff\xff\xff", "HTTP/1.1 400 Bad\r\n\r\n", "\0\0\0\x21\xffSMB" .. ("\0"):rep(28) .. "\xff" }) do
  answers = { [0x72] = junk, [0x25] = junk, [0x2e] = junk }
  assert(not smb.negotiate_v1(state()))
  one = state()
  one.fid = 1
  assert(not smb.read_file(one, 0, 1))
  assert(not smb.send_transaction_named_pipe(one, "", "x"))
end
-- A transaction whose pieces never come to an end.
answers = { [0x25] = { 0, string.pack("<I2I2I2I2I2I2I2I2I2BB", 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0), "" } }
one = state()
one.fid = 1
check("standing still", 'false "SMB: the answer stands still" nil', smb.send_transaction_named_pipe(one, "", "x"))

-- Signing, MS-CIFS 3.1.4.1.
answers = {}
one = state()
one.mac_key, one.security_mode, one.sequence = "0123456789abcdef", 0x0f, 1
smb.smb_send(one, smb.smb_encode_header(one, 0x2b), "", "")
check("signed", "3 true", one.sequence, peer.sent[1]:sub(19, 26) ~= ("\0"):rep(8))
