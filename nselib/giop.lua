---
-- General Inter-ORB Protocol of CORBA (GIOP 1.0 over TCP): finding a server's naming service and what is in it.
--
-- The sources are the CORBA specification (part 2, 9) and the Naming Service specification of the OMG.
--
-- @usage
-- local helper = giop.Helper:new(host, port)
-- helper:Connect()
-- local status, context = helper:GetNamingContext()
-- local status, objects = helper:ListObjects(context)
-- helper:Close()
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("giop", stdnse.seeall)

local TIMEOUT_MS = 10000
local HEADER_LEN = 12
local MESSAGE_LEN_MAX = 1024 * 1024
local NAMES_MAX = 1000
-- The object that old servers know their services by, and the usual key of a naming service.
local BOOTSTRAP_KEY, NAMING_KEY = "INIT", "NameService"

--- Numbers of the protocol.
Constants = {
  MessageType = { REQUEST = 0, REPLY = 1, CANCEL = 2, LOCATE_REQUEST = 3, LOCATE_REPLY = 4, CLOSE = 5, ERROR = 6 },
  ReplyStatus = { NO_EXCEPTION = 0, USER_EXCEPTION = 1, SYSTEM_EXCEPTION = 2, LOCATION_FORWARD = 3 },
  --- Profiles of references: 0 is for TCP.
  PROFILE_IIOP = 0,
}

-- Reading and writing of values: each is at a place that its size divides, counted from where `origin` says.
local Reader = {}
Reader.__index = Reader

local function reader (data, little, pos, origin)
  return setmetatable({ data = data, order = little and "<" or ">", pos = pos or 1, origin = origin or 1 }, Reader)
end

function Reader:take (format, size)
  self.pos = self.pos + -(self.pos - self.origin) % size
  local value
  value, self.pos = string.unpack(self.order .. format, self.data, self.pos)
  return value
end

function Reader:octets ()
  local len = self:take("I4", 4)
  local value
  value, self.pos = string.unpack("c" .. len, self.data, self.pos)
  return value
end

-- Texts end with a zero that their length counts.
function Reader:text () return (string.gsub(self:octets(), "%z$", "")) end

-- A reference to an object: what it is and its profile for TCP, nil if there is none.
function Reader:reference ()
  local kind = self:text()
  local profile
  for _ = 1, self:take("I4", 4) do
    local tag, octets = self:take("I4", 4), self:octets()
    if tag == Constants.PROFILE_IIOP and not profile then
      local inner = reader(octets, string.byte(octets) == 1, 4)
      profile = { host = inner:text(), port = inner:take("I2", 2), key = inner:octets() }
    end
  end
  return kind, profile
end

