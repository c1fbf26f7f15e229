---
-- Oracle's TNS: the listener's packets, connecting, commands of the listener.
--
-- What is here is the outer layer, which asks a listener for versions and names; the sessions of databases inside it are
-- not described by their vendor.
--
-- @usage
-- local helper = tns.Helper:new(host, port)
-- local status, text = helper:lsnrCtl("VERSION")
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("tns", stdnse.seeall)

-- Longer packets are refused; a length takes two bytes.
local PACKET_LEN_MAX = 65535
local TIMEOUT_MS = 10000

-- A listener may ask to send again; more often than this it is not obeyed.
local RESENDS_MAX = 4

--- Packets.
-- @class table
-- @name Packet
Packet = {
  --- Kinds of packets.
  TYPE = { CONNECT = 1, ACCEPT = 2, ACK = 3, REFUSE = 4, REDIRECT = 5, DATA = 6, NULL = 7, ABORT = 9, RESEND = 11,
    MARKER = 12, ATTENTION = 13, CONTROL = 14 },
}

--- The head of a packet.
Packet.TNS = {}
Packet.TNS.__index = Packet.TNS

--- Makes a packet.
-- @param packetType The kind.
-- @param data What is inside.
-- @return The packet; <code>tostring</code> makes the bytes.
function Packet.TNS:new (packetType, data)
  return setmetatable({ type = packetType, data = data or "" }, self)
end

function Packet.TNS:__tostring ()
  return string.pack(">I2I2BBI2", #self.data + 8, 0, self.type, 0, 0) .. self.data
end

--- Reads a packet.
-- @param data Bytes.
-- @return True or false.
-- @return A table with <code>length</code>, <code>type</code> and <code>data</code>, or an error.
function Packet.TNS.parse (data)
  if #data < 8 then return false, "the packet is cut off" end
  local length, _, kind = string.unpack(">I2I2B", data)
  if length < 8 or #data < length then return false, "the packet is cut off" end
  local packet = Packet.TNS:new(kind, string.sub(data, 9, length))
  packet.length = length
  return true, packet
end

--- The first packet of a client.
Packet.Connect = {}
Packet.Connect.__index = Packet.Connect

--- Makes the packet.
-- @param rhost The server's address.
-- @param rport The server's port.
-- @param dbinstance The database's name; nil for none.
-- @return The packet; <code>tostring</code> makes the bytes.
function Packet.Connect:new (rhost, rport, dbinstance)
  return setmetatable({ rhost = rhost, rport = rport, dbinstance = dbinstance }, self)
end

--- Sets a command of the listener, in the place of a database.
-- @param cmd The command.
function Packet.Connect:setCmd (cmd) self.cmd = cmd end

function Packet.Connect:__tostring ()
  local text
  if self.cmd then
    text = ("(CONNECT_DATA=(CID=(PROGRAM=)(HOST=__jdbc__)(USER=))(COMMAND=%s)(ARGUMENTS=4)(SERVICE=LISTENER)(VERSION=185599488))"):format(self.cmd)
  else
    text = ("(DESCRIPTION=(CONNECT_DATA=(SID=%s)(CID=(PROGRAM=)(HOST=__jdbc__)(USER=)))(ADDRESS=(PROTOCOL=tcp)(HOST=%s)(PORT=%d)))")
      :format(self.dbinstance or "", self.rhost, self.rport)
  end
  -- Versions 1.52 down to 1.44 of the protocol, sizes of packets, the place of the text.
  local data = string.pack(">I2I2I2I2I2I2I2I2I2I2I4BB", 308, 300, 0, 2048, 32767, 0x4f98, 0, 1, #text, 58, 0, 0, 0)
  data = data .. ("\0"):rep(50 - #data) .. text
  return tostring(Packet.TNS:new(Packet.TYPE.CONNECT, data))
end

--- A connection.
-- @class table
-- @name Comm
Comm = {}
Comm.__index = Comm

--- Makes a connection object of a socket.
-- @param socket A connected socket.
-- @return The object.
function Comm:new (socket)
  return setmetatable({ socket = socket }, self)
end

--- Sends a packet.
-- @param pkt The packet.
-- @return True or false.
-- @return An error.
function Comm:sendTNSPacket (pkt)
  return self.socket:send(tostring(pkt))
end

--- Reads a packet.
-- @return True or false.
-- @return A packet as <code>Packet.TNS.parse</code> returns it, or an error.
function Comm:recvTNSPacket ()
  local status, head = self.socket:receive_buf(match.numbytes(8), true)
  if not status then return false, head end
  local length = string.unpack(">I2", head)
  if length < 8 or length > PACKET_LEN_MAX then return false, "not a packet of TNS" end
  if length == 8 then return Packet.TNS.parse(head) end
  local received, rest = self.socket:receive_buf(match.numbytes(length - 8), true)
  if not received then return false, rest end
  return Packet.TNS.parse(head .. rest)
end

--- Sends a packet and reads the answer; a request to send again is obeyed.
-- @param pkt The packet.
-- @return True or false.
-- @return The answer, or an error: the code of a refusal is in the text.
function Comm:exchTNSPacket (pkt)
  for _ = 1, RESENDS_MAX do
    local status, err = self:sendTNSPacket(pkt)
    if not status then return false, err end
    local received, answer = self:recvTNSPacket()
    if not received then return false, answer end
    if answer.type == Packet.TYPE.REFUSE then
      local code = string.match(answer.data, "%(ERR=(%d+)%)")
      return false, code and ("TNS-%05d"):format(code) or "the listener refuses the connection"
    end
    if answer.type ~= Packet.TYPE.RESEND then return true, answer end
  end
  return false, "the listener asks to send again and again"
end

--- What scripts use.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @param instance The database's name.
-- @return The helper.
function Helper:new (host, port, instance)
  return setmetatable({ host = host, port = port, dbinstance = instance }, self)
end

local function open (self)
  self.tnssocket = nmap.new_socket()
  self.tnssocket:set_timeout(TIMEOUT_MS)
  local status, err = self.tnssocket:connect(self.host, self.port)
  if not status then return false, err end
  self.comm = Comm:new(self.tnssocket)
  return true
end

--- Connects to the listener and asks for the database.
-- @return True if the listener accepts, else false.
-- @return The answer, or an error.
function Helper:Connect ()
  local status, err = open(self)
  if not status then return false, err end
  local answered, answer = self.comm:exchTNSPacket(Packet.Connect:new(self.host.ip, self.port.number, self.dbinstance))
  if not answered then return false, answer end
  if answer.type ~= Packet.TYPE.ACCEPT then return false, "the listener does not accept the connection" end
  return true, answer
end

--- Sends a command to the listener.
-- @param cmd The command, such as <code>VERSION</code> or <code>STATUS</code>.
-- @return True or false.
-- @return What the listener answers, or an error.
function Helper:lsnrCtl (cmd)
  local status, err = open(self)
  if not status then return false, err end
  local connect = Packet.Connect:new(self.host.ip, self.port.number)
  connect:setCmd(cmd)
  local answered, answer = self.comm:exchTNSPacket(connect)
  if answered and answer.type == Packet.TYPE.ACCEPT then answered, answer = self.comm:recvTNSPacket() end
  self:Close()
  if not answered then return false, answer end
  if answer.type ~= Packet.TYPE.DATA or #answer.data < 2 then return false, "the listener sends no text" end
  return true, string.sub(answer.data, 3)
end

--- Closes the connection.
-- @return True or false.
function Helper:Close ()
  return self.tnssocket:close()
end

return _ENV
