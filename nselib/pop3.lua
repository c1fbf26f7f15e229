---
-- POP3 (RFC 1939): capabilities (RFC 2449) and the ways to log in (RFC 5034).
--
-- The functions that log in return true, or false and one of the numbers of <code>err</code>.
--
-- @copyright MIT OR Apache-2.0

local base64 = require "base64"
local comm = require "comm"
local sasl = require "sasl"
local stdnse = require "stdnse"
local string = require "string"
local openssl = stdnse.silent_require "openssl"
_ENV = stdnse.module("pop3", stdnse.seeall)

local REPLY_LEN_MAX = 65536

--- Why a login failed.
-- @class table
-- @name err
err = {
  none = 0,
  userError = 1,
  pwError = 2,
  informationMissing = 3,
  OpenSSLMissing = 4,
}

--- Tells whether a reply means success.
-- @param line The reply.
-- @return <code>+OK</code>, or nil.
function stat (line)
  return string.match(line or "", "^%+OK")
end

local function exchange (socket, line)
  local status, failure = socket:send(line .. "\r\n")
  if not status then return nil, failure end
  local received, reply = socket:receive_lines(1)
  if not received then return nil, reply end
  return reply
end

-- Sends the lines one after the other as long as the server asks for more; an answer may be a function of the challenge.
local function sasl_dialogue (socket, mechanism, answers)
  local reply = exchange(socket, "AUTH " .. mechanism)
  for _, answer in ipairs(answers) do
    local challenge = string.match(reply or "", "^%+ ?([%w+/=]*)\r?\n")
    if not challenge then return false, err.pwError end
    if type(answer) == "function" then answer = answer(base64.dec(challenge) or "") end
    reply = exchange(socket, base64.enc(answer))
  end
  if stat(reply) then return true, err.none end
  return false, err.pwError
end

--- Logs in with <code>USER</code> and <code>PASS</code>.
-- @param socket The socket, after the greeting.
-- @param user The user's name.
-- @param pw The password.
-- @return True or false.
-- @return A number of <code>err</code>.
function login_user (socket, user, pw)
  if not stat(exchange(socket, "USER " .. user)) then return false, err.userError end
  if not stat(exchange(socket, "PASS " .. pw)) then return false, err.pwError end
  return true, err.none
end

--- Logs in with the mechanism PLAIN.
-- @param socket The socket, after the greeting.
-- @param user The user's name.
-- @param pw The password.
-- @return True or false.
-- @return A number of <code>err</code>.
function login_sasl_plain (socket, user, pw)
  return sasl_dialogue(socket, "PLAIN", { "\0" .. user .. "\0" .. pw })
end

--- Logs in with the mechanism LOGIN.
-- @param socket The socket, after the greeting.
-- @param user The user's name.
-- @param pw The password.
-- @return True or false.
-- @return A number of <code>err</code>.
function login_sasl_login (socket, user, pw)
  return sasl_dialogue(socket, "LOGIN", { user, pw })
end

--- Logs in with the mechanism CRAM-MD5.
-- @param socket The socket, after the greeting.
-- @param user The user's name.
-- @param pw The password.
-- @return True or false.
-- @return A number of <code>err</code>.
function login_sasl_crammd5 (socket, user, pw)
  return sasl_dialogue(socket, "CRAM-MD5", {
    function (challenge) return sasl.cram_md5_enc(user, pw, challenge) end,
  })
end

--- Logs in with <code>APOP</code>.
-- @param socket The socket, after the greeting.
-- @param user The user's name.
-- @param pw The password.
-- @param challenge The time stamp of the greeting, with its angle brackets.
-- @return True or false.
-- @return A number of <code>err</code>.
function login_apop (socket, user, pw, challenge)
  if type(challenge) ~= "string" then return false, err.informationMissing end
  local digest = stdnse.tohex(openssl.md5(challenge .. pw))
  if stat(exchange(socket, "APOP " .. user .. " " .. digest)) then return true, err.none end
  return false, err.pwError
end

-- Reads up to the line with a dot that ends a listing; a refusal has one line.
local function receive_listing (socket)
  local buffer = ""
  repeat
    local status, data = socket:receive()
    if not status then return nil, data end
    buffer = buffer .. data
    if string.find(buffer, "^%-ERR[^\n]*\n") then return buffer end
  until string.find(buffer, "\n%.\r?\n") or #buffer > REPLY_LEN_MAX
  return buffer
end

--- Asks for the capabilities.
-- @param host The host table.
-- @param port The port table.
-- @return A table with a key for each capability, an array of its parameters as the value; <code>capa</code> is false if
--         the server does not know the command. Nil if the connection failed.
-- @return An error.
function capabilities (host, port)
  local socket, greeting = comm.tryssl(host, port, nil, { recv_before = true, lines = 1 })
  if not socket then return nil, greeting end
  if not stat(greeting) then
    socket:close()
    return nil, "no greeting of POP3"
  end
  local result = {}
  if string.find(greeting, "<[%p%w]+>") then result.APOP = {} end
  local status, failure = socket:send("CAPA\r\n")
  local listing
  if status then listing, failure = receive_listing(socket) end
  socket:close()
  if not listing then return nil, failure end
  if not stat(listing) then
    result.capa = false
    return result
  end
  local first = true
  for line in string.gmatch(listing, "([^\r\n]*)\r?\n") do
    if line == "." then break end
    local name, parameters = string.match(line, "^(%S+)(.*)$")
    if name and not first then
      local list = {}
      for word in string.gmatch(parameters, "%S+") do list[#list + 1] = word end
      result[name] = list
    end
    first = false
  end
  return result
end

return _ENV
