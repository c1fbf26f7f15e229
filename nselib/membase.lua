---
-- The binary protocol of memcached and Membase, as far as it is needed to log in.
--
-- The source is memcached's "Binary Protocol" and "SASL Authentication".
--
-- @usage
-- local helper = membase.Helper:new(host, port)
-- helper:connect()
-- local status, mechanisms = helper:getSASLMechList()
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local nmap = require "nmap"
local sasl = require "sasl"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("membase", stdnse.seeall)

local TIMEOUT_MS = 10000
local BODY_LEN_MAX = 1048576

-- Magic, operation, lengths of key and extras, kind of data, status, length of all, number, version: 24 bytes.
local HEAD = ">BBI2BBI2I4I4I8"

--- Packets.
-- @class table
-- @name TAP
TAP = {
  --- Numbers of operations.
  Op = { LIST_SASL_MECHS = 0x20, AUTHENTICATE = 0x21, STEP = 0x22 },
  --- Answers to a login.
  Status = { SUCCESS = 0, AUTH_ERROR = 0x20, CONTINUE = 0x21 },
}

--- A request.
TAP.Request = {}
TAP.Request.__index = TAP.Request

--- Makes a request.
-- @param op The operation.
-- @param key The key.
-- @param value The value.
-- @return The request; <code>tostring</code> makes the bytes.
function TAP.Request:new (op, key, value)
  return setmetatable({ op = op, key = key or "", value = value or "" }, self)
end

function TAP.Request:__tostring ()
  return string.pack(HEAD, 0x80, self.op, #self.key, 0, 0, 0, #self.key + #self.value, 0, 0) .. self.key .. self.value
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
-- @param socket A socket to use. Default: a new one.
-- @return True or false.
-- @return An error.
function Helper:connect (socket)
  self.socket = socket or nmap.new_socket()
  self.socket:set_timeout(self.options.timeout or TIMEOUT_MS)
  return self.socket:connect(self.host, self.port)
end

--- Sends a request and reads the answer.
-- @param req The request.
-- @return True or false.
-- @return A table with <code>op</code>, <code>status</code> and <code>value</code>, or an error.
function Helper:exch (req)
  local status, err = self.socket:send(tostring(req))
  if not status then return false, err end
  local received, head = self.socket:receive_buf(match.numbytes(24), true)
  if not received then return false, "Failed to receive data" end
  local magic, op, key_len, extras_len, _, code, len = string.unpack(HEAD, head)
  if magic ~= 0x81 then return false, "not an answer of memcached" end
  if len > BODY_LEN_MAX or key_len + extras_len > len then return false, "the length is out of bounds" end
  local body = ""
  if len > 0 then
    received, body = self.socket:receive_buf(match.numbytes(len), true)
    if not received then return false, "Failed to receive data" end
  end
  return true, { op = op, status = code, value = string.sub(body, key_len + extras_len + 1) }
end

--- Asks for the mechanisms.
-- @return True or false.
-- @return Their names with blanks between them, or an error.
function Helper:getSASLMechList ()
  local status, answer = self:exch(TAP.Request:new(TAP.Op.LIST_SASL_MECHS))
  if not status then return false, answer end
  if answer.status ~= TAP.Status.SUCCESS then return false, "the server does not tell its mechanisms" end
  return true, answer.value
end

--- Logs in.
-- @param username The user's name.
-- @param password The password.
-- @param mech The mechanism, <code>PLAIN</code> or <code>CRAM-MD5</code>. Default: one that the server offers.
-- @return True if the login is accepted, else false.
-- @return An error.
function Helper:login (username, password, mech)
  if not mech then
    local status, list = self:getSASLMechList()
    if not status then return false, list end
    for _, name in ipairs({ "CRAM-MD5", "PLAIN" }) do
      if string.find(" " .. list .. " ", " " .. name .. " ", 1, true) then mech = name end
    end
    if not mech then return false, "the server offers no mechanism that is known here" end
  end
  local first = mech == "PLAIN" and "\0" .. username .. "\0" .. password or ""
  local status, answer = self:exch(TAP.Request:new(TAP.Op.AUTHENTICATE, mech, first))
  if status and answer.status == TAP.Status.CONTINUE and mech == "CRAM-MD5" then
    local response = sasl.cram_md5_enc(username, password, answer.value)
    status, answer = self:exch(TAP.Request:new(TAP.Op.STEP, mech, response))
  end
  if not status then return false, answer end
  if answer.status == TAP.Status.SUCCESS then return true end
  return false, "Authentication failed"
end

--- Closes the connection.
-- @return True or false.
function Helper:close ()
  return self.socket:close()
end

return _ENV
