---
-- Point-to-Point Protocol over Ethernet (PPPoE, RFC 2516), and as much of the link's own protocol (LCP, RFC 1661) as it
-- takes to hear how servers want users to prove who they are.
--
-- @usage
-- local helper = pppoe.Helper:new("eth0")
-- helper:connect()
-- local status, offer = helper:discoverInit()
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("pppoe", stdnse.seeall)

local BROADCAST = "\xff\xff\xff\xff\xff\xff"
local TIMEOUT_MS = 5000
-- Frames that are not for us are passed over.
local FRAMES_MAX = 100
local TAGS_MAX, OPTIONS_MAX = 100, 100
local PROTOCOL_LCP = 0xc021

--- Frames.
PPPoE = {
  EtherType = { DISCOVERY = 0x8863, SESSION = 0x8864 },
  Code = { SESSION_DATA = 0x00, PADO = 0x07, PADI = 0x09, PADR = 0x19, PADS = 0x65, PADT = 0xa7 },
  --- Tags (RFC 2516, appendix A), by number and by name.
  TagName = { [0x0101] = "Service-Name", [0x0102] = "AC-Name", [0x0103] = "Host-Uniq", [0x0104] = "AC-Cookie",
    [0x0105] = "Vendor-Specific", [0x0110] = "Relay-Session-Id", [0x0201] = "Service-Name-Error",
    [0x0202] = "AC-System-Error", [0x0203] = "Generic-Error" },
}
local TAG = { SERVICE_NAME = 0x0101, HOST_UNIQ = 0x0103, AC_COOKIE = 0x0104, RELAY_SESSION_ID = 0x0110 }

--- The link's own protocol.
LCP = {
  Code = { CONFIGURE_REQUEST = 1, CONFIGURE_ACK = 2, CONFIGURE_NAK = 3, CONFIGURE_REJECT = 4, TERMINATE_REQUEST = 5 },
  Option = { MRU = 1, AUTH_METHOD = 3, QUALITY = 4, MAGIC_NUMBER = 5 },
  --- Ways to prove who one is, by their octets.
  AuthMethod = { PAP = "\xc0\x23", CHAP_MD5 = "\xc2\x23\x05", MSCHAP = "\xc2\x23\x80", MSCHAPV2 = "\xc2\x23\x81",
    EAP = "\xc2\x27" },
}

-- A frame: a header of six octets, and data.
local function frame (mac_dst, mac_src, ether_type, code, session, data)
  return mac_dst .. mac_src .. string.pack(">I2BBI2s2", ether_type, 0x11, code, session, data)
end

local function tag (kind, data) return string.pack(">I2s2", kind, data) end

