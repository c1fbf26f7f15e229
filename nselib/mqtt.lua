---
-- MQTT 3.1.1 (OASIS standard), the client's side: connecting, subscribing, receiving.
--
-- @usage
-- local helper = mqtt.Helper:new(host, port)
-- local status, response = helper:connect({ client_id = "moon" })
-- status, response = helper:request("SUBSCRIBE", { filters = { { filter = "#" } } }, "SUBACK")
-- status, response = helper:receive({ "PUBLISH" }, 5000)
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local comm = require "comm"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("mqtt", stdnse.seeall)

-- The largest that four bytes of length can say is 256 MB; more than this is refused.
local PACKET_LEN_MAX = 16 * 1024 * 1024

-- Packets that nobody waits for are dropped up to this number.
local UNWANTED_MAX = 10000
-- Messages that are kept while something else is waited for.
local KEPT_MAX = 1000

-- Why a connection is refused (table 3.1).
local CONNECT_REASONS = {
  [0] = "Connection Accepted",
  "Connection Refused, unacceptable protocol version",
  "Connection Refused, identifier rejected",
  "Connection Refused, Server unavailable",
  "Connection Refused, bad user name or password",
  "Connection Refused, not authorized",
}

--- The form of packets.
-- @class table
-- @name MQTT
MQTT = {}

