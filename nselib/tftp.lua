---
-- A server of the Trivial File Transfer Protocol (RFC 1350) to which devices send files, as when a script has told them
-- to.
--
-- @usage
-- tftp.start()
-- -- Here a device is told to send its file "running-config".
-- local status, file = tftp.waitFile("running-config", 10)
-- if status then print(file:getContent()) end
--
-- @copyright MIT OR Apache-2.0

local coroutine = require "coroutine"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("tftp", stdnse.seeall)

local SERVER_PORT = 69
local BLOCK_LEN = 512
-- A file longer than this is cut off; transfers that stop are given up.
local FILE_LEN_MAX = 32 * 1024 * 1024
local TRANSFER_TIMEOUT_MS, IDLE_MS = 5000, 1000

--- Operations (RFC 1350, section 5; RFC 2347).
-- @class table
-- @name OpCode
OpCode = { RRQ = 1, WRQ = 2, DATA = 3, ACK = 4, ERROR = 5, OACK = 6 }

File = {}

--- Makes a file.
-- @param filename Its name.
-- @param content Its octets.
-- @param sender The address it came from.
-- @return The file.
function File:new (filename, content, sender)
  local o = { name = filename, content = content, sender = sender }
  setmetatable(o, self)
  self.__index = self
  return o
end

--- The file's octets, name and the address it came from, and ways to set them.
function File:getContent () return self.content end
function File:setContent (content) self.content = content end
function File:getName () return self.name end
function File:setName (name) self.name = name end
function File:getSender () return self.sender end
function File:setSender (sender) self.sender = sender end

--- Packets. Each kind has <code>new</code>; <code>tostring</code> gives the octets.
Packet = {}

local function packet_class (encode)
  local class = { __tostring = encode }
  class.__index = class
  return class
end

Packet.ACK = packet_class(function (self) return string.pack(">I2I2", OpCode.ACK, self.block) end)

--- Makes an acknowledgement.
-- @param block The number of the block.
-- @return The packet.
function Packet.ACK:new (block) return setmetatable({ block = block }, self) end

Packet.ERROR = packet_class(function (self) return string.pack(">I2I2z", OpCode.ERROR, self.code, self.message) end)

--- Makes an error.
-- @param code Its number.
-- @param message Its words.
-- @return The packet.
function Packet.ERROR:new (code, message) return setmetatable({ code = code, message = message }, self) end

--- Reads a packet.
-- @param data The octets.
-- @return Table with <code>op</code> and what belongs to it: <code>name</code> and <code>mode</code>, or
--         <code>block</code> and <code>data</code>; nil if it is none.
function Packet.parse (data)
  if #data < 4 then return nil end
  local op = string.unpack(">I2", data)
  if op == OpCode.RRQ or op == OpCode.WRQ then
    local name, mode = string.match(data, "^(%Z+)%z(%Z*)%z", 3)
    if not name then return nil end
    return { op = op, name = name, mode = mode }
  elseif op == OpCode.DATA then
    return { op = op, block = (string.unpack(">I2", data, 3)), data = string.sub(data, 5) }
  elseif op == OpCode.ACK or op == OpCode.ERROR then
    return { op = op, block = (string.unpack(">I2", data, 3)) }
  end
  return nil
end

-- What has come in, and the thread of the server while it runs.
local received, running = {}, nil

-- Receives one file on a port of its own (RFC 1350, section 4).
local function receive_file (address, port, name)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(TRANSFER_TIMEOUT_MS)
  local status = socket:connect(address, port, "udp")
  if status then status = socket:send(tostring(Packet.ACK:new(0))) end
  local parts, size, expected = {}, 0, 1
  while status and size < FILE_LEN_MAX do
    local data
    status, data = socket:receive()
    local packet = status and Packet.parse(data)
    if packet and packet.op == OpCode.DATA then
      if packet.block == expected then
        parts[#parts + 1] = packet.data
        size = size + #packet.data
        expected = expected + 1 & 0xffff
      end
      -- A block that comes again is acknowledged again.
      status = socket:send(tostring(Packet.ACK:new(packet.block)))
      if #packet.data < BLOCK_LEN then
        received[#received + 1] = File:new(name, table.concat(parts), address)
        break
      end
    elseif packet and packet.op == OpCode.ERROR then
      break
    end
  end
  socket:close()
end

-- Waits for requests as long as somebody waits for files.
local function serve (parent)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(IDLE_MS)
  local status = socket:bind(nil, SERVER_PORT)
  while status and coroutine.status(parent) ~= "dead" do
    local got, data = socket:receive()
    local packet = got and Packet.parse(data)
    if packet then
      local _, _, _, address, port = socket:get_info()
      if packet.op == OpCode.WRQ then
        stdnse.new_thread(receive_file, address, port, packet.name)
      elseif packet.op == OpCode.RRQ then
        socket:sendto(address, port, tostring(Packet.ERROR:new(1, "File not found")))
      end
    end
  end
  socket:close()
  running = nil
end

--- Starts the server. It ends with the script that started it.
function start ()
  if running then return end
  running = stdnse.new_thread(serve, stdnse.base())
end

--- Waits for a file.
-- @param filename Its name.
-- @param timeout Seconds. Default: 30.
-- @return True and the file, or false if none came.
function waitFile (filename, timeout)
  local deadline = nmap.clock_ms() + (timeout or 30) * 1000
  while nmap.clock_ms() < deadline do
    for i, file in ipairs(received) do
      if file.name == filename then
        table.remove(received, i)
        return true, file
      end
    end
    stdnse.sleep(0.1)
  end
  return false
end

return _ENV
