---
-- SOCKS 5 (RFC 1928), with authentication by user and password (RFC 1929).
--
-- @usage
-- local helper = socks.Helper:new(host, port, { timeout = 5000 })
-- local status, response = helper:connect({ socks.AuthMethod.NONE, socks.AuthMethod.USERPASS })
-- if status then print(helper:authNameByNumber(response.method)) end
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("socks", stdnse.seeall)

--- Ways to authenticate: RFC 1928, 3.
-- @class table
-- @name AuthMethod
AuthMethod = { NONE = 0, GSSAPI = 1, USERPASS = 2 }

local NAMES = { [0] = "No authentication", [1] = "GSSAPI", [2] = "Username and password" }
local NONE_ACCEPTABLE = 0xFF

--- What a client sends.
-- @class table
-- @name Request
Request = {}

--- The first message: the methods that the client knows.
Request.Connect = {}
Request.Connect.__index = Request.Connect

function Request.Connect:new (auth_method)
  local methods = type(auth_method) == "table" and auth_method or { auth_method or AuthMethod.NONE }
  return setmetatable({ methods = methods }, self)
end

function Request.Connect:__tostring ()
  return "\5" .. string.pack("s1", string.char(table.unpack(self.methods)))
end

--- User and password: RFC 1929.
Request.Authenticate = {}
Request.Authenticate.__index = Request.Authenticate

function Request.Authenticate:new (creds)
  return setmetatable({ creds = creds or {} }, self)
end

function Request.Authenticate:__tostring ()
  local user, password = self.creds.username or "", self.creds.password or ""
  return "\1" .. string.pack("s1s1", string.sub(user, 1, 255), string.sub(password, 1, 255))
end

--- What a server sends.
-- @class table
-- @name Response
Response = {}

-- Both answers are two bytes: the version and a value.
local function two_bytes (class, data, field)
  if #data < 2 then return nil end
  local version, value = string.byte(data, 1, 2)
  return setmetatable({ version = version, [field] = value }, class)
end

--- The method that the server chose.
Response.Connect = {}
Response.Connect.__index = Response.Connect
function Response.Connect:new (data) return two_bytes(self, data, "method") end
Response.Connect.parse = Response.Connect.new

--- Whether user and password are right.
Response.Authenticate = { Status = { SUCCESS = 0, FAIL = 1 } }
Response.Authenticate.__index = Response.Authenticate
function Response.Authenticate:new (data) return two_bytes(self, data, "status") end
Response.Authenticate.parse = Response.Authenticate.new
function Response.Authenticate:isSuccess () return self.status == self.Status.SUCCESS end

--- A connection to a server.
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

-- Two bytes of the answer to a message.
function Helper:exchange (message)
  local status, data = self.socket:send(tostring(message))
  if not status then return nil, data end
  status, data = self.socket:receive_bytes(2)
  if not status then return nil, data end
  return data
end

--- Connects and offers ways to authenticate.
-- @name Helper.connect
-- @class function
-- @param auth_method A number of <code>AuthMethod</code>, or an array of them. Default: none.
-- @param socket A socket to use. Default: a new one.
-- @return True and the response, with the <code>method</code> that the server chose; or false and a message.
function Helper:connect (auth_method, socket)
  self.socket = socket or nmap.new_socket()
  self.socket:set_timeout(self.options.timeout or 10000)
  local status, err = self.socket:connect(self.host, self.port)
  if not status then return false, err end
  local data, reason = self:exchange(Request.Connect:new(auth_method))
  if not data then return false, reason end
  local response = Response.Connect:new(data)
  if not response or response.version ~= 5 then return false, "The server does not speak SOCKS 5" end
  if response.method == NONE_ACCEPTABLE then return false, "The server accepts none of the methods" end
  return true, response
end

--- Authenticates by user and password.
-- @name Helper.authenticate
-- @class function
-- @param creds Table with <code>username</code> and <code>password</code>.
-- @return True, or false and a message.
function Helper:authenticate (creds)
  local data, reason = self:exchange(Request.Authenticate:new(creds))
  if not data then return false, reason end
  local response = Response.Authenticate:new(data)
  if not response then return false, "The answer is too short" end
  if not response:isSuccess() then return false, "Authentication failed" end
  return true, response
end

--- The name of a method.
-- @name Helper.authNameByNumber
-- @class function
-- @param method The number.
-- @return The name.
function Helper:authNameByNumber (method)
  return NAMES[method] or string.format("Unknown method (%d)", method)
end

--- Closes the connection.
-- @name Helper.close
-- @class function
function Helper:close () return self.socket:close() end

return _ENV
