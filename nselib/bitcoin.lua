---
-- The protocol of Bitcoin nodes: versions, and the addresses of other nodes.
--
-- @usage
-- local helper = bitcoin.Helper:new(host, port)
-- helper:connect()
-- local status, version = helper:exchVersion()
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local match = require "match"
local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local os = require "os"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("bitcoin", stdnse.seeall)

-- The longest that is read: 1,000 addresses are 30,003 bytes.
local PAYLOAD_LEN_MAX = 1048576
local TIMEOUT_MS = 10000
local MESSAGES_MAX = 50

-- The first bytes of messages of the main network.
local MAGIC = 0xd9b4bef9

--- Helpers.
-- @class table
-- @name Util
Util = {}

--- Reads a number of one to nine bytes. Raises if bytes are missing.
-- @param data Bytes.
-- @param pos Where it starts.
-- @return Where it ends.
-- @return The number.
function Util.decodeVarInt (data, pos)
  local first, after = string.unpack("B", data, pos)
  local form = first == 0xfd and "<I2" or first == 0xfe and "<I4" or first == 0xff and "<I8"
  if not form then return after, first end
  local value
  value, after = string.unpack(form, data, after)
  return after, value
end

--- Reads a text with its length in front. Raises if bytes are missing.
-- @param data Bytes.
-- @param pos Where it starts.
-- @return Where it ends.
-- @return The text.
function Util.decodeVarString (data, pos)
  local after, len = Util.decodeVarInt(data, pos)
  if len < 0 or after + len - 1 > #data then error("cut off") end
  return after + len, string.sub(data, after, after + len - 1)
end

--- The address of a node.
-- @class table
-- @name NetworkAddress
NetworkAddress = {}
NetworkAddress.__index = NetworkAddress

--- Makes an address.
-- @param host The host table.
-- @param port The port table.
-- @return The address; <code>tostring</code> makes the bytes.
function NetworkAddress:new (host, port)
  local address = type(host) == "table" and host.ip or host
  local number = type(port) == "table" and port.number or port
  return setmetatable({ host = address, port = number, service = 1 }, self)
end

--- Reads an address. Raises if bytes are missing.
-- @param data Twenty-six bytes.
-- @return The address: <code>host</code>, <code>port</code>, <code>service</code>.
function NetworkAddress.fromString (data)
  local service, raw, number = string.unpack("<I8c16>I2", data)
  local address = string.sub(raw, 1, 12) == ("\0"):rep(10) .. "\xff\xff"
    and ("%d.%d.%d.%d"):format(string.byte(raw, 13, 16)) or ipOps.str_to_ip(raw)
  return setmetatable({ service = service, host = address, port = number }, NetworkAddress)
end

function NetworkAddress:__tostring ()
  local raw = ipOps.ip_to_str(self.host) or "\0\0\0\0"
  if #raw == 4 then raw = ("\0"):rep(10) .. "\xff\xff" .. raw end
  return string.pack("<I8", self.service) .. raw .. string.pack(">I2", self.port)
end

local function checksum (payload)
  return string.sub(openssl.digest("sha256", openssl.digest("sha256", payload)), 1, 4)
end

