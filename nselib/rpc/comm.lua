---
-- Open Network Computing RPC (RFC 5531): connections to programs and calls of their procedures. Scripts reach it as
-- <code>rpc.Comm</code>.
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local math = require "math"
local nmap = require "nmap"
local util = require "rpc.util"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("rpc.comm", stdnse.seeall)

-- Answers longer than this are cut off.
local ANSWER_LEN_MAX = 8 * 1024 * 1024
local TIMEOUT_MIN_MS = 3000
local UDP_TRIES = 2
-- Ports from which only administrators can send: some servers want that.
local PRIVILEGED_PORTS = { 512, 1023 }
local Util = util.Util

--- Versions of the programs that the library knows.
-- @class table
-- @name RPC_version
RPC_version = {
  rpcbind = { min = 2, max = 4 },
  nfs = { min = 2, max = 3 },
  mountd = { min = 1, max = 3 },
}

-- Connections ---------------------------------------------------------------------------------------------------

Portmap = {
  PROTOCOLS = { tcp = 6, udp = 17 },
  AuthType = { NULL = 0, UNIX = 1 },
  MessageType = { CALL = 0, REPLY = 1 },
  State = { MSG_ACCEPTED = 0, MSG_DENIED = 1 },
  Procedure = {
    [2] = { GETPORT = 3, DUMP = 4, CALLIT = 5 },
    [3] = { DUMP = 4 },
    [4] = { DUMP = 4 },
  },
  AcceptState = { SUCCESS = 0, PROG_UNAVAIL = 1, PROG_MISMATCH = 2, PROC_UNAVAIL = 3, GARBAGE_ARGS = 4,
    SYSTEM_ERR = 5 },
  AcceptMsg = {
    [0] = "The call was executed.",
    "The host does not have the program.",
    "The program does not have that version.",
    "The program does not have that procedure.",
    "The program cannot read the parameters.",
    "The program has a problem of its own.",
  },
  RejectState = { RPC_MISMATCH = 0, AUTH_ERROR = 1 },
  RejectMsg = { [0] = "The host does not speak version 2 of RPC.", "The host does not accept the caller." },
  AuthState = {
    AUTH_OK = 0, AUTH_BADCRED = 1, AUTH_REJECTEDCRED = 2, AUTH_BADVERF = 3, AUTH_REJECTEDVERF = 4, AUTH_TOOWEAK = 5,
    AUTH_INVALIDRESP = 6, AUTH_FAILED = 7,
  },
  AuthMsg = {
    [0] = "No reason.",
    "The credential is damaged.",
    "The caller must begin a new session.",
    "The verifier is damaged.",
    "The verifier is too old or was used before.",
    "The caller needs better credentials.",
    "The answer's verifier is damaged.",
    "The reason is not known.",
  },
}

Comm = {}

--- Makes a connection to a program, not open yet.
-- @param program The program's name.
-- @param version Its version.
-- @return The connection.
function Comm:new (program, version)
  local o = {
    program = program,
    program_id = Util.ProgNameToNumber(program),
    version = version or RPC_version[program] and RPC_version[program].max or 1,
    checkprogver = true,
  }
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Says whether program and version are checked against what the library knows.
-- @param check True or false.
function Comm:SetCheckProgVer (check) self.checkprogver = check end

--- Sets the program's number.
-- @param progid The number.
function Comm:SetProgID (progid) self.program_id = progid end

--- Sets the version.
-- @param version The version.
function Comm:SetVersion (version) self.version = version end

--- Checks that the library knows the program.
-- @return True, or false and an error.
function Comm:ChkProgram ()
  if not RPC_version[self.program] then return false, "RPC library does not support: " .. tostring(self.program) end
  return true
end

--- Checks that the library knows the program's version.
-- @return True, or false and an error.
function Comm:ChkVersion ()
  local known = RPC_version[self.program]
  if not known or self.version < known.min or self.version > known.max then
    return false, ("RPC library does not support: %s version %s"):format(tostring(self.program), tostring(self.version))
  end
  return true
end

