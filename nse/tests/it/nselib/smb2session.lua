local peer = require "peer"
local smb2session = require "smb2session"
local stdnse = require "stdnse"

local hex, unhex = stdnse.tohex, stdnse.fromhex

-- RFC 4493, 4.
local KEY = unhex("2b7e151628aed2a6abf7158809cf4f3c")
local TEXT = unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52ef"
  .. "f69f2445df4f9b17ad2b417be66c3710")
check("codes", '"bb1d6929e95937287fa37d129b756746" "070a16b46b4d4144f79bdd9dd04a287c" "dfa66747de9ae63030ca32611497c827" "51f0bebf7e3b9d92fc49741779363cfe"',
  hex(smb2session.aes_cmac(KEY, "")), hex(smb2session.aes_cmac(KEY, TEXT:sub(1, 16))),
  hex(smb2session.aes_cmac(KEY, TEXT:sub(1, 40))), hex(smb2session.aes_cmac(KEY, TEXT)))

check("places", '"cd" "" nil nil', smb2session.part("abcdef", 66, 2), smb2session.part("abcdef", 0, 0), smb2session.part("abcdef", 70, 1),
  smb2session.part("abcdef", 2, 2))

-- Answers, MS-SMB2 2.2.1: each is a result, a command, flags and a body.
local function message (result, command, flags, id, body)
  return string.pack(">s4", "\xfeSMB" .. string.pack("<I2I2I4I2I2I4I4I8I4I4I8c16", 64, 0, result, command, 1, flags, 0, id, 0, 0, 9, "") .. body)
end
local function connect (...)
  local answers = table.concat({ ... })
  peer.answer(function ()
    local data = answers
    answers = ""
    return data
  end)
  return { socket = nmap.new_socket(), MessageId = 3, dialect = 0x0210 }
end
-- 3.3.4.4: the server may say first that it is at work, with the asynchronous flag (2).
local state = connect(message(0x103, 5, 3, 3, ""), message(0xc0000022, 5, 1, 3, "x"))
check("at work", '3221225506 "x"', (function (result, data) return result, data end)(smb2session.exchange(state, 5, "body")))
check("header", '"0100" "0500" "2000"', hex(peer.sent[1]:sub(11, 12)), hex(peer.sent[1]:sub(17, 18)), hex(peer.sent[1]:sub(19, 20)))
check("another command", 'nil "SMB2: the answer is to another command"', smb2session.exchange(connect(message(0, 6, 1, 3, "")), 5, ""))
check("silence", "nil", (smb2session.exchange(connect(""), 5, "")))

-- A logon with a challenge (MS-NLMP 2.2.1.2) without a target; the second answer ends it.
local challenge = "NTLMSSP\0" .. string.pack("<I4I2I2I4I4c8I8I2I2I4", 2, 0, 0, 56, 0x00008201, "12345678", 0, 0, 0, 56)
local first = string.pack("<I2I2I2I2", 9, 0, 72, #challenge) .. challenge
local account = { username = "user", password = "secret", domain = "", hash_type = "v2" }
local function logon (flags, required, dialect)
  local one = connect(message(0xc0000016, 1, 1, 3, first), message(0, 1, 1, 4, string.pack("<I2I2I2I2", 9, flags, 0, 0)))
  one.signing_required, one.dialect = required, dialect or 0x0210
  return one, smb2session.logon(one, account)
end
-- The peer gives both answers at once; the second one's number fits because the messages are counted.
local one, status = logon(0, true)
check("logon", 'true 9 0 "function"', status, one.SessionId, one.is_guest, type(one.sign))
local signed = one.sign(("\0"):rep(64) .. "body")
check("signed", '68 "08000000" true', #signed, hex(signed:sub(17, 20)), signed:sub(49, 64) ~= ("\0"):rep(16))
one = logon(0, true, 0x0302)
local newer = one.sign(("\0"):rep(64) .. "body")
check("signed by AES", "68 true", #newer, newer:sub(49, 64) ~= ("\0"):rep(16))
-- 3.0: a session with flag 4 is encrypted from then on; guests have no key.
local function encrypted (flags, cipher)
  local newer = connect(message(0xc0000016, 1, 1, 3, first), message(0, 1, 1, 4, string.pack("<I2I2I2I2", 9, flags, 0, 0)))
  newer.dialect, newer.cipher = 0x0300, cipher
  smb2session.logon(newer, account)
  return newer
end
check("encryption", '"table" "nil" "table" "nil" "nil"', type(encrypted(4, 1).crypt), type(encrypted(0, 1).crypt), type(encrypted(0, 1).keys),
  type(encrypted(5, 1).crypt), type(encrypted(4, nil).crypt))
-- Both sides are one: what is sent can be read with the same key.
local smb2 = require "smb2"
local inside = encrypted(4, 1)
inside.crypt.of_server = inside.crypt.to_server
local echo
peer.answer(function (data) return echo(data) end)
inside.socket, inside.MessageId = nmap.new_socket(), 5
echo = function (data) return data end
local back, header, body = (function () smb2.smb2_send(inside, ("\xfeSMB" .. ("\0"):rep(60)), "body") return smb2.smb2_read(inside) end)()
check("encrypted", 'true 64 "body" "fd534d42"', back, #header, body, hex(peer.sent[#peer.sent]:sub(5, 8)))
echo = function (data) return data:sub(1, -2) .. "\0" end
check("of nobody", 'false "SMB2: the server\'s message is not encrypted with the session\'s key"',
  (function () smb2.smb2_send(inside, ("\xfeSMB" .. ("\0"):rep(60)), "body") return smb2.smb2_read(inside) end)())

-- 3.1.1: the key depends on what was said before, and shares want signatures.
local function signed_after (hash)
  local newest = connect(message(0xc0000016, 1, 1, 3, first), message(0, 1, 1, 4, string.pack("<I2I2I2I2", 9, 0, 0, 0)))
  newest.dialect, newest.negotiation_hash = 0x0311, hash
  smb2session.logon(newest, account)
  return newest
end
check("signed by 3.1.1", '"function" nil', type(signed_after(("\0"):rep(64)).sign), signed_after(("\0"):rep(64)).preauth_hash)
one = logon(1, true)
check("a guest signs nothing", "1 nil", one.is_guest, one.sign)
one = logon(0, false)
check("not wanted", "nil", one.sign)
check("refused", 'false "NT_STATUS_LOGON_FAILURE" 3221225581', smb2session.logon(connect(message(0xc000006d, 1, 1, 3, "")), account))
check("cut off", 'false "SMB2: the server\'s answer is cut off"', smb2session.logon(connect(message(0, 1, 1, 3, "\9\0")), account))
fuzz("logon", { message(0xc0000016, 1, 1, 3, first) .. message(0, 1, 1, 4, string.pack("<I2I2I2I2", 9, 0, 0, 0)) }, function (bytes)
  smb2session.logon(connect(bytes), account)
end)
