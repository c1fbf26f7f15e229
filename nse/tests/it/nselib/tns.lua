local tns = require "tns"

local request = tns.Packet.Connect:new("192.0.2.1", 1521, "ORCL")
local bytes = tostring(request)
local status, packet = tns.Packet.TNS.parse(bytes)
check("connect", "true 1 true", status, packet.type, packet.length == #bytes)
-- The place of the text counts from the packet's start, its length fits.
local len, offset = string.unpack(">I2I2", bytes, 25)
check("text", "true 58", #bytes == offset + len, offset)
check("database", "true", bytes:find("(SID=ORCL)", 1, true) == offset + 1 + #"(DESCRIPTION=(CONNECT_DATA=")
request:setCmd("VERSION")
check("command", "true", tostring(request):find("(COMMAND=VERSION)", 1, true) ~= nil)
check("cut off", "false false false", (tns.Packet.TNS.parse("")), (tns.Packet.TNS.parse("\0\x20\0\0\1\0\0\0")), (tns.Packet.TNS.parse("\0\1\0\0\1\0\0\0")))

local function comm (data)
  local sent = 0
  return tns.Comm:new({
    send = function () sent = sent + 1 return true end,
    receive_buf = function (_, delimiter)
      local _, to = delimiter(data)
      if not to then return nil, "EOF" end
      local piece = data:sub(1, to)
      data = data:sub(to + 1)
      return true, piece
    end,
  }), function () return sent end
end
local function answer (kind, text) return string.pack(">I2I2BBI2", #text + 8, 0, kind, 0, 0) .. text end
local one, sent = comm(answer(11, "") .. answer(2, "accepted"))
local ok, accepted = one:exchTNSPacket(request)
check("again", 'true 2 "accepted" 2', ok, accepted.type, accepted.data, sent())
equal({ (comm(answer(4, "\34\0\0\5(ERR=12505)"))):exchTNSPacket(request) }, { false, "TNS-12505" })
equal({ (comm(answer(11, ""):rep(20))):exchTNSPacket(request) }, { false, "the listener asks to send again and again" })
equal({ (comm("HTTP/1.1 400 Bad Request")):exchTNSPacket(request) }, { false, "EOF" })