local function padded (data) return data .. string.rep("\0", -#data % 4) end

--- Messages.
Packet = {}

--- A message of any kind.
Packet.GIOP = {}
Packet.GIOP.__index = Packet.GIOP

--- Makes a message.
-- @param msgtype What it is.
-- @param data The octets after the header.
-- @return The message; <code>tostring</code> makes its octets.
function Packet.GIOP:new (msgtype, data)
  return setmetatable({ type = msgtype, data = data, major = 1, minor = 0 }, self)
end

--- Sets the version.
-- @param version Text such as <code>"1.0"</code>.
function Packet.GIOP:setVersion (version)
  local major, minor = string.match(version, "^(%d)%.(%d)$")
  self.major, self.minor = tonumber(major) or 1, tonumber(minor) or 0
end

function Packet.GIOP:__tostring ()
  return string.pack(">c4BBBBI4", "GIOP", self.major, self.minor, 0, self.type, #self.data) .. self.data
end

--- Receives a message.
-- @param socket The socket.
-- @return True and the message, with <code>little</code> if its numbers begin with their last octet; or false and an
--         error.
function Packet.GIOP.recv (socket)
  local status, head = socket:receive_buf(match.numbytes(HEADER_LEN), true)
  if not status then return false, head end
  if string.sub(head, 1, 4) ~= "GIOP" then return false, "the answer is none of GIOP" end
  local flags, kind = string.byte(head, 7, 8)
  local little = flags & 1 ~= 0
  local len = string.unpack(little and "<I4" or ">I4", head, 9)
  if len > MESSAGE_LEN_MAX then return false, "the answer is too long" end
  local data = ""
  if len > 0 then
    status, data = socket:receive_buf(match.numbytes(len), true)
    if not status then return false, data end
  end
  local message = Packet.GIOP:new(kind, data)
  message.little = little
  return true, message
end

-- A request's octets: no contexts of services, an answer wanted, nobody in particular asks (9.4.2, version 1.0).
local function request (id, key, operation, arguments)
  local head = string.pack(">I4I4Bxxx", 0, id, 1) .. padded(string.pack(">s4", key))
    .. padded(string.pack(">s4", operation .. "\0")) .. string.pack(">I4", 0)
  return Packet.GIOP:new(Constants.MessageType.REQUEST, head .. arguments)
end

--- A connection.
Comm = {}
Comm.__index = Comm

--- Makes a connection; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @param socket A socket to use. Default: a new one.
-- @return The connection.
function Comm:new (host, port, socket)
  return setmetatable({ host = host, port = port, socket = socket, id = 0 }, self)
end

--- Connects.
-- @return True, or false and an error.
function Comm:Connect ()
  self.socket = self.socket or nmap.new_socket()
  self.socket:set_timeout(TIMEOUT_MS)
  return self.socket:connect(self.host, self.port)
end

--- Closes the connection and opens it again.
-- @return True, or false and an error.
function Comm:Reconnect ()
  self:Close()
  self.socket = nil
  return self:Connect()
end

--- Closes the connection.
-- @return True, or false and an error.
function Comm:Close () return self.socket:close() end

--- Sends a message and receives its answer.
-- @param packet The message.
-- @return True and the answer, or false and an error.
function Comm:exchGIOPPacket (packet)
  local status, err = self.socket:send(tostring(packet))
  if not status then return false, err end
  return Packet.GIOP.recv(self.socket)
end

-- Calls an operation and reads its results by a function that may raise: true and the results, or false and an error.
local function call (comm, key, operation, arguments, read)
  comm.id = comm.id + 1
  local status, answer = comm:exchGIOPPacket(request(comm.id, key, operation, arguments))
  if not status then return false, answer end
  if answer.type ~= Constants.MessageType.REPLY then return false, "the answer is none to a request" end
  local ok, result, err = pcall(function ()
    local r = reader(answer.data, answer.little)
    for _ = 1, r:take("I4", 4) do
      r:take("I4", 4)
      r:octets()
    end
    if r:take("I4", 4) ~= comm.id then return nil, "the answer is to another request" end
    local code = r:take("I4", 4)
    if code == Constants.ReplyStatus.LOCATION_FORWARD then return nil, "the object is elsewhere" end
    if code ~= Constants.ReplyStatus.NO_EXCEPTION then return nil, r:text() end
    return read(r)
  end)
  if not ok then return false, "the answer is malformed" end
  if not result then return false, err end
  return true, result
end

Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @param host The host table.
-- @param port The port table.
-- @return The helper.
function Helper:new (host, port) return setmetatable({ comm = Comm:new(host, port) }, self) end

--- Connects.
-- @return True, or false and an error.
function Helper:Connect () return self.comm:Connect() end

-- Whether the object with that key is a naming context.
local function is_context (comm, key)
  local kind = padded(string.pack(">s4", "IDL:omg.org/CosNaming/NamingContext:1.0\0"))
  return call(comm, key, "_is_a", kind, function (r) return r:take("B", 1) == 1 or nil, "no naming context" end)
end

--- Finds the naming service: asks the object that servers of Java have for that, or takes the key that others use.
-- @return True and the object's key, or false and an error.
function Helper:GetNamingContext ()
  local name = padded(string.pack(">s4", NAMING_KEY .. "\0"))
  local status, result = call(self.comm, BOOTSTRAP_KEY, "get", name, function (r)
    local _, profile = r:reference()
    return profile and profile.key, "the naming service has no address"
  end)
  if status then return true, result end
  if not self.comm:Reconnect() then return false, result end
  local known = is_context(self.comm, NAMING_KEY)
  if known then return true, NAMING_KEY end
  return false, result
end

--- Lists what is in a naming context (<code>list</code>, Naming Service 2.3.4).
-- @param keyaddr The object's key.
-- @return True and a list of tables with <code>id</code>, <code>kind</code> and <code>enum</code> (0 for objects, 1 for
--         contexts); or false and an error.
function Helper:ListObjects (keyaddr)
  return call(self.comm, keyaddr, "list", string.pack(">I4", NAMES_MAX), function (r)
    local objects = {}
    for _ = 1, r:take("I4", 4) do
      local ids, kinds = {}, {}
      for _ = 1, r:take("I4", 4) do
        ids[#ids + 1] = r:text()
        kinds[#kinds + 1] = r:text()
      end
      local object = {}
      object.id = table.concat(ids, "/")
      if table.concat(kinds) ~= "" then object.kind = table.concat(kinds, "/") end
      -- Kinds of bindings: 0 is an object, 1 another context.
      object.enum = r:take("I4", 4)
      objects[#objects + 1] = object
    end
    return objects
  end)
end

--- Closes the connection.
-- @return True, or false and an error.
function Helper:Close () return self.comm:Close() end

return _ENV
