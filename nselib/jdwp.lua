---
-- JDWP, which debuggers speak to Java virtual machines: the handshake, commands, and those commands that only look.
--
-- The source is Oracle's "Java Debug Wire Protocol".
--
-- @usage
-- local status, socket = jdwp.connect(host, port)
-- local status, version = jdwp.getVersion(socket, 1)
-- socket:close()
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("jdwp", stdnse.seeall)

local TIMEOUT_MS = 10000
local PACKET_LEN_MAX = 4 * 1024 * 1024

-- A virtual machine may send events at any time; more than this before an answer is too much.
local EVENTS_MAX = 100

local HANDSHAKE = "JDWP-Handshake"
local HEAD_LEN = 11
local REPLY_FLAG = 0x80

--- Codes of errors.
-- @class table
-- @name ERROR_CODES
ERROR_CODES = {
  [0] = "NONE No error has occurred.",
  [10] = "INVALID_THREAD Passed thread is null, is not a valid thread or has exited.",
  [11] = "INVALID_THREAD_GROUP Thread group invalid.",
  [13] = "THREAD_NOT_SUSPENDED If the specified thread has not been suspended by an event.",
  [20] = "INVALID_OBJECT If this reference type has been unloaded and garbage collected.",
  [21] = "INVALID_CLASS Invalid class.",
  [23] = "INVALID_METHODID Invalid method.",
  [25] = "INVALID_FIELDID Invalid field.",
  [99] = "NOT_IMPLEMENTED The functionality is not implemented in this virtual machine.",
  [103] = "ILLEGAL_ARGUMENT Illegal argument.",
  [112] = "VM_DEAD The virtual machine is not running.",
  [113] = "INTERNAL An unexpected internal error has occurred.",
}

--- A command.
-- @class table
-- @name JDWPCommandPacket
JDWPCommandPacket = {}
JDWPCommandPacket.__index = JDWPCommandPacket

--- Makes a command.
-- @param id A number that the answer repeats.
-- @param command_set The set the command is in.
-- @param command The command.
-- @param data What it holds.
-- @return The command.
function JDWPCommandPacket:new (id, command_set, command, data)
  return setmetatable({ id = id, flags = 0, command_set = command_set, command = command, data = data or "" }, self)
end