--- Puts a length in front as one to four bytes (2.2.3).
-- @param len The length.
-- @return The bytes, or nil.
function MQTT.length_build (len)
  if len < 0 or len > 268435455 then return nil, "the length is out of bounds" end
  local out = {}
  repeat
    local byte = len % 128
    len = len // 128
    out[#out + 1] = string.char(len > 0 and byte | 0x80 or byte)
  until len == 0
  return table.concat(out)
end

--- Reads a length.
-- @param buf Bytes.
-- @param pos Where it starts. Default: 1.
-- @return Where it ends, false if bytes are missing or wrong.
-- @return The length, or an error.
function MQTT.length_parse (buf, pos)
  pos = pos or 1
  local len, scale = 0, 1
  for i = pos, pos + 3 do
    local byte = string.byte(buf, i)
    if not byte then return false, "the length is cut off" end
    len = len + (byte & 0x7f) * scale
    if byte < 0x80 then return i + 1, len end
    scale = scale * 128
  end
  return false, "the length has more than four bytes"
end

--- Makes a string with its length in front (1.5.3).
-- @param str The text.
-- @return The bytes.
function MQTT.utf8_build (str)
  return string.pack(">s2", str)
end

--- Reads a string with its length in front.
-- @param buf Bytes.
-- @param pos Where it starts. Default: 1.
-- @return Where it ends, false if bytes are missing.
-- @return The text, or an error.
function MQTT.utf8_parse (buf, pos)
  local ok, text, after = pcall(string.unpack, ">s2", buf, pos or 1)
  if not ok then return false, "the string is cut off" end
  return after, text
end

--- Puts the head in front of a packet's body.
-- @param num The packet's number.
-- @param flags The flags.
-- @param pkt The body.
-- @return The packet.
function MQTT.fixed_header (num, flags, pkt)
  return string.char(num << 4 | flags) .. MQTT.length_build(#pkt) .. pkt
end

local function build_connect (options)
  local level, name = options.protocol_level or 4, options.protocol_name or "MQTT"
  local flags = 0
  if options.clean_session ~= false then flags = flags | 0x02 end
  if options.will_topic then
    flags = flags | 0x04 | (options.will_qos or 0) << 3
    if options.will_retain then flags = flags | 0x20 end
  end
  if options.password then flags = flags | 0x40 end
  if options.username then flags = flags | 0x80 end
  local body = { MQTT.utf8_build(name), string.pack(">BBI2", level, flags, options.keep_alive_secs or 30),
    MQTT.utf8_build(options.client_id or "") }
  if options.will_topic then
    body[#body + 1] = MQTT.utf8_build(options.will_topic)
    body[#body + 1] = MQTT.utf8_build(options.will_message or "")
  end
  if options.username then body[#body + 1] = MQTT.utf8_build(options.username) end
  if options.password then body[#body + 1] = MQTT.utf8_build(options.password) end
  return MQTT.fixed_header(1, 0, table.concat(body))
end

local function build_subscribe (options)
  local body = { string.pack(">I2", options.packet_id) }
  for _, one in ipairs(options.filters or {}) do
    body[#body + 1] = MQTT.utf8_build(one.filter) .. string.char(one.qos or 0)
  end
  return MQTT.fixed_header(8, 2, table.concat(body))
end

local function parse_connack (_, body)
  if #body < 2 then return nil, "CONNACK is cut off" end
  local flags, code = string.byte(body, 1, 2)
  return {
    type = "CONNACK",
    accepted = code == 0,
    reason = CONNECT_REASONS[code] or "Unrecognized Connect Return Code",
    session_present = flags & 1 == 1,
  }
end

local function parse_publish (flags, body)
  local pos, topic = MQTT.utf8_parse(body)
  if not pos then return nil, topic end
  local qos = flags >> 1 & 3
  local packet_id
  if qos > 0 then
    if #body < pos + 1 then return nil, "PUBLISH is cut off" end
    packet_id, pos = string.unpack(">I2", body, pos)
  end
  return {
    type = "PUBLISH", dup = flags & 8 ~= 0, qos = qos, retain = flags & 1 ~= 0, topic = topic, packet_id = packet_id,
    payload = string.sub(body, pos),
  }
end

local function parse_suback (_, body)
  if #body < 3 then return nil, "SUBACK is cut off" end
  local packet_id, pos = string.unpack(">I2", body)
  local filters = {}
  for i = pos, #body do
    local code = string.byte(body, i)
    filters[#filters + 1] = { success = code < 0x80, max_qos = code < 0x80 and code & 3 or nil }
  end
  return { type = "SUBACK", packet_id = packet_id, filters = filters }
end

--- The kinds of packets by name: number, names of options, functions that build or parse one.
MQTT.packet = {
  CONNECT = {
    number = 1, build = build_connect,
    options = { "client_id", "keep_alive_secs", "password", "username", "will_message", "will_topic", "clean_session",
      "will_qos", "will_retain", "protocol_level", "protocol_name" },
  },
  CONNACK = { number = 2, options = {}, parse = parse_connack },
  PUBLISH = { number = 3, options = {}, parse = parse_publish },
  PUBACK = { number = 4, options = {} },
  PUBREC = { number = 5, options = {} },
  PUBREL = { number = 6, options = {} },
  PUBCOMP = { number = 7, options = {} },
  SUBSCRIBE = { number = 8, options = { "filters" }, build = build_subscribe },
  SUBACK = { number = 9, options = {}, parse = parse_suback },
  UNSUBSCRIBE = { number = 10, options = {} },
  UNSUBACK = { number = 11, options = {} },
  PINGREQ = { number = 12, options = {}, build = function () return MQTT.fixed_header(12, 0, "") end },
  PINGRESP = { number = 13, options = {} },
  DISCONNECT = { number = 14, options = {}, build = function () return MQTT.fixed_header(14, 0, "") end },
}

local NAMES = {}
for name, kind in pairs(MQTT.packet) do NAMES[kind.number] = name end

--- The connection: packets out, packets in.
-- @class table
-- @name Comm
Comm = {}
Comm.__index = Comm

--- Makes a connection object; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @param options Options of <code>comm</code>.
-- @return The object.
function Comm:new (host, port, options)
  return setmetatable({ host = host, port = port, options = options or {}, packet_id = 0 }, self)
end

--- Connects and sends a first packet, so that TLS can be told from plain.
-- @param options Options of <code>comm</code>.
-- @param first The packet.
-- @return True or false.
-- @return The answer's bytes, or an error.
function Comm:connect (options, first)
  local opts = {}
  for key, value in pairs(self.options) do opts[key] = value end
  for key, value in pairs(options or {}) do opts[key] = value end
  local socket, answer = comm.tryssl(self.host, self.port, first, opts)
  if not socket then return false, answer end
  self.socket = socket
  self.early = answer
  return true, answer
end

--- A number for the next packet that needs one.
-- @return The number.
function Comm:packet_identifier ()
  self.packet_id = self.packet_id % 65535 + 1
  return self.packet_id
end

--- Makes a packet.
-- @param type The name of its kind.
-- @param options What it holds.
-- @return The packet, or nil.
-- @return An error.
function Comm:build (type, options)
  local kind = MQTT.packet[type]
  if not kind or not kind.build then return nil, "no way to build a packet of kind " .. tostring(type) end
  local all = {}
  for key, value in pairs(options or {}) do all[key] = value end
  all.packet_id = all.packet_id or self:packet_identifier()
  return kind.build(all)
end

--- Sends a packet.
-- @param pkt The packet.
-- @return True or false.
-- @return An error.
function Comm:send (pkt)
  return self.socket:send(pkt)
end

-- Exactly that many bytes.
local function take (self, count)
  if count == 0 then return "" end
  while #(self.early or "") < count do
    local status, data = self.socket:receive()
    if not status then return nil, data end
    self.early = (self.early or "") .. data
  end
  local data = string.sub(self.early, 1, count)
  self.early = string.sub(self.early, count + 1)
  return data
end

--- Reads one packet.
-- @return True or false.
-- @return The packet's bytes, or an error.
function Comm:receive ()
  local head, err = take(self, 1)
  if not head then return false, err end
  local pos, len
  repeat
    local byte
    byte, err = take(self, 1)
    if not byte then return false, err end
    head = head .. byte
    pos, len = MQTT.length_parse(head, 2)
  until pos or #head >= 5
  if not pos then return false, len end
  if len > PACKET_LEN_MAX then return false, "the packet is too long" end
  local body
  body, err = take(self, len)
  if not body then return false, err end
  return true, head .. body
end

--- Reads what a packet says.
-- @param buf The packet.
-- @param pos Where it starts. Default: 1.
-- @return Where it ends, false if it is malformed.
-- @return A table with <code>type</code> and more, or an error.
function Comm:parse (buf, pos)
  pos = pos or 1
  local first = string.byte(buf, pos)
  if not first then return false, "there is no packet" end
  local name = NAMES[first >> 4]
  if not name then return false, "a packet of unknown kind" end
  local after, len = MQTT.length_parse(buf, pos + 1)
  if not after then return false, len end
  if #buf < after + len - 1 then return false, "the packet is cut off" end
  local body = string.sub(buf, after, after + len - 1)
  local kind = MQTT.packet[name]
  if not kind.parse then return after + len, { type = name, body = body } end
  local response, err = kind.parse(first & 0xf, body)
  if not response then return false, err end
  return after + len, response
end

--- Closes the connection.
-- @return True or false.
function Comm:close ()
  return self.socket:close()
end

--- What scripts use.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @param opts Options of <code>comm</code>.
-- @return The helper.
function Helper:new (host, port, opts)
  return setmetatable({ host = host, port = port, comm = Comm:new(host, port, opts), kept = {} }, self)
end

--- Connects and introduces the client.
-- @param options What <code>CONNECT</code> holds: <code>client_id</code>, <code>username</code>, <code>password</code>,
--                <code>clean_session</code>, <code>keep_alive_secs</code>, <code>will_topic</code> and so on.
-- @return True or false.
-- @return A table with <code>accepted</code>, <code>reason</code> and <code>session_present</code>; or an error.
function Helper:connect (options)
  local packet, err = self.comm:build("CONNECT", options)
  if not packet then return false, err end
  local status, failure = self.comm:connect(nil, packet)
  if not status then return false, failure end
  return self:receive({ "CONNACK" })
end

--- Sends a request.
-- @param req_type The name of its kind.
-- @param options What it holds.
-- @return True or false.
-- @return An error.
function Helper:send (req_type, options)
  local packet, err = self.comm:build(req_type, options)
  if not packet then return false, err end
  return self.comm:send(packet)
end

--- Sends a request and waits for an answer.
-- @param req_type The name of its kind.
-- @param options What it holds.
-- @param res_type The kind of the answer; nil to wait for none.
-- @return True or false.
-- @return The answer, or an error.
function Helper:request (req_type, options, res_type)
  local status, err = self:send(req_type, options)
  if not status then return false, err end
  if not res_type then return true end
  return self:receive({ res_type })
end

--- Waits for a packet of one of several kinds. Messages that come meanwhile are kept for later calls: what a broker
-- retains it may send before it confirms a subscription.
-- @param types A kind or an array of kinds.
-- @param timeout Milliseconds, counted for each read. Default: the socket's.
-- @return True or false.
-- @return The packet, a table with <code>type</code>; or an error.
function Helper:receive (types, timeout)
  if type(types) == "string" then types = { types } end
  local wanted = {}
  for _, name in ipairs(types) do wanted[name] = true end
  for i, packet in ipairs(self.kept) do
    if wanted[packet.type] then return true, table.remove(self.kept, i) end
  end
  if timeout then self.comm.socket:set_timeout(timeout) end
  for _ = 1, UNWANTED_MAX do
    local status, packet = self.comm:receive()
    if not status then return false, "Failed to receive control packet from server." end
    local pos, response = self.comm:parse(packet)
    if not pos then return false, response end
    if wanted[response.type] then return true, response end
    if response.type == "PUBLISH" and #self.kept < KEPT_MAX then self.kept[#self.kept + 1] = response end
  end
  return false, "too many packets that nobody waits for"
end

--- Says goodbye and closes the connection.
-- @return True or false.
function Helper:close ()
  self:send("DISCONNECT")
  return self.comm:close()
end

return _ENV