local function message (command, payload)
  return string.pack("<I4c12I4", MAGIC, command, #payload) .. checksum(payload) .. payload
end

--- What a client sends.
-- @class table
-- @name Request
Request = {}

--- The first message: the client's version.
Request.Version = {}
Request.Version.__index = Request.Version

--- Makes the message.
-- @param host The host table.
-- @param port The port table.
-- @param lhost The own address.
-- @param lport The own port.
-- @return The message.
function Request.Version:new (host, port, lhost, lport)
  return setmetatable({ host = host, port = port, lhost = lhost, lport = lport }, self)
end

function Request.Version:__tostring ()
  local payload = string.pack("<I4I8I8", 70015, 0, os.time())
    .. tostring(NetworkAddress:new(self.host, self.port)) .. tostring(NetworkAddress:new(self.lhost, self.lport))
    .. openssl.rand_bytes(8) .. string.pack("<s1I4B", "/perilune/", 0, 0)
  return message("version", payload)
end

-- Messages without content, by the name of the class.
for class, command in pairs({ VerAck = "verack", GetAddr = "getaddr", Pong = "pong" }) do
  Request[class] = { new = function (self, payload) return setmetatable({ payload = payload or "" }, self) end }
  Request[class].__index = Request[class]
  Request[class].__tostring = function (self) return message(command, self.payload) end
end

--- What a node answers.
-- @class table
-- @name Response
Response = {}

local READERS = {}

function READERS.version (payload)
  local response = {}
  response.version_raw, response.services, response.timestamp = string.unpack("<I4I8i8", payload)
  response.node = NetworkAddress.fromString(string.sub(payload, 47, 72))
  local pos
  response.version = response.version_raw
  pos, response.user_agent = Util.decodeVarString(payload, 81)
  response.height = string.unpack("<I4", payload, pos)
  response.last_block = response.height
  return response
end

function READERS.addr (payload)
  local pos, count = Util.decodeVarInt(payload, 1)
  local list = {}
  for i = 1, math.min(count, 1000) do
    if pos + 29 > #payload then break end
    local address = NetworkAddress.fromString(string.sub(payload, pos + 4, pos + 29))
    address.ts = string.unpack("<I4", payload, pos)
    list[i] = address
    pos = pos + 30
  end
  return { addresses = list }
end

--- Reads a message.
-- @param data The message, head and payload.
-- @return True or false.
-- @return A table with <code>type</code> and what the message says, or an error.
function Response.decode (data)
  if #data < 24 then return false, "the message is cut off" end
  local magic, name, len, sum, pos = string.unpack("<I4c12I4c4", data)
  local payload = string.sub(data, pos, pos + len - 1)
  if magic ~= MAGIC then return false, "not a message of the main network" end
  if #payload < len or checksum(payload) ~= sum then return false, "the message is damaged" end
  name = string.match(name, "^[%w]*")
  local reader = READERS[name]
  if not reader then return true, { type = name, payload = payload } end
  local ok, response = pcall(reader, payload)
  if not ok then return false, "the message is malformed" end
  response.type = name
  return true, response
end

--- Reads a message from a socket.
-- @param socket A connected socket.
-- @return True or false.
-- @return As <code>Response.decode</code> returns it.
function Response.recvPacket (socket)
  local status, head = socket:receive_buf(match.numbytes(24), true)
  if not status then return false, head end
  local len = string.unpack("<I4", head, 17)
  if len > PAYLOAD_LEN_MAX then return false, "the message is too long" end
  local payload = ""
  if len > 0 then
    status, payload = socket:receive_buf(match.numbytes(len), true)
    if not status then return false, payload end
  end
  return Response.decode(head .. payload)
end

--- What scripts use.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @param options <code>timeout</code> in milliseconds.
-- @return The helper.
function Helper:new (host, port, options)
  return setmetatable({ host = host, port = port, options = options or {} }, self)
end

--- Connects.
-- @return True or false.
-- @return An error.
function Helper:connect ()
  self.socket = nmap.new_socket()
  self.socket:set_timeout(self.options.timeout or TIMEOUT_MS)
  local status, err = self.socket:connect(self.host, self.port)
  if not status then return false, err end
  local _, lhost, lport = self.socket:get_info()
  self.lhost, self.lport = lhost, lport
  return true
end

--- Reads messages until one of a kind comes; pings are answered.
-- @param wanted The kind. Default: any.
-- @return True or false.
-- @return The message, or an error.
function Helper:readMessage (wanted)
  for _ = 1, MESSAGES_MAX do
    local status, response = Response.recvPacket(self.socket)
    if not status then return false, response end
    if response.type == "ping" then self.socket:send(tostring(Request.Pong:new(response.payload))) end
    if not wanted or response.type == wanted then return true, response end
  end
  return false, "the message did not come"
end

--- Exchanges versions.
-- @return True or false.
-- @return A table with <code>version</code>, <code>user_agent</code>, <code>height</code>, <code>timestamp</code>,
--         <code>services</code>; or an error.
function Helper:exchVersion ()
  local status, err = self.socket:send(tostring(Request.Version:new(self.host, self.port, self.lhost, self.lport)))
  if not status then return false, err end
  local received, version = self:readMessage("version")
  if not received then return false, version end
  self.socket:send(tostring(Request.VerAck:new()))
  return true, version
end

--- Asks for other nodes, after <code>exchVersion</code>.
-- @return True or false.
-- @return A table with <code>addresses</code>, or an error.
function Helper:getNodes ()
  local status, err = self.socket:send(tostring(Request.GetAddr:new()))
  if not status then return false, err end
  return self:readMessage("addr")
end

--- Closes the connection.
-- @return True or false.
function Helper:close ()
  return self.socket:close()
end

return _ENV
