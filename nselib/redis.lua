---
-- The protocol of Redis clients (RESP).
--
-- @usage
-- local helper = redis.Helper:new(host, port)
-- local status, err = helper:connect()
-- local status, response = helper:reqCmd("INFO")
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("redis", stdnse.seeall)

local LINE_LEN_MAX = 65536
local BULK_LEN_MAX = 64 * 1024 * 1024
local ITEMS_MAX = 1048576
local DEPTH_MAX = 16

--- A command and its arguments.
-- @class table
-- @name Request
Request = {}
Request.__index = Request

--- Makes a request.
-- @param cmd The command.
-- @param ... Its arguments.
-- @return The request; <code>tostring</code> makes the bytes.
function Request:new (cmd, ...)
  return setmetatable({ cmd = cmd, args = { ... } }, self)
end

function Request:__tostring ()
  local out = { ("*%d\r\n$%d\r\n%s\r\n"):format(#self.args + 1, #self.cmd, self.cmd) }
  for _, arg in ipairs(self.args) do
    arg = tostring(arg)
    out[#out + 1] = ("$%d\r\n%s\r\n"):format(#arg, arg)
  end
  return table.concat(out)
end

--- Reads replies.
-- @class table
-- @name Response
Response = {
  --- Kinds of replies.
  Type = {
    STATUS = 0,
    ERROR = 1,
    INTEGER = 2,
    BULK = 3,
    MULTIBULK = 4,
  },
}
Response.__index = Response

--- Makes a reader.
-- @param socket A connected socket.
-- @return The reader.
function Response:new (socket)
  return setmetatable({ socket = socket }, self)
end

local function line (socket)
  local status, data = socket:receive_buf(match.pattern_limit("\r\n", LINE_LEN_MAX), false)
  if not status then return nil, data end
  return data
end

local function receive_value (socket, depth)
  local text, err = line(socket)
  if not text then return false, err end
  local sign, rest = string.sub(text, 1, 1), string.sub(text, 2)
  if sign == "+" then return true, { data = text, type = Response.Type.STATUS } end
  if sign == "-" then return true, { data = text, type = Response.Type.ERROR } end
  if sign == ":" then return true, { data = text, type = Response.Type.INTEGER } end
  local len = tonumber(rest)
  if (sign ~= "$" and sign ~= "*") or not len or math.type(len) ~= "integer" then
    return false, "Unsupported response"
  end
  -- A negative length is "there is none".
  if len < 0 then return true, nil end
  if sign == "$" then
    if len > BULK_LEN_MAX then return false, "the reply is too long" end
    local status, data = socket:receive_buf(match.numbytes(len + 2), true)
    if not status then return false, data end
    return true, { data = string.sub(data, 1, len), type = Response.Type.BULK }
  end
  if len > ITEMS_MAX or depth >= DEPTH_MAX then return false, "the reply is too long" end
  local list = {}
  for i = 1, len do
    local status, item = receive_value(socket, depth + 1)
    if not status then return false, item end
    list[i] = item and item.data or false
  end
  return true, { data = list, type = Response.Type.MULTIBULK }
end

--- Reads one reply.
-- @return True or false.
-- @return A table with <code>type</code> and <code>data</code>: the whole line for a status, an error or a number, a string,
--         or an array; nil for "there is none". Or an error.
function Response:receive ()
  return receive_value(self.socket, 1)
end

--- What scripts use.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @return The helper.
function Helper:new (host, port)
  return setmetatable({ host = host, port = port }, self)
end

--- Connects.
-- @return True or false.
-- @return An error.
function Helper:connect ()
  self.socket = nmap.new_socket()
  self.socket:set_timeout(stdnse.get_timeout(self.host, 10000, 5000))
  return self.socket:connect(self.host, self.port)
end

--- Sends a command and reads the reply.
-- @param cmd The command.
-- @param ... Its arguments.
-- @return True or false.
-- @return A reply as <code>Response:receive</code> returns it, or an error.
function Helper:reqCmd (cmd, ...)
  local status, err = self.socket:send(tostring(Request:new(cmd, ...)))
  if not status then return false, err end
  return Response:new(self.socket):receive()
end

--- Closes the connection.
-- @return True or false.
function Helper:close ()
  return self.socket:close()
end

return _ENV
