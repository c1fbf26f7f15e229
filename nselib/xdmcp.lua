---
-- The X Display Manager Control Protocol (X Consortium, version 1.1): asking a display manager whether it offers a
-- session, and for one.
--
-- @usage
-- local helper = xdmcp.Helper:new(host, port)
-- if helper:connect() then
--   local status, session = helper:createSession(nil, { "MIT-MAGIC-COOKIE-1" }, 0)
-- end
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("xdmcp", stdnse.seeall)

local VERSION = 1

--- Numbers of the messages.
-- @class table
-- @name OpCode
OpCode = { BCAST_QUERY = 1, QUERY = 2, WILLING = 5, REQUEST = 7, ACCEPT = 8, MANAGE = 10 }

--- Messages by their numbers. Those of a client can be made and turned into bytes, those of a server parsed.
-- @class table
-- @name Packet
Packet = {}

-- An ARRAYofARRAY8: the count is one byte, each length two.
local function pack_list (list)
  local out = { string.pack("B", #list) }
  for i, item in ipairs(list) do out[i + 1] = string.pack(">s2", item) end
  return table.concat(out)
end

--- The head of every message.
Packet.Header = {}
Packet.Header.__index = Packet.Header

function Packet.Header:new (opcode, length)
  return setmetatable({ version = VERSION, opcode = opcode, length = length or 0 }, self)
end

function Packet.Header.parse (data)
  if #data < 6 then return nil end
  local version, opcode, length = string.unpack(">I2I2I2", data)
  return setmetatable({ version = version, opcode = opcode, length = length }, Packet.Header)
end

function Packet.Header:__tostring () return string.pack(">I2I2I2", self.version, self.opcode, self.length) end

-- A class of messages whose body a function makes.
local function client_message (opcode, new, body)
  local class = { __index = nil }
  class.__index = class
  function class.new (self, ...)
    local message = setmetatable(new(...), class)
    message.header = Packet.Header:new(opcode)
    return message
  end
  function class:__tostring ()
    local text = body(self)
    self.header.length = #text
    return tostring(self.header) .. text
  end
  Packet[opcode] = class
  return class
end

for _, opcode in ipairs({ OpCode.BCAST_QUERY, OpCode.QUERY }) do
  client_message(opcode, function (authnames) return { authnames = authnames or {} } end,
    function (self) return pack_list(self.authnames) end)
end

local Request = client_message(OpCode.REQUEST, function (disp_no, auth_name, auth_data, authr_names, manf_id)
  return { disp_no = disp_no or 0, auth_name = auth_name or "", auth_data = auth_data or "",
    authr_names = authr_names or {}, manf_id = manf_id or "", connections = {} }
end, function (self)
  local types, addresses = {}, {}
  for i, connection in ipairs(self.connections) do
    types[i], addresses[i] = string.pack(">I2", connection.type), connection.address
  end
  return string.pack(">I2B", self.disp_no, #types) .. table.concat(types) .. pack_list(addresses)
    .. string.pack(">s2s2", self.auth_name, self.auth_data) .. pack_list(self.authr_names)
    .. string.pack(">s2", self.manf_id)
end)

--- An address of the client.
Request.Connection = {}
Request.Connection.__index = Request.Connection

function Request.Connection:new (kind, address)
  return setmetatable({ type = kind, address = address }, self)
end

function Request:addConnection (connection) table.insert(self.connections, connection) end
function Request:addAuthrName (name) table.insert(self.authr_names, name) end

client_message(OpCode.MANAGE, function (sess_id, disp_no, disp_class)
  return { session_id = sess_id or 0, disp_no = disp_no or 0, disp_class = disp_class or "MIT-unspecified" }
end, function (self) return string.pack(">I4I2s2", self.session_id, self.disp_no, self.disp_class) end)

-- A class of messages that are read by a format into named fields.
local function server_message (opcode, format, names)
  local class = {}
  class.__index = class
  function class.new (self, header) return setmetatable({ header = header }, class) end
  function class.parse (data)
    local header = Packet.Header.parse(data)
    if not header then return nil end
    local values = { pcall(string.unpack, format, data, 7) }
    if not values[1] then return nil end
    local message = class:new(header)
    for i, name in ipairs(names) do message[name] = values[i + 1] end
    return message
  end
  Packet[opcode] = class
end

server_message(OpCode.WILLING, ">s2s2s2", { "authname", "hostname", "status" })
server_message(OpCode.ACCEPT, ">I4s2s2s2s2", { "session_id", "auth_name", "auth_data", "authr_name", "authr_data" })

--- Talks to a display manager.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @name Helper.new
-- @class function
-- @param host The host table.
-- @param port The port table.
-- @param options Table; <code>timeout</code> is in milliseconds.
-- @return The helper.
function Helper:new (host, port, options)
  return setmetatable({ host = host, port = port, options = options or {} }, self)
end

--- Opens the socket.
-- @name Helper.connect
-- @class function
-- @return True, or false and a message.
function Helper:connect ()
  self.socket = nmap.new_socket("udp")
  self.socket:set_timeout(self.options.timeout or 10000)
  return self.socket:connect(self.host, self.port, "udp")
end

--- Sends a message.
-- @name Helper.send
-- @class function
-- @param req The message.
-- @return True, or false and a message.
function Helper:send (req) return self.socket:send(tostring(req)) end

--- Reads a message.
-- @name Helper.recv
-- @class function
-- @return True and the message, or false and what went wrong.
function Helper:recv ()
  local status, data = self.socket:receive()
  if not status then return false, data end
  local header = Packet.Header.parse(data)
  if not header then return false, "The answer is too short" end
  local class = Packet[header.opcode]
  if not class or not class.parse then return false, string.format("Unexpected answer %d", header.opcode) end
  local message = class.parse(data)
  if not message then return false, "The answer is cut" end
  return true, message
end

--- Sends a message and reads the answer.
-- @name Helper.exch
-- @class function
-- @param req The message.
-- @return True and the answer, or false and what went wrong.
function Helper:exch (req)
  local status, err = self:send(req)
  if not status then return false, err end
  return self:recv()
end

--- Asks for a session.
-- @name Helper.createSession
-- @class function
-- @param auth_names Names of ways to authenticate, or nil.
-- @param authr_names Names of ways to authorize.
-- @param disp_no The number of the display. Default: 0.
-- @return True and the answer, with <code>session_id</code>, <code>authr_name</code> and <code>authr_data</code>; or
--         false and what went wrong.
function Helper:createSession (auth_names, authr_names, disp_no)
  local status, answer = self:exch(Packet[OpCode.QUERY]:new(auth_names))
  if not status then return false, answer end
  if answer.header.opcode ~= OpCode.WILLING then return false, "The display manager is not willing" end
  self.willing = answer
  local request = Packet[OpCode.REQUEST]:new(disp_no, nil, nil, authr_names)
  local ok, address = self.socket:get_info()
  address = ok and ipOps.ip_to_str(address) or "\127\0\0\1"
  -- The kinds of addresses: 0 is IPv4, 6 IPv6.
  request:addConnection(Request.Connection:new(#address == 4 and 0 or 6, address))
  status, answer = self:exch(request)
  if not status then return false, answer end
  if answer.header.opcode ~= OpCode.ACCEPT then return false, "The display manager does not accept" end
  return true, answer
end

return _ENV
