---
-- NBD, network block devices: the handshake, the list of exports, their sizes and flags.
--
-- The source is the description <code>doc/proto.md</code> of the developers of NBD.
--
-- @usage
-- local comm = nbd.Comm:new(host, port)
-- if comm:connect() then
--   comm:list()
--   for name, export in pairs(comm.exports) do print(name, export.size) end
--   comm:close()
-- end
--
-- @copyright MIT OR Apache-2.0

local comm = require "comm"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("nbd", stdnse.seeall)

-- Longer replies and more exports are refused.
local REPLY_LEN_MAX = 65536
local EXPORTS_MAX = 1000

--- Numbers of the protocol.
-- @class table
-- @name NBD
NBD = {
  magic = {
    init_passwd = "NBDMAGIC",
    cliserv_magic_old = "\x00\x00\x42\x02\x81\x86\x12\x53",
    cliserv_magic_new = "IHAVEOPT",
    option = "\x00\x03\xe8\x89\x04\x55\x65\xa9",
    cmd_request = "\x25\x60\x95\x13",
    cmd_reply = "\x67\x44\x66\x98",
  },
  handshake_flags = { FIXED_NEWSTYLE = 0x1, NO_ZEROES = 0x2 },
  client_flags = { C_FIXED_NEWSTYLE = 0x1, C_NO_ZEROES = 0x2 },
  transmission_flags = {
    HAS_FLAGS = 0x1, READ_ONLY = 0x2, SEND_FLUSH = 0x4, SEND_FUA = 0x8, ROTATIONAL = 0x10, SEND_TRIM = 0x20,
    SEND_WRITE_ZEROES = 0x40, SEND_DF = 0x80, CAN_MULTI_CONN = 0x100, SEND_RESIZE = 0x200, SEND_CACHE = 0x400,
    SEND_FAST_ZERO = 0x800,
  },
  opt_req_types = {
    EXPORT_NAME = 1, ABORT = 2, LIST = 3, PEEK_EXPORT = 4, STARTTLS = 5, INFO = 6, GO = 7, STRUCTURED_REPLY = 8,
  },
  opt_rep_types = {
    ACK = 1, SERVER = 2, INFO = 3,
    ERR_UNSUP = 0x80000001, ERR_POLICY = 0x80000002, ERR_INVALID = 0x80000003, ERR_PLATFORM = 0x80000004,
    ERR_TLS_REQD = 0x80000005, ERR_UNKNOWN = 0x80000006, ERR_SHUTDOWN = 0x80000007, ERR_BLOCK_SIZE_REQD = 0x80000008,
  },
  opt_rep_ext_types = { INFO = { EXPORT = 0, NAME = 1, DESCRIPTION = 2, BLOCK_SIZE = 3 } },
  cmd_req_flags = { FUA = 0x1, NO_HOLE = 0x2, DF = 0x4 },
  cmd_req_types = { READ = 0, WRITE = 1, DISC = 2, FLUSH = 3, TRIM = 4, CACHE = 5, WRITE_ZEROES = 6 },
  errors = { EPERM = 1, EIO = 5, ENOMEM = 12, EINVAL = 22, ENOSPC = 28, EOVERFLOW = 75, ESHUTDOWN = 108 },
}

--- The key under which a table holds a value.
-- @param tbl The table.
-- @param val The value.
-- @return The key, or nil.
function find_key (tbl, val)
  for key, value in pairs(tbl) do
    if value == val then return key end
  end
end

--- A session. <code>exports</code> holds what is known by name: <code>size</code> and <code>tflags</code>;
-- <code>protocol</code> how the session began: <code>negotiation</code> and <code>ssl_tls</code>.
-- @class table
-- @name Comm
Comm = {}
Comm.__index = Comm

--- Makes a session; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @return The session.
function Comm:new (host, port)
  local o = setmetatable({ host = host, port = port, exports = {} }, self)
  o.protocol = { negotiation = "unrecognized", ssl_tls = false }
  return o
end

-- Reads from what came early, then from the socket.
function Comm:receive (len)
  if len > REPLY_LEN_MAX then return false, "the reply is too long" end
  while #self.early < len do
    local status, data = self.sock:receive()
    if not status then return false, data end
    self.early = self.early .. data
  end
  local data = string.sub(self.early, 1, len)
  self.early = string.sub(self.early, len + 1)
  return true, data
end

--- Sends bytes.
-- @param data The bytes.
-- @return True or false.
-- @return An error.
function Comm:send (data)
  return self.sock:send(data)
end

--- Connects and shakes hands.
-- @return True or false.
-- @return An error.
function Comm:connect ()
  local socket, early, proto = comm.tryssl(self.host, self.port, nil, { recv_before = true, timeout = 5000 })
  if not socket then return false, early end
  self.sock, self.early = socket, early or ""
  self.protocol.ssl_tls = proto == "ssl"
  local status, head = self:receive(16)
  if not status or string.sub(head, 1, 8) ~= NBD.magic.init_passwd then
    self:close()
    return false, "not a greeting of NBD"
  end
  local magic = string.sub(head, 9)
  local err
  if magic == NBD.magic.cliserv_magic_old then
    status, err = self:connect_old()
  elseif magic == NBD.magic.cliserv_magic_new then
    status, err = self:connect_new()
  else
    status, err = false, "the server's way of negotiation is not known"
  end
  if not status then self:close() end
  return status, err
end

--- Connects again after a session was used up.
-- @return True or false.
-- @return An error.
function Comm:reconnect ()
  self:close()
  return self:connect()
end

