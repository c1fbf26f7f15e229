---
-- IMAP (RFC 3501): capabilities, <code>LOGIN</code> and <code>AUTHENTICATE</code>.
--
-- @usage
-- local helper = imap.Helper:new(host, port)
-- local status, greeting = helper:connect()
-- local status, capabilities = helper:capabilities()
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local base64 = require "base64"
local comm = require "comm"
local sasl = require "sasl"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("imap", stdnse.seeall)

-- Servers let those wait who have failed to log in, Dovecot up to 15 s.
local REPLY_TIMEOUT_MS = 20000
local REPLY_LEN_MAX = 65536

--- The connection: commands out, replies in.
-- @class table
-- @name IMAP
IMAP = {}
IMAP.__index = IMAP

--- Makes a connection object; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @param options <code>timeout</code> in milliseconds.
-- @return The object.
function IMAP:new (host, port, options)
  local o = setmetatable({}, self)
  o.host, o.port = host, port
  o.options = options or {}
  o.timeout = o.options.timeout
  o.counter = 0
  return o
end

--- Connects and reads the greeting.
-- @return True or false.
-- @return The greeting, or an error.
function IMAP:connect ()
  local socket, reply, _, early = comm.tryssl(self.host, self.port, nil,
    { recv_before = true, lines = 1, timeout = self.timeout })
  if not socket then return false, reply end
  self.socket = socket
  socket:set_timeout(self.timeout or REPLY_TIMEOUT_MS)
  self.banner = early or reply
  return true, self.banner
end

-- Reads until the buffer holds a line that `done` finds.
local function receive_until (socket, done)
  local buffer = ""
  repeat
    local status, data = socket:receive()
    if not status then return false, data end
    buffer = buffer .. data
    if #buffer > REPLY_LEN_MAX then return false, "the reply is too long" end
  until done(buffer)
  return true, buffer
end

--- Sends a command with a tag of its own.
-- @param cmd The command.
-- @param params What follows it; nil for nothing.
-- @return The tag, or nil.
-- @return An error.
function IMAP:send (cmd, params)
  self.counter = self.counter + 1
  self.tag = string.format("A%04d", self.counter)
  local line = self.tag .. " " .. cmd
  if params then line = line .. " " .. params end
  local status, err = self.socket:send(line .. "\r\n")
  if not status then return nil, err end
  return self.tag
end

--- Sends the next line of a command that the server asked to go on with.
-- @param line The line.
-- @return True or false, and an error.
function IMAP:continue (line)
  return self.socket:send(line .. "\r\n")
end

--- Reads to the end of the reply to the last command, or to a request to go on.
-- @return True or false.
-- @return What was read, or an error.
-- @return The state: <code>OK</code>, <code>NO</code>, <code>BAD</code>, or <code>+</code>.
function IMAP:receive ()
  local tag, state = self.tag or "*", nil
  local status, reply = receive_until(self.socket, function (buffer)
    state = string.match("\n" .. buffer, "\n" .. tag .. " (%a+)[^\n]*\n")
    if not state and string.find("\n" .. buffer, "\n%+[^\n]*\n$") then state = "+" end
    return state
  end)
  if not status then return false, reply end
  return true, reply, string.upper(state)
end

--- Closes the connection.
-- @return True or false.
function IMAP:close ()
  if self.socket then return self.socket:close() end
  return false
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
  local o = setmetatable({}, self)
  o.host, o.port = host, port
  o.client = IMAP:new(host, port, options)
  return o
end

--- Connects and reads the greeting.
-- @return True or false.
-- @return The greeting, or an error.
function Helper:connect ()
  return self.client:connect()
end

--- Asks for the capabilities.
-- @return True or false.
-- @return A table with the capabilities as keys and true as values, or an error.
function Helper:capabilities ()
  local tag, err = self.client:send("CAPABILITY")
  if not tag then return false, err end
  local status, reply, state = self.client:receive()
  if not status then return false, reply end
  if state ~= "OK" then return false, "CAPABILITY was refused" end
  local names = string.match("\n" .. reply, "\n%* [cC][aA][pP][aA][bB][iI][lL][iI][tT][yY]([^\r\n]*)")
  local result = {}
  for name in string.gmatch(names or "", "%S+") do result[name] = true end
  return true, result
end

local function quoted (text) return '"' .. string.gsub(text, '["\\]', "\\%0") .. '"' end

--- Logs in with <code>LOGIN</code>.
-- @param username The user's name.
-- @param password The password.
-- @return True or false.
-- @return An error.
function Helper:login (username, password)
  if string.find(username .. password, "[\r\n%z]") then return false, "Login failed" end
  local tag, err = self.client:send("LOGIN", quoted(username) .. " " .. quoted(password))
  if not tag then return false, err end
  local status, reply, state = self.client:receive()
  if not status then return false, reply end
  if state == "OK" then return true end
  return false, "Login failed"
end

-- What is answered to each request to go on, by mechanism.
local function answers_of (mech, username, password)
  local helper = mech ~= "LOGIN" and sasl.Helper:new(mech)
  if mech == "LOGIN" then
    return { function () return username end, function () return password end }
  elseif not helper:get_mechanism() then
    return nil
  elseif mech == "PLAIN" then
    return { function () return helper:encode(username, password) end }
  elseif mech == "DIGEST-MD5" then
    return {
      function (challenge) return (helper:encode(username, password, challenge, "imap")) end,
      function () return "" end,
    }
  elseif mech == "NTLM" then
    return {
      function () return helper:encode(username, password) end,
      function (challenge) return helper:encode(username, password, challenge) end,
    }
  end
  return { function (challenge) return helper:encode(username, password, challenge) end }
end

--- Logs in with <code>AUTHENTICATE</code>.
-- @param username The user's name.
-- @param pass The password.
-- @param mech The mechanism: <code>LOGIN</code>, <code>PLAIN</code>, <code>CRAM-MD5</code>, <code>DIGEST-MD5</code> or
--             <code>NTLM</code>.
-- @return True or false.
-- @return An error.
function Helper:authenticate (username, pass, mech)
  mech = string.upper(mech)
  local answers = answers_of(mech, username, pass)
  if not answers then return false, "The mechanism is not supported: " .. mech end
  local tag, err = self.client:send("AUTHENTICATE", mech)
  if not tag then return false, err end
  local status, reply, state = self.client:receive()
  for _, answer in ipairs(answers) do
    if not status then return false, reply end
    if state ~= "+" then break end
    local challenge = string.match("\n" .. reply, "\n%+ ?([%w+/=]*)\r?\n$")
    status, err = self.client:continue(base64.enc(answer(base64.dec(challenge or "") or "") or ""))
    if not status then return false, err end
    status, reply, state = self.client:receive()
  end
  if not status then return false, reply end
  if state == "OK" then return true end
  return false, "Login failed"
end

--- Closes the connection.
-- @return True or false.
function Helper:close ()
  return self.client:close()
end

return _ENV