-- A socket from a privileged port if that can be had.
local function open_socket (host, port, timeout)
  local err
  for attempt = 1, nmap.is_privileged() and 10 or 1 do
    local socket = nmap.new_socket(port.protocol)
    socket:set_timeout(timeout)
    if nmap.is_privileged() and attempt < 10 then
      socket:bind(nil, math.random(PRIVILEGED_PORTS[1], PRIVILEGED_PORTS[2]))
    end
    local status
    status, err = socket:connect(host, port, port.protocol)
    if status then return socket end
    socket:close()
  end
  return nil, err
end

--- Connects.
-- @param host The host table.
-- @param port The port table, number and protocol.
-- @param timeout Milliseconds. Default: worked out from the host.
-- @return True, or false and an error.
function Comm:Connect (host, port, timeout)
  if self.checkprogver then
    local status, err = self:ChkProgram()
    if status then status, err = self:ChkVersion() end
    if not status then return status, err end
  end
  timeout = timeout or math.max(stdnse.get_timeout(host), TIMEOUT_MIN_MS)
  local socket, err = open_socket(host, port, timeout)
  if not socket then return nil, ("%s connect error: %s"):format(tostring(self.program), tostring(err)) end
  self.host, self.ip, self.port, self.proto = host, host.ip, port.number, port.protocol
  self.socket, self.timeout = socket, timeout
  return true
end

--- Disconnects.
-- @return True.
function Comm:Disconnect ()
  if self.socket then self.socket:close() end
  self.socket = nil
  return true
end

--- The local and the remote address.
-- @return As <code>get_info</code> of a socket.
function Comm:GetSocketInfo () return self.socket:get_info() end

-- AUTH_SYS, RFC 5531, appendix A: a stamp, the machine, user, group and no further groups.
local function unix_credential ()
  return string.pack(">I4", math.floor(nmap.clock()) & 0xffffffff) .. Util.marshall_vopaque("localhost")
    .. string.pack(">I4I4I4", 0, 0, 0)
end

--- Makes the header of a call (RFC 5531, section 9).
-- @param xid The call's number, nil for a random one.
-- @param procedure The procedure's number. Default: 0, which every program has and which does nothing.
-- @param auth Table with <code>type</code>. Default: nobody.
-- @return True and the octets, or false and an error.
function Comm:CreateHeader (xid, procedure, auth)
  auth = auth or { type = Portmap.AuthType.NULL }
  if auth.type ~= Portmap.AuthType.NULL and auth.type ~= Portmap.AuthType.UNIX then
    return false, "Comm.CreateHeader: invalid authentication type specified"
  end
  if not self.program_id then return false, "Comm.CreateHeader: unknown program" end
  local credential = auth.type == Portmap.AuthType.UNIX and unix_credential() or ""
  self.xid = xid or math.random(1, 0x7fffffff)
  return true, string.pack(">I4I4I4I4I4I4", self.xid, Portmap.MessageType.CALL, 2, self.program_id, self.version,
    procedure or 0) .. string.pack(">I4", auth.type) .. Util.marshall_vopaque(credential) .. string.pack(">I4I4", 0, 0)
end

