---
-- Session Traversal Utilities for NAT (RFC 5389, RFC 8489).
--
-- @usage
-- local helper = stun.Helper:new(host, port)
-- helper:connect()
-- local status, address = helper:getExternalAddress()
--
-- @args stun.mode <code>modern</code> (RFC 5389) or <code>classic</code> (RFC 3489). Default: modern.
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local match = require "match"
local math = require "math"
local nmap = require "nmap"
local rand = require "rand"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("stun", stdnse.seeall)

-- RFC 5389, section 6: every message of the newer kind has it.
local MAGIC_COOKIE = 0x2112a442
local HEADER_LEN = 20
local TRIES = 3

--- Types of messages.
-- @class table
-- @name MessageType
MessageType = { BINDING_REQUEST = 0x0001, BINDING_RESPONSE = 0x0101, BINDING_ERROR = 0x0111 }

Header = {}

--- Makes a header.
-- @param type The message's type.
-- @param trans_id 16 octets, in newer messages the first four are the cookie. Default: at random.
-- @param length Octets that follow.
-- @return The header.
function Header:new (type, trans_id, length)
  local o = {
    type = type,
    trans_id = trans_id or string.pack(">I4", MAGIC_COOKIE) .. rand.random_string(12),
    length = length or 0,
  }
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Reads a header.
-- @param data The octets.
-- @return The header, nil if they are too few or something else.
function Header.parse (data)
  if #data < HEADER_LEN then return nil end
  local type, length, trans_id = string.unpack(">I2I2c16", data)
  -- The first two bits are 0.
  if type & 0xc000 ~= 0 then return nil end
  return Header:new(type, trans_id, length)
end

function Header:__tostring ()
  return string.pack(">I2I2", self.type, self.length) .. self.trans_id
end

--- Attributes: what their data are by type (RFC 5389, section 15; RFC 3489, 11.2).
Attribute = {
  MAPPED_ADDRESS = 0x0001, RESPONSE_ADDRESS = 0x0002, CHANGE_REQUEST = 0x0003, SOURCE_ADDRESS = 0x0004,
  CHANGED_ADDRESS = 0x0005, XOR_MAPPED_ADDRESS = 0x0020, SERVER = 0x8022, ALTERNATE_SERVER = 0x8023,
  RESPONSE_ORIGIN = 0x802b, OTHER_ADDRESS = 0x802c, XOR_MAPPED_ADDRESS_OLD = 0x8020,
}

