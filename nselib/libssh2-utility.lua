---
-- Logging on to SSH servers and running commands there.
--
-- @usage
-- local connection = libssh2_util.SSHConnection:new()
-- if connection:connect(host, port) and connection:password_auth("user", "secret") then
--   print(connection:run_remote("uname -a"))
-- end
-- connection:disconnect()
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local libssh2 = stdnse.silent_require "libssh2"
_ENV = stdnse.module("libssh2-utility", stdnse.seeall)

-- What a command prints beyond this is not kept.
local OUTPUT_LEN_MAX = 1024 * 1024

SSHConnection = {}

--- Makes a connection, not open yet.
-- @return The connection.
function SSHConnection:new ()
  local o = {}
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Connects. A failure is raised as an error.
-- @param host The host table.
-- @param port The port table.
-- @return True if connected.
function SSHConnection:connect (host, port)
  self.session = libssh2.session_open(host, type(port) == "table" and port.number or port)
  return self.session and true or false
end

--- Connects.
-- @param host The host table.
-- @param port The port table.
-- @return True, or false if it failed: the error is in <code>session</code> then.
-- @return An error of another kind.
function SSHConnection:connect_pcall (host, port)
  local status, err
  status, self.session, err = pcall(libssh2.session_open, host, type(port) == "table" and port.number or port)
  return status, err
end

--- Runs a command.
-- @param cmd The command.
-- @param no_pty True to run it without a terminal.
-- @return What it printed.
function SSHConnection:run_remote (cmd, no_pty)
  if not self.session then return false, "not connected" end
  local channel = libssh2.open_channel(self.session, no_pty)
  libssh2.channel_exec(self.session, channel, cmd)
  libssh2.channel_send_eof(self.session, channel)
  local parts, size = {}, 0
  while not libssh2.channel_eof(channel) do
    local data = libssh2.channel_read(self.session, channel)
    if not data then break end
    if size < OUTPUT_LEN_MAX then parts[#parts + 1] = data end
    size = size + #data
  end
  return string.sub(table.concat(parts), 1, OUTPUT_LEN_MAX)
end

--- Logs on with a password.
-- @param username The user.
-- @param password The password.
-- @return True if let in.
function SSHConnection:password_auth (username, password)
  return self.session and libssh2.userauth_password(self.session, username, password) or false
end

--- Logs on by answering questions.
-- @param username The user.
-- @param callback Called with the user, a name, an instruction and a list of questions; returns a list of answers.
-- @return True if let in.
function SSHConnection:interactive_auth (username, callback)
  return self.session and libssh2.userauth_keyboard_interactive(self.session, username, callback) or false
end

--- Logs on with a password, in whichever way the server offers.
-- @param username The user.
-- @param password The password.
-- @return True if let in.
function SSHConnection:login (username, password)
  local methods = self:list(username)
  if not methods then return false end
  if methods == "none_auth" then return true end
  for _, method in ipairs(methods) do
    if method == "password" and self:password_auth(username, password) then return true end
    if method == "keyboard-interactive" then
      local status = self:interactive_auth(username, function (_, _, _, questions)
        local answers = {}
        for i = 1, #questions do answers[i] = password end
        return answers
      end)
      if status then return true end
    end
  end
  return false
end

--- Logs on with a key from a file.
-- @param username The user.
-- @param privatekey_file The private key's file.
-- @param passphrase What it is encrypted with, or nil.
-- @return True if let in.
function SSHConnection:publickey_auth (username, privatekey_file, passphrase)
  return self.session and libssh2.userauth_publickey(self.session, username, privatekey_file, passphrase or "", nil)
    or false
end

--- Logs on with a key.
-- @param username The user.
-- @param privatekey The private key's text.
-- @param passphrase What it is encrypted with, or nil.
-- @return True if let in.
function SSHConnection:publickey_auth_frommemory (username, privatekey, passphrase)
  return self.session
    and libssh2.userauth_publickey_frommemory(self.session, username, privatekey, passphrase or "", nil) or false
end

--- Disconnects.
function SSHConnection:disconnect ()
  if self.session then libssh2.session_close(self.session) end
  self.session = nil
end

--- Sets how long calls wait.
-- @param ssh_timeout Milliseconds.
function SSHConnection:set_timeout (ssh_timeout)
  if self.session then libssh2.set_timeout(self.session, ssh_timeout) end
end

--- Lists the ways in which a user may log on.
-- @param username The user.
-- @return A list of names; <code>"none_auth"</code> if the user is let in as it is; false and an error.
function SSHConnection:list (username)
  if not self.session then return false, "not connected" end
  return libssh2.userauth_list(self.session, username)
end

--- What the server says before anybody logs on.
-- @return Text, nil if it says nothing.
function SSHConnection:banner ()
  if not self.session then return nil end
  return (libssh2.userauth_banner(self.session))
end

--- Reads a public key from a file.
-- @param publickey The file.
-- @return True and the key's octets, or false and an error.
function SSHConnection:read_publickey (publickey)
  return pcall(libssh2.read_publickey, publickey)
end

--- Asks whether a user may log on with a key, without doing it.
-- @param username The user.
-- @param key The public key's octets.
-- @return True if so.
function SSHConnection:publickey_canauth (username, key)
  if not self.session or not key then return false end
  local status, may = pcall(libssh2.publickey_canauth, self.session, username, key)
  return status and may
end

return _ENV
