local isns = require "isns"
local peer = require "peer"
local stdnse = require "stdnse"

local hex = stdnse.tohex

-- RFC 4171, 5.7.5.2 and 6.1: a status, the keys, a delimiter, the attributes.
local function attribute (tag, value) return string.pack(">I4s4", tag, value) end
local function answer (code, body, flags)
  local data = string.pack(">I4", code) .. body
  return string.pack(">I2I2I2I2I2I2", 1, 0x8002, #data, flags or 0x4c00, 1, 0) .. data
end
local function connect (bytes)
  peer.answer(function () return bytes end)
  local helper = isns.Helper:new({ ip = "192.0.2.1" }, { number = 3205, protocol = "tcp" })
  helper:connect()
  return helper
end
local keys = attribute(16, "") .. attribute(0, "")
local portals = keys .. attribute(16, ("\0"):rep(10) .. "\xff\xff\192\0\2\9") .. attribute(17, "\0\0\x0c\xbc")
  .. attribute(16, "\xfe\x80" .. ("\0"):rep(13) .. "\1") .. attribute(17, "\0\1\x0c\xbc") .. attribute(16, "") .. attribute(17, "")
check("portals", 'true {1={"addr"="192.0.2.9","port"=3260,"proto"="tcp"},2={"addr"="fe80::1","port"=3260,"proto"="udp"}}',
  connect(answer(0, portals)):listPortals())
check("question", '"00010002003c' .. '8c0000010000"', hex(peer.sent[1]:sub(1, 12)))
check("what is asked", '"00000010000000000000000000000000' .. '00000010000000000000001100000000"', hex(peer.sent[1]:sub(-32)))
local nodes = attribute(32, "") .. attribute(0, "") .. attribute(32, "iqn.x:disk\0\0") .. attribute(33, "\0\0\0\1")
  .. attribute(32, "iqn.x:host\0\0") .. attribute(33, "\0\0\0\6") .. attribute(32, "")
check("nodes", 'true {1={"name"="iqn.x:disk","type"="Target"},2={"name"="iqn.x:host","type"="Control, Initiator"}}',
  connect(answer(0, nodes)):listISCINodes())
check("refused", 'false "the server refuses (3)"', connect(answer(3, "")):listPortals())
-- As open-isns answers somebody who may see nothing.
check("empty", "true {}", connect(answer(0, attribute(16, "") .. attribute(0, "") .. attribute(16, "") .. attribute(17, ""))):listPortals())
check("pieces", "true", (connect(answer(0, portals, 0x4400) .. string.pack(">I2I2I2I2I2I2", 1, 0x8002, 0, 0x4800, 1, 1)):listPortals()))
check("never ends", 'false "the answer has too many pieces"', connect(answer(0, "", 0x4000):rep(200)):listPortals())
check("junk", "false", (connect("HTTP/1.1 400 Bad Request\r\n\r\n"):listPortals()))
fuzz("listPortals", { answer(0, portals) }, function (bytes) connect(bytes):listPortals() end)
fuzz("listISCINodes", { answer(0, nodes) }, function (bytes) connect(bytes):listISCINodes() end)
