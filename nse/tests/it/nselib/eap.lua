local eap = require "eap"
local stdnse = require "stdnse"

local hex = stdnse.tohex
local head = "\1\128\194\0\0\3\2\0\94\16\0\1\136\142"

-- IEEE 802.1X, 11.3, and RFC 3748, 4 and 5.1.
local packet = eap.parse(head .. "\2\0\0\10\1\7\0\10\1Hello")
check("question", '34958 2 0 10 1 7 1 "Hello" true', packet.ether_type, packet.version, packet.type, packet.length, packet.eap.code,
  packet.eap.id, packet.eap.type, packet.eap.body.identity, packet.eap.code == eap.code_t.REQUEST)
packet = eap.parse(head .. "\2\0\0\4\4\8\0\4")
check("refused", "true nil", packet.eap.code == eap.code_t.FAILURE, packet.eap.type)
check("start", "1 nil", eap.parse(head .. "\2\1\0\0").type, eap.parse(head .. "\2\1\0\0").eap)
check("none", "nil nil", eap.parse("abc"), eap.parse(head:sub(1, 12) .. "\8\0\2\0\0\10\1\7\0\10"))
check("names", '"PEAP" 25', eap.eap_str[eap.eap_t.PEAP], eap.eap_t.PEAP)
fuzz("parse", { head .. "\2\0\0\10\1\7\0\10\1Hello" }, function (bytes) eap.parse(bytes) end)

local sent, opened
nmap.new_dnet = function ()
  return {
    ethernet_open = function (_, device) opened = device end,
    ethernet_send = function (_, frame) sent = frame return true end,
    ethernet_close = function () end,
  }
end
local iface = { device = "eth9", mac = "\2\0\94\16\0\9" }
check("to begin", 'true "eth9" "0180c200000302005e100009888e01010000"', eap.send_start(iface), opened, hex(sent))
eap.send_identity_response(iface, 7, "ann")
check("who", '"0100000802070008' .. '01616e6e"', hex(sent:sub(15)))
eap.send_nak_response(iface, 7, eap.eap_t.TLS)
check("another method", '"0100000602070006' .. '030d"', hex(sent:sub(15)))