--- The old handshake: the server tells of its only export.
-- @return True or false.
-- @return An error.
function Comm:connect_old ()
  self.protocol.negotiation = "oldstyle"
  local status, data = self:receive(8 + 2 + 2 + 124)
  if not status then return false, data end
  local size, _, flags = string.unpack(">I8I2I2", data)
  self.exports["default"] = { size = size, tflags = self:parse_transmission_flags(flags) }
  return true
end

--- The new handshake: flags of both sides, then the list of exports where the server has one.
-- @return True or false.
-- @return An error.
function Comm:connect_new ()
  local status, data = self:receive(2)
  if not status then return false, data end
  local flags = string.unpack(">I2", data)
  local fixed = flags & NBD.handshake_flags.FIXED_NEWSTYLE ~= 0
  self.protocol.negotiation = fixed and "fixed newstyle" or "newstyle"
  self.protocol.zero_pad = flags & NBD.handshake_flags.NO_ZEROES ~= 0 and "optional" or "required"
  local err
  status, err = self:send(string.pack(">I4", flags & 3))
  if not status then return false, err end
  return true
end

local function list_names (self)
  local status, err = self:send(self:build_opt_req("LIST"))
  if not status then return nil, err end
  local names = {}
  while #names < EXPORTS_MAX do
    local reply
    reply, err = self:receive_opt_rep()
    if not reply then return nil, err end
    if reply.rtype_name == "ACK" then break end
    if reply.rtype_name ~= "SERVER" then return nil, reply.rtype_name end
    names[#names + 1] = reply.export_name
  end
  return names
end

--- Asks for the exports, where the server has a list; what it tells is kept in <code>exports</code>.
-- @return True or false.
-- @return An error.
function Comm:list ()
  if self.protocol.negotiation ~= "fixed newstyle" then return false, "the server has no list" end
  local names, err = list_names(self)
  if not names then return false, err end
  for _, name in ipairs(names) do
    if not self.exports[name] then
      self.exports[name] = {}
      self:inform(name)
    end
  end
  return true
end

--- Asks for size and flags of an export, without using it.
-- @param name The export's name.
-- @return True or false.
-- @return An error.
function Comm:inform (name)
  local status, err = self:send(self:build_opt_req("INFO", string.pack(">s4I2", name, 0)))
  if not status then return false, err end
  for _ = 1, 16 do
    local reply
    reply, err = self:receive_opt_rep()
    if not reply then return false, err end
    if reply.rtype_name == "ACK" then return true end
    if reply.rtype_name ~= "INFO" then return false, reply.rtype_name end
    if reply.size then self.exports[name] = { size = reply.size, tflags = reply.tflags } end
  end
  return false, "the reply has no end"
end

--- Uses an export, which ends the negotiation; size and flags are kept in <code>exports</code>.
-- @param name The export's name.
-- @return True or false.
-- @return An error.
function Comm:attach (name)
  if self.protocol.negotiation == "oldstyle" then return false, "the server has one export only" end
  local status, err = self:send(self:build_opt_req("EXPORT_NAME", name))
  if not status then return false, err end
  local data
  status, data = self:receive(10)
  if not status then return false, data end
  local size, flags = string.unpack(">I8I2", data)
  self.exports[name] = { size = size, tflags = self:parse_transmission_flags(flags) }
  return true
end

--- Makes a request of the negotiation.
-- @param name Its name, a key of <code>NBD.opt_req_types</code>.
-- @param options What it holds.
-- @return The bytes, or nil if there is no such request.
function Comm:build_opt_req (name, options)
  local kind = NBD.opt_req_types[name]
  if not kind then return nil end
  return NBD.magic.cliserv_magic_new .. string.pack(">I4s4", kind, options or "")
end

--- Reads a reply of the negotiation.
-- @return What <code>parse_opt_rep</code> returns, or nil.
-- @return An error.
function Comm:receive_opt_rep ()
  local status, head = self:receive(20)
  if not status then return nil, head end
  local len = string.unpack(">I4", head, 17)
  local body
  status, body = self:receive(len)
  if not status then return nil, body end
  local reply = self:parse_opt_rep(head .. body)
  if not reply then return nil, "the reply is malformed" end
  return reply
end

--- Reads what a reply of the negotiation says.
-- @param buf The reply.
-- @return A table with <code>rtype_name</code>, <code>otype_name</code> and what the reply holds; or nil.
function Comm:parse_opt_rep (buf)
  if #buf < 20 or string.sub(buf, 1, 8) ~= NBD.magic.option then return nil end
  local otype, rtype, len = string.unpack(">I4I4I4", buf, 9)
  if #buf < 20 + len then return nil end
  local reply = {
    otype = otype, otype_name = find_key(NBD.opt_req_types, otype),
    rtype = rtype, rtype_name = find_key(NBD.opt_rep_types, rtype) or ("0x%08x"):format(rtype),
  }
  if reply.rtype_name == "SERVER" then
    local ok, name = pcall(string.unpack, ">s4", buf, 21)
    if not ok then return nil end
    reply.export_name = name
  elseif reply.rtype_name == "INFO" and len >= 12 and string.unpack(">I2", buf, 21) == 0 then
    local flags
    reply.size, flags = string.unpack(">I8I2", buf, 23)
    reply.tflags = self:parse_transmission_flags(flags)
  end
  return reply
end

--- The names of flags.
-- @param flags The number.
-- @return A table with names as keys and true as values; nil if the number says that there are no flags.
function Comm:parse_transmission_flags (flags)
  if flags & NBD.transmission_flags.HAS_FLAGS == 0 then return nil end
  local names = {}
  for name, bit in pairs(NBD.transmission_flags) do
    if flags & bit ~= 0 then names[name] = true end
  end
  return names
end

--- Closes the session.
function Comm:close ()
  if self.sock then self.sock:close() end
end

return _ENV
