---
-- Network Data Management Protocol (NDMP, version 4 and what it shares with 2 and 3): what a backup server says of
-- itself, its host and its file systems.
--
-- @usage
-- local helper = ndmp.Helper:new(host, port)
-- helper:connect()
-- local status, answer = helper:getServerInfo()
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local nmap = require "nmap"
local os = require "os"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("ndmp", stdnse.seeall)

local TIMEOUT_MS = 10000
local HEADER_LEN = 24
local MESSAGE_LEN_MAX = 1024 * 1024
-- The server may tell things between answers; more often than this it says nothing else.
local NOTICES_MAX = 20

-- Helpers of helpers.
Util = {}

--- Reads a text (XDR, RFC 4506, 4.11). Raises if it is cut off.
-- @param data The octets.
-- @param pos Where it begins.
-- @return The position after it, and the text.
function Util.parseString (data, pos)
  local text, after = string.unpack(">s4", data, pos)
  return after + -#text % 4, text
end

-- Reads texts one after the other: a table of them by name, and the position after them.
local function texts (data, pos, ...)
  local found = {}
  for _, name in ipairs({ ... }) do pos, found[name] = Util.parseString(data, pos) end
  return found, pos
end

-- One file system: the table and the position after it.
local function read_fs (data, pos)
  local unsupported
  unsupported, pos = string.unpack(">I4", data, pos)
  local fs
  fs, pos = texts(data, pos, "fs_type", "fs_logical_device", "fs_physical_device")
  fs.unsupported = unsupported
  local count
  fs.total_size, fs.used_size, fs.avail_size, fs.total_inodes, fs.used_inodes, count, pos =
    string.unpack(">I8I8I8I8I8I4", data, pos)
  fs.env = {}
  for _ = 1, count do
    local pair
    pair, pos = texts(data, pos, "name", "value")
    fs.env[#fs.env + 1] = pair
  end
  pos, fs.status = Util.parseString(data, pos)
  return fs, pos
end

-- What answers hold, by the message's number. Each function gets the answer to fill and the octets after the error.
local READERS = {
  [0x0100] = function (answer, data)
    answer.hostinfo = texts(data, 1, "hostname", "ostype", "osver", "hostid")
  end,
  [0x0105] = function (answer, data)
    local count, pos = string.unpack(">I4", data)
    answer.fsinfo = {}
    for i = 1, count do answer.fsinfo[i], pos = read_fs(data, pos) end
  end,
  [0x0108] = function (answer, data)
    answer.serverinfo = texts(data, 1, "vendor", "product", "version")
  end,
}

--- Messages.
NDMP = {
  --- Kinds.
  MessageType = { REQUEST = 0, RESPONSE = 1, CONFIG_GET_HOST_INFO = 0x0100, CONFIG_GET_FS_INFO = 0x0105,
    CONFIG_GET_AUTH_ATTR = 0x0103, CONFIG_GET_SERVER_INFO = 0x0108, CONNECT_OPEN = 0x0900, CONNECT_CLIENT_AUTH = 0x0901,
    CONNECT_CLOSE = 0x0902, NOTIFY_CONNECTION_STATUS = 0x0502 },
  --- Errors.
  ErrorType = { NO_ERROR = 0, NOT_SUPPORTED_ERROR = 1, DEVICE_BUSY_ERROR = 2, DEVICE_OPENED_ERROR = 3,
    NOT_AUTHORIZED_ERROR = 4, PERMISSION_ERROR = 5, DEV_NOT_OPEN_ERROR = 6, IO_ERROR = 7, TIMEOUT_ERROR = 8,
    ILLEGAL_ARGS_ERROR = 9 },
  Message = {},
}
NDMP.Message.__index = NDMP.Message

--- Makes a request.
-- @param code Its number.
-- @param sequence The number the answer repeats.
-- @param data The octets.
-- @return The request; <code>tostring</code> makes its octets.
function NDMP.Message:new (code, sequence, data)
  return setmetatable({ code = code, sequence = sequence, data = data or "" }, self)
end

function NDMP.Message:__tostring ()
  local body = string.pack(">I4I4I4I4I4I4", self.sequence, os.time() & 0xffffffff, 0, self.code, 0, 0) .. self.data
  -- The first bit says that the message ends here (RFC 5531, 11).
  return string.pack(">I4", #body | 0x80000000) .. body
end

--- Reads an answer.
-- @param data Its octets, without the length.
-- @return Table with <code>header</code> (<code>sequence</code>, <code>time</code>, <code>type</code>,
--         <code>msg</code>, <code>reply_seq</code>, <code>error</code>) and what that answer holds:
--         <code>hostinfo</code>, <code>fsinfo</code> or <code>serverinfo</code>; nil if it is malformed.
function NDMP.Message.parse (data)
  if #data < HEADER_LEN then return nil end
  local answer = { header = {} }
  local header = answer.header
  header.sequence, header.time, header.type, header.msg, header.reply_seq, header.error =
    string.unpack(">I4I4I4I4I4I4", data)
  answer.data = string.sub(data, HEADER_LEN + 1)
  local read = header.type == 1 and READERS[header.msg]
  if not read or header.error ~= 0 then return answer end
  local code = #answer.data >= 4 and string.unpack(">I4", answer.data)
  if not code then return nil end
  if code ~= 0 then
    header.error = code
    return answer
  end
  if not pcall(read, answer, string.sub(answer.data, 5)) then return nil end
  return answer
end

--- A connection.
Comm = {}
Comm.__index = Comm

--- Makes a connection; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @return The connection.
function Comm:new (host, port) return setmetatable({ host = host, port = port, sequence = 0 }, self) end

--- Connects.
-- @return True, or false and an error.
function Comm:connect ()
  self.socket = nmap.new_socket()
  self.socket:set_timeout(TIMEOUT_MS)
  return self.socket:connect(self.host, self.port)
end

--- Receives a message, whose pieces are put together.
-- @return True and the octets, or false and an error.
function Comm:sock_recv ()
  local parts, size = {}, 0
  repeat
    local status, head = self.socket:receive_buf(match.numbytes(4), true)
    if not status then return false, head end
    local word = string.unpack(">I4", head)
    local len = word & 0x7fffffff
    size = size + len
    if len == 0 or size > MESSAGE_LEN_MAX then return false, "the message's length is out of bounds" end
    local data
    status, data = self.socket:receive_buf(match.numbytes(len), true)
    if not status then return false, data end
    parts[#parts + 1] = data
  until word & 0x80000000 ~= 0
  return true, table.concat(parts)
end

--- Receives an answer; what the server tells of its own accord is passed over.
-- @return True and the answer, or false and an error.
function Comm:recv ()
  for _ = 1, NOTICES_MAX do
    local status, data = self:sock_recv()
    if not status then return false, data end
    local answer = NDMP.Message.parse(data)
    if not answer then return false, "the answer is malformed" end
    if answer.header.type == NDMP.MessageType.RESPONSE then return true, answer end
  end
  return false, "the server sends no answer"
end

--- Sends a message.
-- @param msg The message.
-- @return True, or false and an error.
function Comm:send (msg) return self.socket:send(tostring(msg)) end

--- Sends a message and receives its answer.
-- @param msg The message.
-- @return True and the answer, or false and an error.
function Comm:exch (msg)
  local status, err = self:send(msg)
  if not status then return false, err end
  return self:recv()
end

--- Closes the connection.
-- @return True, or false and an error.
function Comm:close () return self.socket:close() end

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

local function ask (self, code)
  self.comm.sequence = self.comm.sequence + 1
  return self.comm:exch(NDMP.Message:new(code, self.comm.sequence))
end

--- Asks for the server's file systems.
-- @return True and an answer with <code>fsinfo</code>, a list of tables with <code>fs_type</code>,
--         <code>fs_logical_device</code> and <code>fs_physical_device</code>, if <code>header.error</code> is 0; or
--         false and an error.
function Helper:getFsInfo () return ask(self, NDMP.MessageType.CONFIG_GET_FS_INFO) end

--- Asks for the host.
-- @return True and an answer with <code>hostinfo</code> (<code>hostname</code>, <code>ostype</code>,
--         <code>osver</code>, <code>hostid</code>); or false and an error.
function Helper:getHostInfo () return ask(self, NDMP.MessageType.CONFIG_GET_HOST_INFO) end

--- Asks for the server's program.
-- @return True and an answer with <code>serverinfo</code> (<code>vendor</code>, <code>product</code>,
--         <code>version</code>); or false and an error.
function Helper:getServerInfo () return ask(self, NDMP.MessageType.CONFIG_GET_SERVER_INFO) end

--- Closes the connection.
-- @return True, or false and an error.
function Helper:close () return self.comm:close() end

return _ENV
