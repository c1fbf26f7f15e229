---
-- The beginning of a session of RDP: X.224, MCS and GCC as MS-RDPBCGR puts them together.
--
-- @usage
-- local comm = rdp.Comm:new(host, port)
-- if comm:connect() then
--   local status, response = comm:exch(rdp.Request.ConnectionRequest:new(rdp.PROTOCOL_SSL))
-- end
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("rdp", stdnse.seeall)

local TIMEOUT_MS = 5000

--- Security protocols a client asks for (MS-RDPBCGR 2.2.1.1.1).
PROTOCOL_RDP = 0
PROTOCOL_SSL = 1
PROTOCOL_HYBRID = 2
PROTOCOL_RDSTLS = 4
PROTOCOL_HYBRID_EX = 8

--- Results of a connection (T.125, 7).
-- @class table
-- @name CONNECT_RESPONSE_RESULT
CONNECT_RESPONSE_RESULT = {
  [0] = "rt-successful",
  "rt-domain-merging", "rt-domain-not-hierarchical", "rt-no-such-channel", "rt-no-such-domain", "rt-no-such-user",
  "rt-not-admitted", "rt-other-user-id", "rt-parameters-unacceptable", "rt-token-not-available",
  "rt-token-not-possessed", "rt-too-many-channels", "rt-too-many-tokens", "rt-too-many-users",
  "rt-unspecified-failure", "rt-user-rejected",
}

--- Versions a server tells (MS-RDPBCGR 2.2.1.4.2).
-- @class table
-- @name PROTO_VERSION
PROTO_VERSION = {
  [0x00080001] = " RDP 4.0 server",
  [0x00080004] = " RDP 5.x, 6.x, 7.x, or 8.x server",
}
for minor = 0, 7 do PROTO_VERSION[0x00080005 + minor] = (" RDP 10.%d server"):format(minor) end

--- Layers of a packet.
-- @class table
-- @name Packet
Packet = {}

--- The outermost layer (RFC 1006): version and length.
Packet.TPKT = {}
Packet.TPKT.__index = Packet.TPKT

