---
-- The protocol of PostgreSQL clients, version 3: TLS, logging in with a password in the clear, MD5 or SCRAM-SHA-256.
--
-- The source is the chapter "Frontend/Backend Protocol" of PostgreSQL's manual, and RFC 5802 and 7677 for SCRAM.
--
-- @usage
-- local pg = pgsql.detectVersion(host, port)
-- local status, response = pg.sendStartup(socket, "postgres", "postgres")
-- status, response = pg.loginRequest(socket, response, "postgres", "secret", response.salt)
--
-- @args pgsql.version Force a version of the protocol: <code>3</code> is the only one known.
-- @args pgsql.nossl Do not try TLS.
--
-- @copyright MIT OR Apache-2.0

local base64 = require "base64"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local openssl = stdnse.silent_require "openssl"
_ENV = stdnse.module("pgsql", stdnse.seeall)

-- Longer messages are refused.
local MESSAGE_LEN_MAX = 1048576

-- Servers choose 4,096; more than this would keep us busy.
local ITERATIONS_MAX = 100000

--- Types of messages: the byte in front of each.
-- @class table
-- @name MessageType
MessageType = {
  Error = 0x45,
  BackendKeyData = 0x4b,
  AuthRequest = 0x52,
  ParameterStatus = 0x53,
  ReadyForQuery = 0x5a,
  PasswordMessage = 0x70,
  NoticeResponse = 0x4e,
  NegotiateProtocolVersion = 0x76,
}

--- What a server asks for.
-- @class table
-- @name AuthenticationType
AuthenticationType = {
  Success = 0,
  Plain = 3,
  MD5 = 5,
  SASL = 10,
  SASLContinue = 11,
  SASLFinal = 12,
}

--- The answer to a request for MD5.
-- @param username The user's name.
-- @param password The password.
-- @param salt The server's salt.
-- @return The answer, without its "md5" in front.
function createMD5LoginHash (username, password, salt)
  local inner = stdnse.tohex(openssl.md5(password .. username))
  return stdnse.tohex(openssl.md5(inner .. salt))
end

--- Writes a server's error to the log.
-- @param dberror A table with <code>error</code>.
function printErrorMessage (dberror)
  if not dberror then return end
  for key, value in pairs(dberror.error or {}) do stdnse.debug1("%s: %s", key, value) end
end

--- Asks for TLS. The handshake is left to the caller: <code>socket:reconnect_ssl()</code>.
-- @param socket A connected socket.
-- @return True if the server is ready for the handshake, else false.
function requestSSL (socket)
  local status = socket:send(string.pack(">I4I4", 8, 80877103))
  if not status then return false end
  local received, data = socket:receive_bytes(1)
  return received == true and string.sub(data, 1, 1) == "S"
end

-- SCRAM -----------------------------------------------------------------------------------------------------------

local function xor (a, b)
  local out = {}
  for i = 1, #a do out[i] = string.char(string.byte(a, i) ~ string.byte(b, i)) end
  return table.concat(out)
end

-- PBKDF2 with HMAC-SHA-256, one block (RFC 5802, 2.2).
local function salted_password (password, salt, iterations)
  local u = openssl.hmac("sha256", password, salt .. "\0\0\0\1")
  local result = u
  for _ = 2, iterations do
    u = openssl.hmac("sha256", password, u)
    result = xor(result, u)
  end
  return result
end