--- Makes a call's packet. Over TCP its length goes in front (RFC 5531, section 11).
-- @param xid The call's number, nil for a random one.
-- @param proc The procedure's number.
-- @param auth See <code>CreateHeader</code>.
-- @param data The parameters' octets.
-- @return The octets, or nil and an error.
function Comm:EncodePacket (xid, proc, auth, data)
  local status, header = self:CreateHeader(xid, proc, auth)
  if not status then return nil, header end
  local packet = header .. (data or "")
  if self.proto == "udp" then return packet end
  return string.pack(">I4", 0x80000000 | #packet) .. packet
end

--- Takes the header of an answer apart.
-- @param data The octets.
-- @param pos Where it begins. Default: 1.
-- @return The position of the results, and a table with <code>xid</code>, <code>type</code>, <code>state</code> and
--         what follows from it: <code>verifier</code> and <code>accept_state</code>, or <code>denied_state</code> and
--         <code>auth_state</code>; or nil and an error.
function Comm:DecodeHeader (data, pos)
  local header = {}
  pos, header.xid, header.type, header.state = Util.unmarshall_uint32(data, pos or 1, 3)
  if not header.state then return nil, "the answer ends within its header" end
  if header.state ~= Portmap.State.MSG_ACCEPTED then
    pos, header.denied_state = Util.unmarshall_uint32(data, pos)
    if header.denied_state == Portmap.RejectState.AUTH_ERROR then
      pos, header.auth_state = Util.unmarshall_uint32(data, pos)
    end
    return pos, header
  end
  local flavor, len
  pos, flavor, len = Util.unmarshall_uint32(data, pos, 2)
  if not len then return nil, "the answer ends within its header" end
  pos, header.verifier = Util.unmarshall_vopaque(len, data, pos)
  header.verifier_flavor = flavor
  pos, header.accept_state = Util.unmarshall_uint32(data, pos)
  if not header.accept_state then return nil, "the answer ends within its header" end
  return pos, header
end

--- Sends a packet.
-- @param packet The octets.
-- @return True, or false and an error.
function Comm:SendPacket (packet) return self.socket:send(packet) end

--- Receives an answer; over TCP its pieces are put together.
-- @return True and the octets without lengths, or false and an error.
function Comm:ReceivePacket ()
  if self.proto == "udp" then return self.socket:receive() end
  local parts, size = {}, 0
  while true do
    local status, prefix = self.socket:receive_buf(match.numbytes(4), true)
    if not status then return false, prefix end
    local mark = string.unpack(">I4", prefix)
    local len = mark & 0x7fffffff
    size = size + len
    if size > ANSWER_LEN_MAX or #parts > 1000 then return false, "the answer is too long" end
    local part = ""
    if len > 0 then
      status, part = self.socket:receive_buf(match.numbytes(len), true)
      if not status then return false, part end
    end
    parts[#parts + 1] = part
    if mark & 0x80000000 ~= 0 then return true, table.concat(parts) end
  end
end

--- Looks whether so many octets are there. Answers are received whole: nothing more comes.
-- @param data The octets.
-- @param pos From where.
-- @param needed How many.
-- @return True and the octets, or false and an error.
function Comm:GetAdditionalBytes (data, pos, needed)
  if #data - pos + 1 >= needed then return true, data end
  return false, "the answer ends too early"
end

--- Calls a procedure.
-- @param comm The connection.
-- @param name What to call it in messages.
-- @param procedure The procedure's number.
-- @param auth Table with <code>type</code>. Default: nobody.
-- @param data The parameters' octets.
-- @return The results' octets and where they begin, or nil and an error.
function call (comm, name, procedure, auth, data)
  if not comm.socket then return nil, name .. ": not connected" end
  local packet, err = comm:EncodePacket(nil, procedure, auth, data)
  if not packet then return nil, name .. ": " .. err end
  for _ = 1, comm.proto == "udp" and UDP_TRIES or 1 do
    local status
    status, err = comm:SendPacket(packet)
    if not status then break end
    -- Late answers to earlier calls are passed over.
    for _ = 1, 5 do
      local answer
      status, answer = comm:ReceivePacket()
      if not status then
        err = answer
        break
      end
      local pos, header = comm:DecodeHeader(answer)
      if not pos then return nil, name .. ": " .. header end
      if header.xid == comm.xid and header.type == Portmap.MessageType.REPLY then
        if header.state ~= Portmap.State.MSG_ACCEPTED then
          local why = Portmap.AuthMsg[header.auth_state] or Portmap.RejectMsg[header.denied_state]
            or "The call was denied."
          return nil, name .. ": " .. why
        end
        if header.accept_state ~= Portmap.AcceptState.SUCCESS then
          return nil, name .. ": " .. (Portmap.AcceptMsg[header.accept_state] or "The call was not executed.")
        end
        return answer, pos
      end
    end
  end
  return nil, name .. ": Failed to read data from socket (" .. tostring(err) .. ")"
end

--- Reads a text with its length in front.
-- @param data The octets.
-- @param pos Where it begins.
-- @return The position after it and the text; nil for a text that is not there.
function read_text (data, pos)
  local len, text
  pos, len = Util.unmarshall_uint32(data, pos)
  if not len then return pos, nil end
  return Util.unmarshall_vopaque(len, data, pos)
end

return _ENV
