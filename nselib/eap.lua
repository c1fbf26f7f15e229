---
-- Extensible Authentication Protocol over LANs (EAP, RFC 3748; IEEE 802.1X): reading frames and answering them.
--
-- @usage
-- eap.send_start(interface)
-- local packet = eap.parse(frame)
-- if packet and packet.eap and packet.eap.type == eap.eap_t.IDENTITY then
--   eap.send_identity_response(interface, packet.eap.id, "anonymous")
-- end
--
-- @copyright MIT OR Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("eap", stdnse.seeall)

--- The type of frames of Ethernet.
ETHER_TYPE_EAPOL = 0x888e
-- The group of the port access entity: frames to it are not passed on.
local GROUP = "\x01\x80\xc2\x00\x00\x03"
local VERSION = 1

--- Kinds of frames (802.1X, 11.3.2).
eapol_t = { PACKET = 0, START = 1, LOGOFF = 2, KEY = 3, ASF = 4 }

--- Kinds of messages (RFC 3748, 4).
code_t = { REQUEST = 1, RESPONSE = 2, SUCCESS = 3, FAILURE = 4 }

--- Methods, from the IANA registry.
eap_t = { IDENTITY = 1, NOTIFICATION = 2, NAK = 3, MD5 = 4, OTP = 5, GTC = 6, TLS = 13, CISCO_LEAP = 17, SIM = 18,
  TTLS = 21, AKA = 23, PEAP = 25, MSCHAP = 26, MSCHAPV2 = 29, TLV = 33, FAST = 43, PSK = 47 }

--- What methods are called, by number.
eap_str = { [1] = "Identity", [2] = "Notification", [3] = "Legacy Nak", [4] = "EAP-MD5", [5] = "EAP-OTP", [6] = "EAP-GTC",
  [13] = "EAP-TLS", [17] = "LEAP", [18] = "EAP-SIM", [21] = "EAP-TTLS", [23] = "EAP-AKA", [25] = "PEAP",
  [26] = "MSCHAPv2", [29] = "PEAP MSCHAPv2", [33] = "EAP-TLV", [43] = "EAP-FAST", [47] = "EAP-PSK" }

--- Reads a frame.
-- @param pkt The frame, from Ethernet's header on.
-- @return A table with <code>mac_src</code>, <code>mac_dst</code>, <code>ether_type</code>, <code>version</code>,
--         <code>type</code>, <code>length</code> and, for messages, <code>eap</code>: a table with <code>code</code>,
--         <code>id</code>, <code>length</code> and for questions and answers <code>type</code> and <code>body</code>,
--         where the text of an identity is <code>body.identity</code>. Nil if it is none.
function parse (pkt)
  if #pkt < 18 then return nil end
  local packet, pos = {}, nil
  packet.mac_dst, packet.mac_src, packet.ether_type, packet.version, packet.type, packet.length, pos =
    string.unpack(">c6c6I2BBI2", pkt)
  if packet.ether_type ~= ETHER_TYPE_EAPOL then return nil end
  if packet.type ~= eapol_t.PACKET or #pkt < pos + 3 then return packet end
  local message = {}
  message.code, message.id, message.length, pos = string.unpack(">BBI2", pkt, pos)
  packet.eap = message
  local asked = message.code == code_t.REQUEST or message.code == code_t.RESPONSE
  if asked and message.length >= 5 and pos <= #pkt then
    message.type = string.byte(pkt, pos)
    local data = string.sub(pkt, pos + 1, pos + message.length - 5)
    message.body = { data = data }
    if message.type == eap_t.IDENTITY then message.body.identity = data end
  end
  return packet
end

-- Sends a frame of that kind from the interface: true, or false and an error.
local function send (iface, kind, data)
  local frame = GROUP .. iface.mac .. string.pack(">I2BBs2", ETHER_TYPE_EAPOL, VERSION, kind, data)
  local dnet = nmap.new_dnet()
  dnet:ethernet_open(iface.device)
  local status, err = dnet:ethernet_send(frame)
  dnet:ethernet_close()
  return status, err
end

local function answer (iface, id, method, data)
  return send(iface, eapol_t.PACKET, string.pack(">BBI2B", code_t.RESPONSE, id, 5 + #data, method) .. data)
end

--- Asks whoever authenticates to begin.
-- @param iface The interface's table.
-- @return True, or false and an error.
function send_start (iface) return send(iface, eapol_t.START, "") end

--- Answers who we are.
-- @param iface The interface's table.
-- @param id The question's number.
-- @param identity The name.
-- @return True, or false and an error.
function send_identity_response (iface, id, identity) return answer(iface, id, eap_t.IDENTITY, identity) end

--- Answers that another method is wanted.
-- @param iface The interface's table.
-- @param id The question's number.
-- @param auth The method wanted.
-- @return True, or false and an error.
function send_nak_response (iface, id, auth) return answer(iface, id, eap_t.NAK, string.char(auth)) end

return _ENV