--- Makes a packet.
-- @param data What is inside, a string or something with <code>tostring</code>.
-- @return The packet.
function Packet.TPKT:new (data)
  return setmetatable({ version = 3, reserved = 0, data = tostring(data), length = #tostring(data) + 4 }, self)
end

function Packet.TPKT:__tostring ()
  return string.pack(">BBI2", 3, 0, #self.data + 4) .. self.data
end

--- Reads a packet.
-- @param data Bytes.
-- @return A table with <code>version</code>, <code>length</code> and <code>data</code>; or nil.
function Packet.TPKT.parse (data)
  if #data < 4 then return nil end
  local version, reserved, length = string.unpack(">BBI2", data)
  if version ~= 3 or length < 4 or #data < length then return nil end
  return setmetatable({ version = version, reserved = reserved, length = length, data = string.sub(data, 5, length) },
    Packet.TPKT)
end

--- The transport layer (X.224).
Packet.ITUT = {}
Packet.ITUT.__index = Packet.ITUT

--- Makes a packet.
-- @param code The code: 0xe0 to connect, 0xf0 for data.
-- @param data What is inside.
-- @return The packet.
function Packet.ITUT:new (code, data)
  return setmetatable({ code = code, data = tostring(data), srcref = 0, dstref = 0, class = 0, eot = 0x80 }, self)
end

function Packet.ITUT:__tostring ()
  if self.code == 0xf0 then return string.pack("BBB", 2, 0xf0, 0x80) .. self.data end
  return string.pack(">BBI2I2B", 6 + #self.data, self.code, self.dstref, self.srcref, self.class) .. self.data
end

--- Reads a packet.
-- @param data Bytes.
-- @return A table with <code>code</code>, <code>length</code> and <code>data</code>; or nil.
function Packet.ITUT.parse (data)
  if #data < 3 then return nil end
  local length, code = string.unpack("BB", data)
  local itut = { length = length, code = code }
  if code == 0xf0 then
    itut.eot = string.byte(data, 3)
    itut.data = string.sub(data, 4)
  elseif code == 0xd0 then
    if #data < 7 then return nil end
    itut.dstref, itut.srcref, itut.class = string.unpack(">I2I2B", data, 3)
    itut.data = string.sub(data, 8, length + 1)
  else
    return nil
  end
  return setmetatable(itut, Packet.ITUT)
end

-- BER and PER -----------------------------------------------------------------------------------------------------

local function ber_length (len)
  if len < 0x80 then return string.char(len) end
  if len < 0x100 then return string.pack("BB", 0x81, len) end
  return string.pack(">BI2", 0x82, len)
end

local function ber (tag, content)
  return tag .. ber_length(#content) .. content
end

local function ber_integer (value)
  if value < 0x80 then return ber("\2", string.char(value)) end
  if value < 0x8000 then return ber("\2", string.pack(">I2", value)) end
  return ber("\2", string.pack(">I3", value))
end

-- Tag and content at a place; raises if bytes are missing.
local function ber_read (data, pos)
  local tag
  tag, pos = string.unpack("B", data, pos)
  if tag & 0x1f == 0x1f then
    local more
    more, pos = string.unpack("B", data, pos)
    tag = tag << 8 | more
  end
  local len
  len, pos = string.unpack("B", data, pos)
  if len & 0x80 ~= 0 then
    local count = len & 0x7f
    if count < 1 or count > 3 then error("bad length") end
    len, pos = string.unpack(">I" .. count, data, pos)
  end
  if pos + len - 1 > #data then error("cut off") end
  return tag, string.sub(data, pos, pos + len - 1), pos + len
end

-- Eight numbers (T.125, 7: DomainParameters).
local function domain_parameters (channels, users, tokens, size)
  return ber("\x30", ber_integer(channels) .. ber_integer(users) .. ber_integer(tokens) .. ber_integer(1)
    .. ber_integer(0) .. ber_integer(1) .. ber_integer(size) .. ber_integer(2))
end

-- Requests --------------------------------------------------------------------------------------------------------

--- What a client sends.
-- @class table
-- @name Request
Request = {}

--- The first request (MS-RDPBCGR 2.2.1.1).
Request.ConnectionRequest = {}
Request.ConnectionRequest.__index = Request.ConnectionRequest

--- Makes the request.
-- @param proto The security protocols that are asked for; 0 for the old one, nil for no word of it.
-- @return The request.
function Request.ConnectionRequest:new (proto)
  return setmetatable({ proto = proto }, self)
end

function Request.ConnectionRequest:__tostring ()
  local data = "Cookie: mstshash=perilune\r\n"
  if self.proto then data = data .. string.pack("<BBI2I4", 1, 0, 8, self.proto) end
  return tostring(Packet.TPKT:new(tostring(Packet.ITUT:new(0xe0, data))))
end

--- The request with the client's settings (MS-RDPBCGR 2.2.1.3).
Request.MCSConnectInitial = {}
Request.MCSConnectInitial.__index = Request.MCSConnectInitial

--- Makes the request.
-- @param cipher The ways of encryption that are offered, a sum of 1 (40 bit), 2 (128 bit), 8 (56 bit), 16 (FIPS).
-- @param server_proto The security protocol that the server chose.
-- @return The request.
function Request.MCSConnectInitial:new (cipher, server_proto)
  return setmetatable({ cipher = cipher, server_proto = server_proto }, self)
end

local function utf16_padded (text, len)
  local out = string.gsub(text, ".", "%0\0")
  return out .. ("\0"):rep(len - #out)
end

-- A block of settings: kind, length, content.
local function settings (kind, content)
  return string.pack("<I2I2", kind, #content + 4) .. content
end

-- TS_UD_CS_CORE (2.2.1.3.2).
local function core_settings (server_proto)
  local content = string.pack("<I4I2I2I2I2I4I4", 0x00080004, 1024, 768, 0xca01, 0xaa03, 0x409, 2600)
    .. utf16_padded("perilune", 32) .. string.pack("<I4I4I4", 4, 0, 12) .. ("\0"):rep(64)
    .. string.pack("<I2I2I4I2I2I2", 0xca01, 1, 0, 24, 7, 1) .. ("\0"):rep(64) .. "\0\0"
  if server_proto then content = content .. string.pack("<I4", server_proto) end
  return settings(0xc001, content)
end

function Request.MCSConnectInitial:__tostring ()
  local blocks = core_settings(self.server_proto)
    .. settings(0xc004, string.pack("<I4I4", 9, 0))
    .. settings(0xc002, string.pack("<I4I4", self.cipher or 0x1b, 0))
    .. settings(0xc003, string.pack("<I4c8I4", 1, "rdpdr\0\0\0", 0x80800000))
  -- GCC's ConferenceCreateRequest in the packed rules of T.124: a fixed head with lengths in it.
  local user_data = string.pack(">I2", #blocks | 0x8000) .. blocks
  local request = "\0\8\0\x10\0\1\xc0\0Duca" .. user_data
  local gcc = "\0\5\0\x14\x7c\0\1" .. string.pack(">I2", #request | 0x8000) .. request
  local content = ber("\4", "\1") .. ber("\4", "\1") .. ber("\1", "\xff")
    .. domain_parameters(34, 2, 0, 0xffff) .. domain_parameters(1, 1, 1, 0x420) .. domain_parameters(0xffff, 0xfc17, 0xffff, 0xffff)
    .. ber("\4", gcc)
  local mcs = "\x7f\x65" .. ber_length(#content) .. content
  return tostring(Packet.TPKT:new(tostring(Packet.ITUT:new(0xf0, mcs))))
end

-- Responses -------------------------------------------------------------------------------------------------------

--- What a server answers.
-- @class table
-- @name Response
Response = {}

--- The answer to the first request (MS-RDPBCGR 2.2.1.2).
Response.ConnectionConfirm = {}
Response.ConnectionConfirm.__index = Response.ConnectionConfirm

--- Makes an empty answer.
-- @return The answer.
function Response.ConnectionConfirm:new ()
  return setmetatable({}, self)
end

--- Reads an answer.
-- @param data Bytes.
-- @return A table with <code>tpkt</code> and <code>itut</code>, and <code>protocol</code> for the chosen security protocol or
--         <code>failure</code> for the code of a refusal; or nil.
function Response.ConnectionConfirm.parse (data)
  local tpkt = Packet.TPKT.parse(data)
  local itut = tpkt and Packet.ITUT.parse(tpkt.data)
  if not itut then return nil end
  local cc = Response.ConnectionConfirm:new()
  cc.tpkt, cc.itut = tpkt, itut
  if itut.data and #itut.data >= 8 then
    local kind, _, _, value = string.unpack("<BBI2I4", itut.data)
    if kind == 2 then cc.protocol = value end
    if kind == 3 then cc.failure = value end
  end
  return cc
end

--- The answer to the client's settings (MS-RDPBCGR 2.2.1.4).
Response.MCSConnectResponse = {}
Response.MCSConnectResponse.__index = Response.MCSConnectResponse

--- Makes an empty answer.
-- @return The answer.
function Response.MCSConnectResponse:new ()
  return setmetatable({}, self)
end

--- GCC's answer, inside of that.
Packet.ConfCreateResponse = {}
Packet.ConfCreateResponse.__index = Packet.ConfCreateResponse

--- Makes an empty answer.
-- @return The answer.
function Packet.ConfCreateResponse:new ()
  return setmetatable({}, self)
end

--- Reads the server's settings. Raises if they are malformed.
-- @param data Bytes.
-- @return A table with <code>proto_version</code>, <code>enc_cipher</code> and <code>enc_level</code>.
function Packet.ConfCreateResponse.parse (data)
  local ccr = Packet.ConfCreateResponse:new()
  -- The key of GCC's user data; what follows is its length in one or two bytes, and the blocks.
  local _, stop = string.find(data, "McDn", 1, true)
  if not stop then error("no settings") end
  local pos = stop + 1
  local len = string.byte(data, pos) or 0
  pos = pos + (len & 0x80 ~= 0 and 2 or 1)
  while pos + 3 <= #data do
    local kind, size = string.unpack("<I2I2", data, pos)
    if size < 4 then break end
    if kind == 0x0c01 and size >= 8 then
      local version = string.unpack("<I4", data, pos + 4)
      ccr.version = version
      ccr.proto_version = "RDP Protocol Version: " .. (PROTO_VERSION[version] or (" Unknown (0x%08x)"):format(version))
    elseif kind == 0x0c02 and size >= 12 then
      ccr.enc_cipher, ccr.enc_level = string.unpack("<I4I4", data, pos + 4)
    end
    pos = pos + size
  end
  return ccr
end

local function parse_mcs (data)
  local tpkt = Packet.TPKT.parse(data)
  local itut = tpkt and Packet.ITUT.parse(tpkt.data)
  if not itut then error("not a packet") end
  local tag, content = ber_read(itut.data, 1)
  if tag ~= 0x7f66 then error("another answer") end
  local _, result, called, user_data, pos
  _, result, pos = ber_read(content, 1)
  _, called, pos = ber_read(content, pos)
  _, _, pos = ber_read(content, pos)
  _, user_data = ber_read(content, pos)
  local response = Response.MCSConnectResponse:new()
  response.tpkt, response.itut = tpkt, itut
  response.ccr = Packet.ConfCreateResponse.parse(user_data)
  response.ccr.result = CONNECT_RESPONSE_RESULT[string.byte(result)]
  response.ccr.calledConnectId = string.byte(called)
  return response
end

--- Reads an answer.
-- @param data Bytes.
-- @return A table with <code>tpkt</code>, <code>itut</code> and <code>ccr</code>, what <code>ConfCreateResponse</code> reads
--         with <code>result</code>; or nil.
function Response.MCSConnectResponse.parse (data)
  local ok, response = pcall(parse_mcs, data)
  if not ok then return nil end
  return response
end

-- Connection ------------------------------------------------------------------------------------------------------

--- A connection.
-- @class table
-- @name Comm
Comm = {}
Comm.__index = Comm

--- Makes a connection object; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @return The object.
function Comm:new (host, port)
  return setmetatable({ host = host, port = port }, self)
end

--- Connects.
-- @return True or false.
-- @return An error.
function Comm:connect ()
  self.socket = nmap.new_socket()
  self.socket:set_timeout(TIMEOUT_MS)
  local status, err = self.socket:connect(self.host, self.port, "tcp")
  if not status then return false, err end
  return true
end

--- Closes the connection.
-- @return True or false.
function Comm:close ()
  return self.socket:close()
end

--- Sends a packet.
-- @param pkt The packet.
-- @return True or false.
-- @return An error.
function Comm:send (pkt)
  return self.socket:send(tostring(pkt))
end

--- Reads a packet.
-- @return True or false.
-- @return Its bytes, or an error.
function Comm:recv ()
  local status, head = self.socket:receive_buf(match.numbytes(4), true)
  if not status then return false, head end
  local version, _, length = string.unpack(">BBI2", head)
  if version ~= 3 or length < 4 then return false, "not a packet of RDP" end
  if length == 4 then return true, head end
  local received, rest = self.socket:receive_buf(match.numbytes(length - 4), true)
  if not received then return false, rest end
  return true, head .. rest
end

--- Sends a request and reads the answer.
-- @param pkt The request.
-- @return True or false.
-- @return The answer, as its class reads it; or an error.
function Comm:exch (pkt)
  local status, err = self:send(pkt)
  if not status then return false, err end
  local received, data = self:recv()
  if not received then return false, data end
  local tpkt = Packet.TPKT.parse(data)
  local itut = tpkt and Packet.ITUT.parse(tpkt.data)
  local response
  if itut and itut.code == 0xd0 then
    response = Response.ConnectionConfirm.parse(data)
  elseif itut then
    response = Response.MCSConnectResponse.parse(data)
  end
  if not response then return false, "Received unhandled packet" end
  return true, response
end

return _ENV
