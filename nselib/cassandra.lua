---
-- The Thrift face of Apache Cassandra before version 4: logging in, and what a node says about itself.
--
-- Messages are those of Thrift's binary protocol, in frames with a length of four bytes in front.
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("cassandra", stdnse.seeall)

--- A call: version 1 of the protocol, and the kind.
CASSANDRAREQ = "\x80\x01\x00\x01"
--- A reply.
CASSANDRARESP = "\x80\x01\x00\x02"
--- The number of the call "login", then the first field (a structure) that holds a map of two strings to strings.
CASSLOGINMAGIC = string.pack(">I4BI2BI2BBI4", 1, 12, 1, 13, 1, 11, 11, 2)
--- What follows the name in the reply to "login": a structure is an exception.
LOGINACC = "\x00\x00\x00\x01\x0c"
LOGINFAIL = "\x00\x00\x00\x01\x0b"
LOGINSUCC = "\x00\x00\x00\x01\x00"

-- Longer frames are refused.
local FRAME_LEN_MAX = 65536

local TYPE_STOP, TYPE_STRING = 0, 11

--- Makes a call without parameters.
-- @param command The name.
-- @param cnt The call's number.
-- @return The message.
function cmdstr (command, cnt)
  return CASSANDRAREQ .. string.pack(">s4I4B", command, cnt, TYPE_STOP)
end

--- Makes the call that logs in.
-- @param username The user's name.
-- @param password The password.
-- @return The message.
function loginstr (username, password)
  return CASSANDRAREQ .. string.pack(">s4", "login") .. CASSLOGINMAGIC
    .. string.pack(">s4s4s4s4BB", "username", username, "password", password, TYPE_STOP, TYPE_STOP)
end

-- Sends a frame and reads one.
local function exchange (socket, message)
  local status, err = socket:send(string.pack(">s4", message))
  if not status then return false, err end
  local buffer = ""
  while true do
    if #buffer >= 4 then
      local len = string.unpack(">I4", buffer)
      if len > FRAME_LEN_MAX then return false, "the frame is too long" end
      if #buffer >= len + 4 then return true, string.sub(buffer, 5, len + 4) end
    end
    local received, data = socket:receive()
    if not received then return false, data end
    buffer = buffer .. data
  end
end

--- Sends a call without parameters and reads its reply.
-- @param socket A connected socket.
-- @param command The name.
-- @param cnt The call's number.
-- @return True or false.
-- @return What the reply holds after its head, or an error.
function sendcmd (socket, command, cnt)
  local status, reply = exchange(socket, cmdstr(command, cnt))
  if not status then return false, reply end
  local head = CASSANDRARESP .. string.pack(">s4I4", command, cnt)
  if string.sub(reply, 1, #head) ~= head then return false, "not a reply of Cassandra" end
  return true, string.sub(reply, #head + 1)
end

-- The result of a call that returns text: field 0, a string.
local function text_result (socket, command, cnt)
  local status, body = sendcmd(socket, command, cnt)
  if not status then return false, body end
  local ok, kind, _, text = pcall(string.unpack, ">BI2s4", body)
  if not ok or kind ~= TYPE_STRING then return false, "the reply holds no text" end
  return true, text
end

--- Asks for the name of the cluster.
-- @param socket A connected socket.
-- @param cnt The call's number.
-- @return True or false.
-- @return The name, or an error.
function describe_cluster_name (socket, cnt)
  return text_result(socket, "describe_cluster_name", cnt)
end

--- Asks for the version of the Thrift face.
-- @param socket A connected socket.
-- @param cnt The call's number.
-- @return True or false.
-- @return The version, or an error.
function describe_version (socket, cnt)
  return text_result(socket, "describe_version", cnt)
end

--- Logs in.
-- @param socket A connected socket.
-- @param username The user's name.
-- @param password The password.
-- @return True if the login is accepted, else false.
-- @return An error.
function login (socket, username, password)
  local status, reply = exchange(socket, loginstr(username, password))
  if not status then return false, reply end
  local head = CASSANDRARESP .. string.pack(">s4", "login")
  if string.sub(reply, 1, #head) ~= head then return false, "not a reply of Cassandra" end
  if string.sub(reply, #head + 1, #head + #LOGINSUCC) == LOGINSUCC then return true end
  return false, "Login failed."
end

return _ENV
