local peer = require "peer"
local smb2 = require "smb2"
local stdnse = require "stdnse"

local hex = stdnse.tohex

check("dialects", '{1=514,2=528,3=768,4=770,5=785} "202" "311" nil', smb2.dialects(), smb2.dialect_name(0x0202),
  smb2.dialect_name(0x0311), smb2.dialect_name(0x02ff))
-- MS-SMB2 2.2.1.2.
local state = { MessageId = 5 }
check("header", '"fe534d4240000000000000000000010000000000000000000500000000000000" 6', hex(smb2.smb2_encode_header_sync(state, 0)):sub(1, 64),
  state.MessageId)

-- 2.2.4: dialect 3.1.1, signing required.
local body = string.pack("<I2I2I2I2c16I4I4I4I4I8I8I2I2I4", 65, 3, 0x0311, 0, "0123456789abcdef", 7, 1, 2, 3, 116444736000000000,
  0, 128, 4, 0) .. "blob"
local function serve (data) peer.answer(function () return data end) state.socket = nmap.new_socket() end
local function message (status, rest)
  return string.pack(">s4", "\xfeSMB" .. string.pack("<I2I2I4", 64, 0, status) .. ("\0"):rep(52) .. rest)
end
serve(message(0, body))
check("negotiation", 'true 785', smb2.negotiate_v2(state))
check("facts", '3 7 "1970-01-01T00:00:00" "N/A" "blob"', state.security_mode, state.capabilities, state.date, state.start_date,
  state.security_blob)
check("octets", '"2400050001000000' .. '07000000"', hex(peer.sent[1]):sub(137, 160))
check("their dialects", '"0202100200030203' .. '1103"', hex(peer.sent[1]):sub(209, 228))
-- 2.2.4.1: the cipher that the server chose, behind a hash for integrity; 3.0 says by a capability that it has one.
local function negotiated (dialect, capabilities, count, contexts)
  serve(message(0, string.pack("<I2I2I2I2c16I4I4I4I4I8I8I2I2I4", 65, 3, dialect, count, "", capabilities, 1, 2, 3, 116444736000000000, 0, 128,
    0, 128) .. contexts))
  smb2.negotiate_v2(state)
  return state.cipher
end
local contexts = string.pack("<I2I2I4I2I2I2", 1, 6, 0, 1, 0, 1) .. "\0\0" .. string.pack("<I2I2I4I2I2", 2, 4, 0, 1, 2)
check("cipher", "2 nil nil 1 nil", negotiated(0x0311, 7, 2, contexts), negotiated(0x0311, 7, 2, contexts:sub(1, -2)), negotiated(0x0311, 7, 0, ""),
  negotiated(0x0302, 0x47, 0, ""), negotiated(0x0302, 7, 0, ""))
fuzz("contexts", { contexts }, function (bytes) negotiated(0x0311, 7, 0xffff, bytes) end)
serve(message(0xc00000bb, body))
check("refused", 'false "SMB2: the server refuses (0xc00000bb)"', smb2.negotiate_v2(state))
serve(message(0, body:sub(1, 30)))
check("cut off", "false", (smb2.negotiate_v2(state)))
serve("\0\0\0\4junk")
check("junk", "false", (smb2.negotiate_v2(state)))
serve("\0\xff\xff\xff")
check("too long", "false", (smb2.negotiate_v2(state)))