--- Makes the bytes.
-- @return A string.
function JDWPCommandPacket:pack ()
  return string.pack(">I4I4BBB", HEAD_LEN + #self.data, self.id, self.flags, self.command_set, self.command) .. self.data
end

--- An answer.
-- @class table
-- @name JDWPReplyPacket
JDWPReplyPacket = {}
JDWPReplyPacket.__index = JDWPReplyPacket

--- Makes an empty answer.
-- @return The answer.
function JDWPReplyPacket:new ()
  return setmetatable({}, self)
end

--- Reads an answer.
-- @param reply_packet Bytes.
-- @return True or false.
-- @return A table with <code>id</code>, <code>flags</code>, <code>error_code</code> and <code>data</code>; or an error.
function JDWPReplyPacket:parse_reply (reply_packet)
  if #reply_packet < HEAD_LEN then return false, "the packet is cut off" end
  local reply = JDWPReplyPacket:new()
  reply.length, reply.id, reply.flags, reply.error_code = string.unpack(">I4I4BI2", reply_packet)
  if reply.length ~= #reply_packet then return false, "the packet is cut off" end
  if reply.flags & REPLY_FLAG == 0 then return false, "not an answer" end
  if reply.error_code ~= 0 then
    return false, ERROR_CODES[reply.error_code] or ("error %d"):format(reply.error_code)
  end
  reply.data = string.sub(reply_packet, HEAD_LEN + 1)
  return true, reply
end

--- Makes a text with its length in front.
-- @param data The text.
-- @return The bytes.
function toUTF8 (data)
  return string.pack(">s4", data)
end

--- Connects and shakes hands.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
-- @return The socket, or an error.
function connect (host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(TIMEOUT_MS)
  local status, err = socket:connect(host, port)
  if status then status, err = socket:send(HANDSHAKE) end
  local answer
  if status then
    status, answer = socket:receive_buf(match.numbytes(#HANDSHAKE), true)
    err = answer
  end
  if status and answer ~= HANDSHAKE then status, err = false, "JDWP-Handshake expected" end
  if not status then
    socket:close()
    return false, err
  end
  return true, socket
end

--- Reads a whole packet.
-- @param socket The socket.
-- @return True or false.
-- @return The bytes, or an error.
function receive_all (socket)
  local status, head = socket:receive_buf(match.numbytes(HEAD_LEN), true)
  if not status then return false, head end
  local length = string.unpack(">I4", head)
  if length < HEAD_LEN or length > PACKET_LEN_MAX then return false, "the packet's length is out of bounds" end
  if length == HEAD_LEN then return true, head end
  local received, rest = socket:receive_buf(match.numbytes(length - HEAD_LEN), true)
  if not received then return false, rest end
  return true, head .. rest
end

--- Sends a command and reads its answer; events in between are dropped.
-- @param socket The socket.
-- @param command The command.
-- @return True or false.
-- @return The answer's data, or an error.
function executeCommand (socket, command)
  local status, err = socket:send(command:pack())
  if not status then return false, err end
  for _ = 1, EVENTS_MAX do
    local received, packet = receive_all(socket)
    if not received then return false, packet end
    local _, id, flags = string.unpack(">I4I4B", packet)
    if flags & REPLY_FLAG ~= 0 and id == command.id then
      local parsed, reply = JDWPReplyPacket:parse_reply(packet)
      if not parsed then return false, reply end
      return true, reply.data
    end
  end
  return false, "there is no answer between the events"
end

-- Runs a command and reads its data by a function that may raise.
local function ask (socket, id, set, command, data, reader)
  local status, answer = executeCommand(socket, JDWPCommandPacket:new(id, set, command, data))
  if not status then return false, answer end
  local ok, result, more = pcall(reader, answer)
  if not ok then return false, "the answer is malformed" end
  return true, result, more
end

--- Asks for the version.
-- @param socket The socket.
-- @param id A number for the command.
-- @return True or false.
-- @return The description that the virtual machine gives of itself; or an error.
-- @return A table with <code>major</code> and <code>minor</code> of the protocol, <code>version</code> and <code>name</code>.
function getVersion (socket, id)
  return ask(socket, id, 1, 1, "", function (data)
    local details, pos = {}, nil
    local description
    description, details.major, details.minor, pos = string.unpack(">s4I4I4", data)
    details.version, details.name = string.unpack(">s4s4", data, pos)
    return description, details
  end)
end

--- Asks for the threads.
-- @param socket The socket.
-- @param id A number for the command.
-- @return True or false.
-- @return An array of the numbers of threads, eight bytes each; or an error.
function getAllThreads (socket, id)
  return ask(socket, id, 1, 4, "", function (data)
    local count, pos = string.unpack(">I4", data)
    local threads = {}
    for i = 1, math.min(count, #data // 8) do threads[i], pos = string.unpack("c8", data, pos) end
    return threads
  end)
end

--- Asks for the name of a thread.
-- @param socket The socket.
-- @param id A number for the command.
-- @param threadID The number of the thread, as bytes.
-- @return True or false.
-- @return The name, or an error.
function getThreadName (socket, id, threadID)
  return ask(socket, id, 11, 1, threadID, function (data) return (string.unpack(">s4", data)) end)
end

--- Makes a text inside of the virtual machine.
-- @param socket The socket.
-- @param id A number for the command.
-- @param ascii_string The text.
-- @return True or false.
-- @return The number of the text, as bytes; or an error.
function createString (socket, id, ascii_string)
  return ask(socket, id, 1, 11, toUTF8(ascii_string), function (data) return (string.unpack("c8", data)) end)
end

--- Reads a text inside of the virtual machine.
-- @param socket The socket.
-- @param id A number for the command.
-- @param stringID The number of the text, as bytes.
-- @return True or false.
-- @return The text, or an error.
function readString (socket, id, stringID)
  return ask(socket, id, 10, 1, stringID, function (data) return (string.unpack(">s4", data)) end)
end

return _ENV
