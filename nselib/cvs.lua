---
-- The password server of CVS (<code>pserver</code>), as "The CVS client/server protocol" describes it.
--
-- @usage
-- local helper = cvs.Helper:new(host, port)
-- helper:connect()
-- local status, err = helper:login("/var/lib/cvs", "moon", "secret")
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("cvs", stdnse.seeall)

local TIMEOUT_MS = 10000
local LINE_LEN_MAX = 4096

-- Appendix "Password scrambling algorithm": what stands for what.
local FROM = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
local TO = {
  120, 53, 109, 72, 108, 70, 64, 76, 67, 116, 74, 68, 87, 111, 52, 75, 119, 49, 34, 82, 81, 95, 65, 112, 86, 118, 110, 122,
  105, 57, 83, 43, 46, 102, 40, 89, 38, 103, 45, 50, 42, 123, 91, 35, 125, 55, 54, 66, 124, 126, 59, 47, 92, 71, 115, 56,
  121, 117, 104, 101, 100, 69, 73, 99, 63, 94, 93, 39, 37, 61, 48, 58, 113, 32, 90, 44, 98, 60, 51, 33, 97, 62,
}

local SCRAMBLED = {}
for i = 1, #FROM do SCRAMBLED[string.sub(FROM, i, i)] = string.char(TO[i]) end

--- Helpers.
-- @class table
-- @name Util
Util = {}

--- Scrambles a password; the form's "A" in front is added by the login.
-- @param password The password.
-- @return The scrambled password.
function Util.pwscramble (password)
  return "A" .. string.gsub(password, ".", SCRAMBLED)
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
-- @param socket A socket to use. Default: a new one.
-- @return True or false.
-- @return An error.
function Helper:connect (socket)
  self.socket = socket or nmap.new_socket()
  self.socket:set_timeout(TIMEOUT_MS)
  return self.socket:connect(self.host, self.port)
end

--- Logs in.
-- @param repo The repository's path.
-- @param user The user's name.
-- @param pass The password.
-- @return True if the login is accepted, else false.
-- @return The server's answer, or an error.
function Helper:login (repo, user, pass)
  local request = ("BEGIN AUTH REQUEST\n%s\n%s\n%s\nEND AUTH REQUEST\n"):format(repo, user, Util.pwscramble(pass))
  local status, err = self.socket:send(request)
  if not status then return false, err end
  local received, line = self.socket:receive_buf(match.pattern_limit("\n", LINE_LEN_MAX), false)
  if not received then return false, line end
  if line == "I LOVE YOU" then return true end
  return false, line
end

--- Closes the connection.
-- @return True or false.
function Helper:close ()
  return self.socket:close()
end

return _ENV