-- The client's last message, made of its first one and the server's.
local function scram_final (password, first_bare, server_first)
  local nonce, salt, iterations = string.match(server_first, "^r=([^,]+),s=([%w+/=]+),i=(%d+)")
  iterations = tonumber(iterations)
  local own = string.match(first_bare, "r=(.*)$")
  if not iterations or iterations < 1 or iterations > ITERATIONS_MAX or string.sub(nonce, 1, #own) ~= own then return nil end
  local salted = salted_password(password, base64.dec(salt) or "", iterations)
  local client_key = openssl.hmac("sha256", salted, "Client Key")
  local without_proof = "c=biws,r=" .. nonce
  local message = first_bare .. "," .. server_first .. "," .. without_proof
  local signature = openssl.hmac("sha256", openssl.digest("sha256", client_key), message)
  return without_proof .. ",p=" .. base64.enc(xor(client_key, signature))
end

-- Version 3 -------------------------------------------------------------------------------------------------------

--- Version 3 of the protocol.
-- @class table
-- @name v3
v3 = {}

--- Reads the head of a message.
-- @param data Bytes received.
-- @param pos Where to start.
-- @return Where the message's body begins; -1 if the head is not there.
-- @return A table with <code>type</code> and <code>len</code>, the length with its own four bytes.
function v3.decodeHeader (data, pos)
  if #data - pos + 1 < 5 then return -1, nil end
  local kind, len, after = string.unpack(">BI4", data, pos)
  return after, { type = kind, len = len }
end

-- The fields of an error, by the names of their letters.
local ERROR_FIELDS = { S = "severity", V = "severity", C = "code", M = "message", D = "detail", H = "hint", P = "position",
  F = "file", L = "line", R = "routine" }

local function parse_error (body)
  local fields = {}
  for letter, text in string.gmatch(body, "(%a)([^%z]*)%z") do
    local name = ERROR_FIELDS[letter]
    if name then fields[name] = text end
  end
  return fields
end

v3.messageDecoder = {
  [MessageType.AuthRequest] = function (body)
    local authtype, pos = string.unpack(">I4", body)
    local response = { type = MessageType.AuthRequest, authtype = authtype }
    if authtype == AuthenticationType.MD5 then
      response.salt = string.unpack("c4", body, pos)
    else
      response.data = string.sub(body, pos)
    end
    return true, response
  end,
  [MessageType.ParameterStatus] = function (body)
    local name, value = string.unpack("zz", body)
    return true, { type = MessageType.ParameterStatus, parameter = { name = name, value = value } }
  end,
  [MessageType.Error] = function (body)
    return true, { type = MessageType.Error, error = parse_error(body) }
  end,
  [MessageType.BackendKeyData] = function () return true, { type = MessageType.BackendKeyData } end,
  [MessageType.ReadyForQuery] = function () return true, { type = MessageType.ReadyForQuery } end,
}

--- Reads more until a whole message is there.
-- @param socket The socket.
-- @param data Bytes received so far.
-- @param pos Where the message starts.
-- @return True or false.
-- @return All bytes, or an error.
function v3.readPacket (socket, data, pos)
  data, pos = data or "", pos or 1
  while true do
    local after, header = v3.decodeHeader(data, pos)
    if header then
      if header.len < 4 or header.len > MESSAGE_LEN_MAX then return false, "the message's length is out of bounds" end
      if #data - after + 1 >= header.len - 4 then return true, data end
    end
    local status, more = socket:receive()
    if not status then return false, more end
    data = data .. more
  end
end

--- Reads one message.
-- @param data Bytes received.
-- @param pos Where the message starts.
-- @return Where the next one starts.
-- @return A table with <code>type</code> and what the message holds; or nil and an error.
function v3.processResponse (data, pos)
  local after, header = v3.decodeHeader(data, pos or 1)
  if not header or header.len < 4 then return pos, nil, "the message is cut off" end
  local stop = after + header.len - 4
  local body = string.sub(data, after, stop - 1)
  local decoder = v3.messageDecoder[header.type]
  if not decoder then return stop, { type = header.type, data = body } end
  local ok, _, response = pcall(decoder, body)
  if not ok then return stop, nil, "the message is not understood" end
  return stop, response
end

-- The next message that is not a mere notice.
local function next_message (socket, data, pos)
  while true do
    local status, all = v3.readPacket(socket, data, pos)
    if not status then return nil, nil, nil, all end
    local stop, response, err = v3.processResponse(all, pos)
    if not response then return nil, nil, nil, err end
    data, pos = string.sub(all, stop), 1
    if response.type ~= MessageType.NoticeResponse and response.type ~= MessageType.NegotiateProtocolVersion then
      return response, data, pos
    end
  end
end

--- Begins a session.
-- @param socket A connected socket.
-- @param user The user's name.
-- @param database The database's name.
-- @return True, or false.
-- @return A table with <code>authtype</code> and, for MD5, <code>salt</code>; or the server's error as text.
function v3.sendStartup (socket, user, database)
  local body = string.pack(">I4zzzzx", 0x30000, "user", user, "database", database)
  local status, err = socket:send(string.pack(">I4", #body + 4) .. body)
  if not status then return false, err end
  local response, rest, _, failure = next_message(socket, "", 1)
  if not response then return false, failure end
  if response.type == MessageType.Error then return false, response.error.message or "the server reports an error", response end
  if response.type ~= MessageType.AuthRequest then return false, "the server did not ask for a password" end
  response.rest = rest ~= "" and rest or nil
  return true, response
end

local function send_message (socket, kind, body)
  return socket:send(string.pack(">BI4", kind, #body + 4) .. body)
end

-- Reads what a server sends after a login: its parameters.
local function read_parameters (socket, data)
  local parameters = {}
  while true do
    local response, rest, _, err = next_message(socket, data, 1)
    if not response or response.type == MessageType.ReadyForQuery then return true, { parameters } end
    if response.type == MessageType.Error then return false, response.error.message end
    if response.parameter and #parameters < 1000 then parameters[#parameters + 1] = response.parameter end
    data = rest
  end
end

--- Logs in.
-- @param socket The socket, after <code>sendStartup</code>.
-- @param params What <code>sendStartup</code> returned.
-- @param username The user's name.
-- @param password The password.
-- @param salt The server's salt, for MD5.
-- @return True if the login is accepted, else false.
-- @return An array with the array of the server's parameters, each with <code>name</code> and <code>value</code>; or an error.
function v3.loginRequest (socket, params, username, password, salt)
  local authtype = params.authtype
  if authtype == AuthenticationType.Success then return read_parameters(socket, params.rest or "") end
  local first_bare, status, err
  if authtype == AuthenticationType.Plain then
    status, err = send_message(socket, MessageType.PasswordMessage, password .. "\0")
  elseif authtype == AuthenticationType.MD5 then
    status, err = send_message(socket, MessageType.PasswordMessage,
      "md5" .. createMD5LoginHash(username, password, salt or params.salt) .. "\0")
  elseif authtype == AuthenticationType.SASL then
    if not string.find(params.data or "", "SCRAM-SHA-256\0", 1, true) then
      return false, "the server offers no method that is known here"
    end
    first_bare = "n=,r=" .. base64.enc(openssl.rand_bytes(18))
    local first = "n,," .. first_bare
    status, err = send_message(socket, MessageType.PasswordMessage, string.pack(">zs4", "SCRAM-SHA-256", first))
  else
    return false, "the server asks for a kind of login that is not known here: " .. tostring(authtype)
  end
  if not status then return false, err end

  local data = ""
  for _ = 1, 10 do
    local response, rest, _, failure = next_message(socket, data, 1)
    if not response then return false, failure end
    data = rest
    if response.type == MessageType.Error then return false, response.error.message or "the server reports an error" end
    if response.type ~= MessageType.AuthRequest then return false, "the answer to the login is not understood" end
    if response.authtype == AuthenticationType.Success then return read_parameters(socket, data) end
    if response.authtype == AuthenticationType.SASLContinue and first_bare then
      local final = scram_final(password, first_bare, response.data)
      if not final then return false, "the server's challenge is not understood" end
      status, err = send_message(socket, MessageType.PasswordMessage, final)
      if not status then return false, err end
    elseif response.authtype ~= AuthenticationType.SASLFinal then
      return false, "the answer to the login is not understood"
    end
  end
  return false, "the login does not end"
end

--- Finds out which version of the protocol a server speaks.
-- @param host The host table.
-- @param port The port table.
-- @return A table of functions: <code>v3</code>. Servers before 7.4, which is from 2003, spoke another one.
function detectVersion (host, port)
  return v3
end

return _ENV
