local rdp = require "rdp"

-- MS-RDPBCGR 4.1.1 and 4.1.2, with our own cookie.
equal(tostring(rdp.Request.ConnectionRequest:new(1)),
  "\3\0\0\46\x29\xe0\0\0\0\0\0Cookie: mstshash=perilune\r\n\1\0\8\0\1\0\0\0")
local confirm = rdp.Response.ConnectionConfirm.parse("\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\2\0\8\0\1\0\0\0")
check("confirm", "1 nil 208 4660", confirm.protocol, confirm.failure, confirm.itut.code, confirm.itut.srcref)
confirm = rdp.Response.ConnectionConfirm.parse("\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\3\0\8\0\5\0\0\0")
check("failure", "nil 5", confirm.protocol, confirm.failure)
confirm = rdp.Response.ConnectionConfirm.parse("\3\0\0\x0b\6\xd0\0\0\x12\x34\0")
check("an old server", "nil nil", confirm.protocol, confirm.failure)
check("not ours", "nil nil nil", rdp.Response.ConnectionConfirm.parse("HTTP/1.1 400"), rdp.Response.ConnectionConfirm.parse(""),
  rdp.Response.ConnectionConfirm.parse("\3\0\0\x13\x0e\xd0"))

-- The lengths inside of each other fit.
local initial = tostring(rdp.Request.MCSConnectInitial:new(3, 1))
equal((string.unpack(">I2", initial, 3)), #initial)
check("lengths", "true", initial:find("Duca", 1, true) ~= nil)
local at = select(2, initial:find("Duca", 1, true)) + 1
equal(string.unpack(">I2", initial, at) & 0x7fff, #initial - at - 1)

-- MS-RDPBCGR 4.1.4, "Server MCS Connect Response PDU with GCC Conference Create Response": the blocks of the server, the key
-- and the certificate left out.
local blocks = "\1\x0c\x0c\0\4\0\8\0\0\0\0\0\2\x0c\x0c\0\2\0\0\0\2\0\0\0"
local user_data = "\0\5\0\x14\x7c\0\1\x2a\x14\x76\x0a\1\1\0\1\xc0\0McDn" .. string.char(#blocks) .. blocks
local body = "\x0a\1\0\2\1\0\x30\x1a\2\1\x22\2\1\3\2\1\0\2\1\1\2\1\0\2\1\1\2\3\0\xff\xf8\2\1\2\4" .. string.char(#user_data) .. user_data
local inner = "\2\xf0\x80\x7f\x66" .. string.char(#body) .. body
local response = rdp.Response.MCSConnectResponse.parse(string.pack(">BBI2", 3, 0, #inner + 4) .. inner)
check("settings", '2 2 "rt-successful" "RDP Protocol Version:  RDP 5.x, 6.x, 7.x, or 8.x server"', response.ccr.enc_cipher,
  response.ccr.enc_level, response.ccr.result, response.ccr.proto_version)
for len = 0, #inner - 1 do
  local cut = inner:sub(1, len)
  rdp.Response.MCSConnectResponse.parse(string.pack(">BBI2", 3, 0, #cut + 4) .. cut)
end
check("cut off", "nil", rdp.Response.MCSConnectResponse.parse(string.pack(">BBI2", 3, 0, 44) .. inner:sub(1, 40)))
