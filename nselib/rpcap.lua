---
-- Remote packet capture (RPCAP, of libpcap and WinPcap): logging on and listing interfaces.
--
-- @usage
-- local helper = rpcap.Helper:new(host, port)
-- helper:connect()
-- helper:login(username, password)
-- local status, interfaces = helper:findAllInterfaces()
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local match = require "match"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("rpcap", stdnse.seeall)

local TIMEOUT_MS = 10000
local HEADER_LEN = 8
local ANSWER_LEN_MAX = 1024 * 1024
local VERSION = 0
-- A socket's address takes up that much, whatever its family.
local ADDRESS_LEN = 128

--- Kinds of messages. Answers have 128 added.
RPCAP = {
  MessageType = { ERROR = 1, FIND_ALL_IF = 2, OPEN = 3, START_CAPTURE = 4, UPDATE_FILTER = 5, CLOSE = 6, PACKET = 7,
    AUTH = 8, STATS = 9, END_CAPTURE = 10, SET_SAMPLING = 11 },
  AuthType = { NULL = 0, PASSWORD = 1 },
}

--- A connection.
Comm = {}
Comm.__index = Comm

--- Makes a connection; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @param socket A socket to use. Default: a new one.
-- @return The connection.
function Comm:new (host, port, socket)
  return setmetatable({ host = host, port = port, socket = socket or nmap.new_socket() }, self)
end

--- Connects.
-- @return True, or false and an error.
function Comm:connect ()
  self.socket:set_timeout(TIMEOUT_MS)
  return self.socket:connect(self.host, self.port)
end

--- Sends a message.
-- @param req Its octets.
-- @return True, or false and an error.
function Comm:send (req) return self.socket:send(req) end

--- Receives a message.
-- @return True and a table with <code>version</code>, <code>type</code>, <code>value</code> and <code>data</code>; or
--         false and an error.
function Comm:recv ()
  local status, head = self.socket:receive_buf(match.numbytes(HEADER_LEN), true)
  if not status then return false, head end
  local message = {}
  local len
  message.version, message.type, message.value, len = string.unpack(">BBI2I4", head)
  if len > ANSWER_LEN_MAX then return false, "the answer is too long" end
  message.data = ""
  if len > 0 then
    status, message.data = self.socket:receive_buf(match.numbytes(len), true)
    if not status then return false, message.data end
  end
  return true, message
end

--- Sends a message and receives its answer.
-- @param req The message's octets.
-- @return See <code>recv</code>. What the server says of an error is the error.
function Comm:exch (req)
  local status, answer = self:send(req)
  if not status then return false, answer end
  status, answer = self:recv()
  if not status then return false, answer end
  if answer.type == RPCAP.MessageType.ERROR then return false, answer.data end
  if answer.type ~= string.byte(req, 2) | 0x80 then return false, "the answer is to something else" end
  return true, answer
end

--- Closes the connection.
-- @return True, or false and an error.
function Comm:close () return self.socket:close() end

local function message (kind, data) return string.pack(">BBI2I4", VERSION, kind, 0, #data) .. data end

-- The addresses of families 2 (IP) and 10, 23, 28 and 30 (IP version 6 of Linux, Windows and the BSDs).
local IPV6 = { [10] = true, [23] = true, [28] = true, [30] = true }

local function address (octets)
  local family = string.unpack(">I2", octets)
  if family == 2 then return ipOps.str_to_ip(string.sub(octets, 5, 8)) end
  if IPV6[family] then return ipOps.str_to_ip(string.sub(octets, 9, 24)) end
  return nil
end

-- One interface: a table as scripts print it, and the position after it.
local function read_interface (data, pos)
  local name_len, text_len, _, count, after = string.unpack(">I2I2I4I2xx", data, pos)
  local name, text
  name, text, after = string.unpack(("c%dc%d"):format(name_len, text_len), data, after)
  local addresses = {}
  for _ = 1, count do
    -- The address, its mask, the one of all neighbours, and the other end's.
    local own
    own, after = string.unpack("c" .. ADDRESS_LEN, data, after)
    after = after + 3 * ADDRESS_LEN
    addresses[#addresses + 1] = address(own)
  end
  local result = { name = name, text }
  if #addresses > 0 then result[#result + 1] = { name = "Addresses", addresses } end
  return result, after
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
function Helper:connect () return self.comm:connect() end

--- Logs on.
-- @param username The user, nil for nobody in particular.
-- @param password The password.
-- @return True, or false and an error.
function Helper:login (username, password)
  local kind = username and RPCAP.AuthType.PASSWORD or RPCAP.AuthType.NULL
  local user, word = username or "", password or ""
  local data = string.pack(">I2I2I2I2", kind, 0, #user, #word) .. user .. word
  local status, answer = self.comm:exch(message(RPCAP.MessageType.AUTH, data))
  if not status then return false, answer end
  return true
end

--- Lists the interfaces of the host.
-- @return True and a list of tables with <code>name</code>, and as entries what it is and a table of its addresses, as
--         <code>stdnse.format_output</code> prints it; or false and an error.
function Helper:findAllInterfaces ()
  local status, answer = self.comm:exch(message(RPCAP.MessageType.FIND_ALL_IF, ""))
  if not status then return false, answer end
  local interfaces, pos = {}, 1
  for _ = 1, answer.value do
    local ok, interface, after = pcall(read_interface, answer.data, pos)
    if not ok then return false, "the answer is malformed" end
    interfaces[#interfaces + 1], pos = interface, after
  end
  return true, interfaces
end

--- Closes the connection.
-- @return True, or false and an error.
function Helper:close () return self.comm:close() end

return _ENV
