---
-- FTP (RFC 959): replies, logging in, passive data connections, switching to TLS (RFC 4217).
--
-- @usage
-- local socket, code, message, buffer = ftp.connect(host, port)
-- if not socket then return nil end
-- local status, code, message = ftp.auth(socket, buffer, "anonymous", "guest@example.org")
-- ftp.close(socket)
--
-- @copyright MIT OR Apache-2.0

local comm = require "comm"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("ftp", stdnse.seeall)

-- A reply of more lines is cut off; servers send help texts of a few dozen.
local REPLY_LINES_MAX = 1000
local LINE_LEN_MAX = 8192

--- A rule for FTP servers, those inside TLS included.
-- @class function
-- @name portrule
portrule = shortport.port_or_service({ 21, 990, 2121 }, { "ftp", "ftps" })

-- A function that returns the next line; a line that does not end is given up.
local function line_reader (socket, buffer)
  return function ()
    while true do
      local from, to = string.find(buffer, "\r?\n")
      if from then
        local line = string.sub(buffer, 1, from - 1)
        buffer = string.sub(buffer, to + 1)
        return line
      end
      if #buffer > LINE_LEN_MAX then return nil, "the line is too long" end
      local status, data = socket:receive()
      if not status then return nil, data end
      buffer = buffer .. data
    end
  end
end

--- Connects and reads the greeting. TLS is tried where it is likely.
-- @param host The host table.
-- @param port The port table.
-- @param opts Options as for <code>comm.tryssl</code>.
-- @return The socket, or nil.
-- @return The code of the greeting, or an error.
-- @return The text of the greeting.
-- @return A function for <code>read_reply</code>.
function connect (host, port, opts)
  local options = { recv_before = true }
  for key, value in pairs(opts or {}) do options[key] = value end
  options.recv_before = true
  local socket, early = comm.tryssl(host, port, nil, options)
  if not socket then return nil, early end
  local buffer = line_reader(socket, early or "")
  local code, message = read_reply(buffer)
  if not code then
    socket:close()
    return nil, message
  end
  return socket, code, message, buffer
end

--- Says goodbye and closes the connection.
-- @param socket The socket.
function close (socket)
  socket:send("QUIT\r\n")
  socket:close()
end

--- Reads a reply of one or several lines.
--
-- The lines of a reply are joined by line feeds, each without the code in front.
-- @param buffer A function that returns the next line, as <code>connect</code> and <code>stdnse.make_buffer</code> make.
-- @return The code, or nil.
-- @return The text, or an error.
function read_reply (buffer)
  local line, err = buffer()
  if not line then return nil, err or "the connection was closed" end
  local code, separator, text = string.match(line, "^(%d%d%d)([ -]?)(.*)$")
  if not code then return nil, "not a reply of FTP: " .. string.sub(line, 1, 80) end
  if separator ~= "-" then return tonumber(code), text end
  local lines = { text }
  while #lines < REPLY_LINES_MAX do
    line, err = buffer()
    if not line then return nil, err or "the connection was closed" end
    local same, sign, rest = string.match(line, "^(%d%d%d)([ -])(.*)$")
    if same == code then
      lines[#lines + 1] = rest
      if sign == " " then return tonumber(code), table.concat(lines, "\n") end
    elseif line == code then
      return tonumber(code), table.concat(lines, "\n")
    else
      lines[#lines + 1] = line
    end
  end
  return nil, "the reply has too many lines"
end

local function command (socket, buffer, line)
  local status, err = socket:send(line .. "\r\n")
  if not status then return nil, err end
  return read_reply(buffer)
end

--- Logs in.
-- @param socket The socket.
-- @param buffer What <code>connect</code> returned with it.
-- @param username The user's name.
-- @param password The password.
-- @param acct The account, if the server may ask for one.
-- @return True if the login is accepted, else nil.
-- @return The code of the last reply; nil if the connection failed.
-- @return Its text, or an error.
function auth (socket, buffer, username, password, acct)
  local code, message = command(socket, buffer, "USER " .. username)
  if code == 331 then
    code, message = command(socket, buffer, "PASS " .. password)
  end
  if code == 332 then
    if not acct then return nil, code, message end
    code, message = command(socket, buffer, "ACCT " .. acct)
  end
  if code and code >= 200 and code < 300 then return true, code, message end
  return nil, code, message
end

--- Asks for TLS (<code>AUTH TLS</code>). The handshake is left to the caller: <code>socket:reconnect_ssl()</code>.
-- @param socket The socket.
-- @param buffer What <code>connect</code> returned with it.
-- @return True if the server is ready for the handshake, else false.
-- @return The text of the reply, or an error.
function starttls (socket, buffer)
  local code, message = command(socket, buffer, "AUTH TLS")
  if code == 234 then return true, message end
  return false, message
end

local function is_tls (socket)
  return (pcall(socket.get_ssl_certificate, socket))
end

-- The port of a passive data connection. The address in the reply to PASV is not used: a server behind a translator
-- sends one of no use, and an evil one could have us connect to others.
local function passive_port (socket, buffer, ipv6)
  if ipv6 then
    local code, message = command(socket, buffer, "EPSV")
    if code ~= 229 then return nil, message end
    local _, digits = string.match(message, "%((.)%1%1(%d+)%1%)")
    return tonumber(digits)
  end
  local code, message = command(socket, buffer, "PASV")
  if code ~= 227 then return nil, message end
  local high, low = string.match(message, "%d+,%d+,%d+,%d+,(%d+),(%d+)")
  if not high or tonumber(high) > 255 or tonumber(low) > 255 then return nil, "no port in the reply to PASV" end
  return tonumber(high) * 256 + tonumber(low)
end

--- Opens a data connection in passive mode.
-- @param socket The socket of the session.
-- @param buffer What <code>connect</code> returned with it.
-- @return The socket of the data connection, or nil.
-- @return An error.
function pasv (socket, buffer)
  local status, _, _, address = socket:get_info()
  if not status then return nil, "not connected" end
  if is_tls(socket) then
    command(socket, buffer, "PBSZ 0")
    local code, message = command(socket, buffer, "PROT C")
    if code ~= 200 then return nil, message end
  end
  local number, err = passive_port(socket, buffer, string.find(address, ":", 1, true) ~= nil)
  if not number or number < 1 or number > 65535 then return nil, err or "no port in the reply" end
  local data = nmap.new_socket()
  local connected, failure = data:connect(address, number, "tcp")
  if not connected then
    data:close()
    return nil, failure
  end
  return data
end

return _ENV