--- Makes an attribute.
-- @param type Its type.
-- @param data Its octets.
-- @return The attribute.
function Attribute:new (type, data)
  local o = { type = type, data = data or "", length = #(data or "") }
  setmetatable(o, self)
  self.__index = self
  return o
end

-- An address: a zero, the family, the port, octets; with a mask they are combined with it.
local function read_address (data, mask)
  if #data < 8 then return nil end
  local _, family, port = string.unpack(">BBI2", data)
  local size = family == 1 and 4 or family == 2 and 16
  if not size or #data < 4 + size then return nil end
  local address = string.sub(data, 5, 4 + size)
  if mask then
    port = port ~ string.unpack(">I2", mask)
    local octets = {}
    for i = 1, size do octets[i] = string.char(string.byte(address, i) ~ string.byte(mask, i)) end
    address = table.concat(octets)
  end
  return ipOps.str_to_ip(address), port
end

local ADDRESSES = {
  [Attribute.MAPPED_ADDRESS] = true, [Attribute.SOURCE_ADDRESS] = true, [Attribute.CHANGED_ADDRESS] = true,
  [Attribute.RESPONSE_ADDRESS] = true, [Attribute.ALTERNATE_SERVER] = true, [Attribute.RESPONSE_ORIGIN] = true,
  [Attribute.OTHER_ADDRESS] = true,
}

--- Reads an attribute.
-- @param data The message.
-- @param pos Where it begins.
-- @param trans_id The message's identifier.
-- @return The attribute, nil if it is cut off; with <code>ip</code> and <code>port</code> if it is an address and
--         <code>server</code> if it is a name.
-- @return The position after it.
function Attribute.parse (data, pos, trans_id)
  if pos + 3 > #data then return nil end
  local type, length, at = string.unpack(">I2I2", data, pos)
  if at + length - 1 > #data then return nil end
  local attribute = Attribute:new(type, string.sub(data, at, at + length - 1))
  if ADDRESSES[type] then
    attribute.ip, attribute.port = read_address(attribute.data)
  elseif type == Attribute.XOR_MAPPED_ADDRESS or type == Attribute.XOR_MAPPED_ADDRESS_OLD then
    attribute.ip, attribute.port = read_address(attribute.data, trans_id)
  elseif type == Attribute.SERVER then
    attribute.server = (string.gsub(attribute.data, "%z+$", ""))
  end
  return attribute, at + length + -length % 4
end

function Attribute:__tostring ()
  return string.pack(">I2s2", self.type, self.data) .. string.rep("\0", -#self.data % 4)
end

Request = { Bind = {} }

--- Makes a request for the address it comes from.
-- @param trans_id The identifier. Default: at random.
-- @return The request.
function Request.Bind:new (trans_id)
  local o = { header = Header:new(MessageType.BINDING_REQUEST, trans_id), attributes = {} }
  setmetatable(o, self)
  self.__index = self
  return o
end

function Request.Bind:__tostring ()
  local parts = {}
  for i, attribute in ipairs(self.attributes) do parts[i] = tostring(attribute) end
  local content = table.concat(parts)
  self.header.length = #content
  return tostring(self.header) .. content
end

Response = { Bind = {} }

--- Reads an answer.
-- @param data The octets.
-- @return Table with <code>header</code> and <code>attributes</code>, nil if it is none.
function Response.Bind.parse (data)
  local header = Header.parse(data)
  if not header or header.length + HEADER_LEN > #data then return nil end
  local content = string.sub(data, 1, HEADER_LEN + header.length)
  local response, pos = { header = header, attributes = {} }, HEADER_LEN + 1
  while pos <= #content do
    local attribute
    attribute, pos = Attribute.parse(content, pos, header.trans_id)
    if not attribute then break end
    response.attributes[#response.attributes + 1] = attribute
  end
  return response
end

Comm = {}

--- Makes a connection, not open yet.
-- @param host The host table.
-- @param port The port table.
-- @param options Table with <code>timeout</code> in milliseconds.
-- @return The connection.
function Comm:new (host, port, options)
  local o = { host = host, port = port, options = options or {} }
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Opens the connection.
-- @return True, or false and an error.
function Comm:connect ()
  self.socket = nmap.new_socket(type(self.port) == "table" and self.port.protocol or "udp")
  self.socket:set_timeout(self.options.timeout or math.max(stdnse.get_timeout(self.host), 1000))
  return self.socket:connect(self.host, self.port)
end

--- Closes the connection.
function Comm:close ()
  self.socket:close()
end

--- Sends octets.
-- @param data The octets.
-- @return True, or false and an error.
function Comm:send (data)
  return self.socket:send(tostring(data))
end

--- Receives a message.
-- @return True and the answer, or false and an error.
function Comm:recv ()
  local status, data
  if type(self.port) == "table" and self.port.protocol == "tcp" then
    status, data = self.socket:receive_buf(match.numbytes(HEADER_LEN), true)
    local header = status and Header.parse(data)
    if status and not header then return false, "the answer is none" end
    if header and header.length > 0 then
      local more
      status, more = self.socket:receive_buf(match.numbytes(header.length), true)
      data = status and data .. more or more
    end
  else
    status, data = self.socket:receive()
  end
  if not status then return false, data end
  local response = Response.Bind.parse(data)
  if not response then return false, "the answer is none" end
  return true, response
end

--- Sends a request and waits for the answer, again if none comes.
-- @param req The request.
-- @return True and the answer, or false and an error.
function Comm:exch (req)
  local err
  for _ = 1, TRIES do
    local status
    status, err = self:send(req)
    if not status then break end
    local response
    status, response = self:recv()
    if status and response.header.trans_id == req.header.trans_id then return true, response end
    err = status and "the answer is to something else" or response
    if type(self.port) == "table" and self.port.protocol == "tcp" then break end
  end
  return false, err
end

Helper = {}

--- Makes a helper for a server.
-- @param host The host table.
-- @param port The port table.
-- @param options Table with <code>timeout</code> in milliseconds.
-- @param mode See argument <code>stun.mode</code>.
-- @return The helper.
function Helper:new (host, port, options, mode)
  local o = {
    comm = Comm:new(host, port, options),
    mode = mode or stdnse.get_script_args("stun.mode") or "modern",
    cache = {},
  }
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Connects.
-- @return True, or false and an error.
function Helper:connect ()
  return self.comm:connect()
end

--- Disconnects.
function Helper:close ()
  self.comm:close()
end

local function bind (helper)
  if helper.cache.response then return true, helper.cache.response end
  local trans_id
  if helper.mode == "classic" then trans_id = rand.random_string(16) end
  local status, response = helper.comm:exch(Request.Bind:new(trans_id))
  if not status then return false, response end
  if response.header.type ~= MessageType.BINDING_RESPONSE then return false, "the server refuses" end
  helper.cache.response = response
  return true, response
end

--- Asks from which address our packets come.
-- @return True and the address, or false and an error.
-- @return The port.
function Helper:getExternalAddress ()
  local status, response = bind(self)
  if not status then return false, response end
  local found
  for _, attribute in ipairs(response.attributes) do
    if attribute.type == Attribute.XOR_MAPPED_ADDRESS or attribute.type == Attribute.XOR_MAPPED_ADDRESS_OLD then
      found = attribute
      break
    end
    if attribute.type == Attribute.MAPPED_ADDRESS then found = attribute end
  end
  if not found or not found.ip then return false, "the answer has no address" end
  return true, found.ip, found.port
end

--- Asks what the server calls itself.
-- @return True and the text, nil if it does not say; or false and an error.
function Helper:getVersion ()
  local status, response = bind(self)
  if not status then return false, response end
  for _, attribute in ipairs(response.attributes) do
    if attribute.server then return true, attribute.server end
  end
  return true, nil
end

return _ENV
