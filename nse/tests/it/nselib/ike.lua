local ike = require "ike"
local openssl = require "openssl"
local peer = require "peer"
local stdnse = require "stdnse"

local hex = stdnse.tohex

-- RFC 2408, 3.1 to 3.6; attributes of RFC 2409, appendix A.
local transforms = { { encryption = "AES/256", hash = "SHA1", auth = "PSK" }, { encryption = "3DES", hash = "MD5", auth = "RSA" } }
local packet = ike.request(500, "udp", "Main", transforms, 2, "")
check("head", '"00000000000000000110020000000000"', hex(packet:sub(9, 24)))
check("length", "true", string.unpack(">I4", packet, 25) == #packet)
check("first transform", '"0300002801010000' .. '80010007' .. '800e0100' .. '80020002' .. '80030001' .. '80040002' .. '800b0001' .. '000c000400007080"',
  hex(packet:sub(49, 88)))
check("aggressive", "4 true", ike.request(500, "udp", "Aggressive", transforms, 2, "vpn"):byte(19),
  ike.request(500, "udp", "Aggressive", transforms, 2, "vpn"):find("vpn", 1, true) ~= nil)

local function payload (following, content) return string.pack(">BBI2", following, 0, 4 + #content) .. content end
local function answer (cookie, first, body)
  return cookie .. "respondr" .. string.pack(">BBBBI4I4", first, 0x10, 2, 0, 0, 28 + #body) .. body
end
local body = payload(13, "sa") .. payload(13, stdnse.fromhex("afcad71368a1f1c96b8696fc77570100"))
  .. payload(0, openssl.md5("MS NT5 ISAKMPOAKLEY") .. "\0\0\0\8")
local parsed = ike.response(answer("initiatr", 1, body))
check("answer", 'true "Main" "Microsoft Windows" {1={"text"="Dead Peer Detection v1.0"}} 2', parsed.success, parsed.mode,
  parsed.info.vendor.name, parsed.info.attribs, #parsed.vids)
for size = 0, #body + 28 do ike.response(answer("initiatr", 1, body):sub(1, size)) end
check("endless payloads", "0", #ike.response(answer("initiatr", 13, ("\13\0\0\0"):rep(100))).vids)
check("none", "nil", ike.response("junk"))
local target = { ip = "192.0.2.1" }
peer.answer(function (data) return answer(data:sub(1, 8), 1, body) end)
check("exchange", "true", ike.send_request(target, 500, packet).success)
peer.answer(function () return answer("otherone", 1, body) end)
check("another's answer", "{}", ike.send_request(target, 500, packet))