--- Reads a frame.
-- @param data The frame, from Ethernet's header on.
-- @return Table with <code>mac_dst</code>, <code>mac_src</code>, <code>ether_type</code>, <code>code</code>,
--         <code>session</code>, <code>data</code> and <code>tags</code>, a list of tables with <code>tag</code>,
--         <code>name</code> and <code>data</code>; nil if it is none.
function PPPoE.parse (data)
  if #data < 20 then return nil end
  local packet = {}
  local version, len, pos
  packet.mac_dst, packet.mac_src, packet.ether_type, version, packet.code, packet.session, len, pos =
    string.unpack(">c6c6I2BBI2I2", data)
  local known = packet.ether_type == PPPoE.EtherType.DISCOVERY or packet.ether_type == PPPoE.EtherType.SESSION
  if not known or version ~= 0x11 then return nil end
  packet.data = string.sub(data, pos, pos + len - 1)
  packet.tags = {}
  local at = 1
  while packet.ether_type == PPPoE.EtherType.DISCOVERY and at + 3 <= #packet.data and #packet.tags < TAGS_MAX do
    local kind, size = string.unpack(">I2I2", packet.data, at)
    if kind == 0 or at + 3 + size > #packet.data then break end
    local entry = { tag = kind, name = PPPoE.TagName[kind], data = string.sub(packet.data, at + 4, at + 3 + size) }
    packet.tags[#packet.tags + 1] = entry
    at = at + 4 + size
  end
  return packet
end

--- The data of a tag.
-- @param packet What <code>PPPoE.parse</code> returned.
-- @param kind The tag's number.
-- @return The octets, nil if there is none.
function PPPoE.getTag (packet, kind)
  for _, entry in ipairs(packet.tags) do
    if entry.tag == kind then return entry.data end
  end
  return nil
end

--- Reads a message of the link's own protocol.
-- @param data The frame's data.
-- @return Table with <code>code</code>, <code>id</code> and <code>options</code>, a table of octets by number; nil if
--         it is none.
function LCP.parse (data)
  if #data < 6 or string.unpack(">I2", data) ~= PROTOCOL_LCP then return nil end
  local message = { options = {} }
  local len
  message.code, message.id, len = string.unpack(">BBI2", data, 3)
  local pos, stop, count = 7, math.min(len + 2, #data), 0
  while pos + 1 <= stop and count < OPTIONS_MAX do
    local kind, size = string.byte(data, pos, pos + 1)
    if size < 2 or pos + size - 1 > stop then break end
    message.options[kind] = string.sub(data, pos + 2, pos + size - 1)
    pos, count = pos + size, count + 1
  end
  message.raw = string.sub(data, 7, stop)
  return message
end

local function lcp (code, id, options)
  return string.pack(">I2BBI2", PROTOCOL_LCP, code, id, 4 + #options) .. options
end

--- A connection to a link.
Comm = {}
Comm.__index = Comm

--- Makes a connection, not open yet.
-- @param iface The interface's name.
-- @param src_mac The address to send from.
-- @param dst_mac The address to send to. Default: everybody.
-- @return The connection.
function Comm:new (iface, src_mac, dst_mac)
  return setmetatable({ iface = iface, src_mac = src_mac, dst_mac = dst_mac or BROADCAST }, self)
end

--- Opens the connection.
-- @return True.
function Comm:connect ()
  self.socket = nmap.new_socket()
  self.socket:set_timeout(TIMEOUT_MS)
  self.socket:pcap_open(self.iface, 1500, false, "ether[12:2] == 0x8863 or ether[12:2] == 0x8864")
  self.dnet = nmap.new_dnet()
  self.dnet:ethernet_open(self.iface)
  return true
end

--- Sends a frame.
-- @param data The frame.
-- @return True, or false and an error.
function Comm:send (data) return self.dnet:ethernet_send(data) end

--- Receives a frame for us.
-- @return True and what <code>PPPoE.parse</code> makes of it; or false and an error.
function Comm:recv ()
  for _ = 1, FRAMES_MAX do
    local status, err, l2, l3 = self.socket:pcap_receive()
    if not status then return false, err end
    local packet = PPPoE.parse(l2 .. l3)
    if packet and packet.mac_dst == self.src_mac then return true, packet end
  end
  return false, "no answer"
end

--- Sends a frame and receives one.
-- @param data The frame.
-- @return See <code>recv</code>.
function Comm:exch (data)
  local status, err = self:send(data)
  if not status then return false, err end
  return self:recv()
end

--- Closes the connection.
-- @return True.
function Comm:close ()
  self.socket:pcap_close()
  self.dnet:ethernet_close()
  return true
end

Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @param iface The interface's name.
-- @return The helper.
function Helper:new (iface) return setmetatable({ iface = iface, session = 0 }, self) end

--- Opens the connection.
-- @return True, or false and an error.
function Helper:connect ()
  local info = nmap.get_interface_info(self.iface)
  if not info or not info.mac then return false, "the interface has no address" end
  self.mac = info.mac
  self.comm = Comm:new(self.iface, info.mac)
  return self.comm:connect()
end

-- Sends a frame of discovery and waits for the one that answers it.
local function discover (self, to, code, tags, wanted)
  local status, answer = self.comm:exch(frame(to, self.mac, PPPoE.EtherType.DISCOVERY, code, 0, tags))
  for _ = 1, FRAMES_MAX do
    if not status then return false, answer end
    if answer.ether_type == PPPoE.EtherType.DISCOVERY and answer.code == wanted
      and PPPoE.getTag(answer, TAG.HOST_UNIQ) == self.unique then
      return true, answer
    end
    status, answer = self.comm:recv()
  end
  return false, "no answer"
end

--- Asks everybody for servers (RFC 2516, 5.1).
-- @return True and the first answer, see <code>PPPoE.parse</code>, with <code>mac_srv</code>, the server's address; or
--         false and an error.
function Helper:discoverInit ()
  self.unique = openssl.rand_bytes(8)
  local tags = tag(TAG.SERVICE_NAME, "") .. tag(TAG.HOST_UNIQ, self.unique)
  local status, answer = discover(self, BROADCAST, PPPoE.Code.PADI, tags, PPPoE.Code.PADO)
  if not status then return false, answer end
  answer.mac_srv = answer.mac_src
  self.offer = answer
  return true, answer
end

--- Begins a session with the server that was found (5.3).
-- @return True and the answer, or false and an error.
function Helper:discoverRequest ()
  if not self.offer then return false, "no server was found" end
  local tags = tag(TAG.SERVICE_NAME, "") .. tag(TAG.HOST_UNIQ, self.unique)
  for _, kind in ipairs({ TAG.AC_COOKIE, TAG.RELAY_SESSION_ID }) do
    local data = PPPoE.getTag(self.offer, kind)
    if data then tags = tags .. tag(kind, data) end
  end
  local status, answer = discover(self, self.offer.mac_src, PPPoE.Code.PADR, tags, PPPoE.Code.PADS)
  if not status then return false, answer end
  if answer.session == 0 then return false, "the server begins no session" end
  self.session = answer.session
  return true, answer
end

local function session_frame (self, message)
  return frame(self.offer.mac_src, self.mac, PPPoE.EtherType.SESSION, PPPoE.Code.SESSION_DATA, self.session, message)
end

--- Asks the server for a way to prove who one is: refuses each other one that it wants (RFC 1661, 5.3).
-- @param method One of <code>LCP.AuthMethod</code>.
-- @return True if the server takes it, or false and an error.
function Helper:setAuthMethod (method)
  if self.session == 0 then return false, "there is no session" end
  local magic = string.char(LCP.Option.MAGIC_NUMBER, 6) .. openssl.rand_bytes(4)
  local status, answer = self.comm:exch(session_frame(self, lcp(LCP.Code.CONFIGURE_REQUEST, 1, magic)))
  for _ = 1, FRAMES_MAX do
    if not status then return false, answer end
    local message = answer.ether_type == PPPoE.EtherType.SESSION and LCP.parse(answer.data)
    if message and message.code == LCP.Code.CONFIGURE_REQUEST then
      local wanted = message.options[LCP.Option.AUTH_METHOD]
      if wanted == method then
        self.comm:send(session_frame(self, lcp(LCP.Code.CONFIGURE_ACK, message.id, message.raw)))
        return true
      end
      if self.refused == message.id then return false, "the server wants another method" end
      self.refused = message.id
      local option = string.char(LCP.Option.AUTH_METHOD, 2 + #method) .. method
      self.comm:send(session_frame(self, lcp(LCP.Code.CONFIGURE_NAK, message.id, option)))
    elseif message and message.code == LCP.Code.TERMINATE_REQUEST then
      return false, "the server ends the session"
    end
    status, answer = self.comm:recv()
  end
  return false, "the server does not come to an end"
end

--- Ends the session and closes the connection.
-- @return True.
function Helper:close ()
  if self.session ~= 0 then
    self.comm:send(frame(self.offer.mac_src, self.mac, PPPoE.EtherType.DISCOVERY, PPPoE.Code.PADT, self.session, ""))
  end
  return self.comm:close()
end

return _ENV
