---
-- iSCSI (RFC 7143): logging on, and asking for targets.
--
-- @usage
-- local helper = iscsi.Helper:new(host, port)
-- helper:connect()
-- local status = helper:login()
-- local status2, targets = helper:discoverTargets()
-- helper:logout()
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("iscsi", stdnse.seeall)

local HEADER_LEN = 48
local DATA_LEN_MAX = 1024 * 1024
local INITIATOR = "iqn.1991-05.example:perilune"

-- Operations (11.2.1.2).
local OP_LOGIN, OP_TEXT, OP_LOGOUT = 0x03, 0x04, 0x06
local FLAG_IMMEDIATE, FLAG_FINAL, FLAG_CONTINUE = 0x40, 0x80, 0x40
-- Stages of a logon (11.12.3).
local STAGE_SECURITY, STAGE_OPERATIONAL, STAGE_FULL = 0, 1, 3

--- Keys and values (6.1).
KVP = {}

--- Makes a list of keys and values.
-- @param kvp_tbl A table of values by key.
-- @return The list.
function KVP:new (kvp_tbl)
  local o = { list = {} }
  setmetatable(o, self)
  self.__index = self
  for key, value in pairs(kvp_tbl or {}) do o:add(key, value) end
  return o
end

--- Reads keys and values.
-- @param data The octets.
-- @return The list.
function KVP.parse (data)
  local kvp = KVP:new()
  for pair in string.gmatch(data, "%Z+") do
    local key, value = string.match(pair, "^([^=]+)=(.*)$")
    if key then kvp:add(key, value) end
  end
  return kvp
end

--- Adds a key.
-- @param key The key.
-- @param value The value.
function KVP:add (key, value)
  self.list[#self.list + 1] = { key, value }
end

--- Looks up a key.
-- @param key The key.
-- @return A list of its values, nil if there are none.
function KVP:get (key)
  local values = {}
  for _, pair in ipairs(self.list) do
    if pair[1] == key then values[#values + 1] = pair[2] end
  end
  return #values > 0 and values or nil
end

function KVP:__tostring ()
  local parts = {}
  for i, pair in ipairs(self.list) do parts[i] = ("%s=%s\0"):format(pair[1], pair[2]) end
  return table.concat(parts)
end

--- The challenge handshake (RFC 1994).
CHAP = {}

--- Answers a challenge.
-- @param identifier A number.
-- @param challenge The challenge's octets.
-- @param secret The password.
-- @return The response's octets.
function CHAP.calcResponse (identifier, challenge, secret)
  return openssl.md5(string.char(identifier & 0xff) .. secret .. challenge)
end

--- Packets. <code>LoginResponse.Errors</code> has the results that scripts look at; answers to logons have
-- <code>status_code</code>, <code>getErrorCode</code> and <code>getErrorMessage</code>.
Packet = {
  Opcode = { LOGIN = OP_LOGIN, TEXT = OP_TEXT, LOGOUT = OP_LOGOUT },
  LoginRequest = { Flags = { TRANSIT = 0x80 } },
  LoginResponse = {
    Errors = { SUCCESS = 0x0000, AUTH_FAILED = 0x0201 },
    -- Classes and details of failed logons (11.13.5).
    ErrorMsgs = {
      [0x0000] = "Success", [0x0101] = "Target moved temporarily", [0x0102] = "Target moved permanently",
      [0x0200] = "Initiator error", [0x0201] = "Authentication failed", [0x0202] = "Authorization failure",
      [0x0203] = "Target not found", [0x0204] = "Target removed", [0x0205] = "Unsupported version",
      [0x0206] = "Too many connections", [0x0207] = "Missing parameter", [0x0208] = "Cannot include in session",
      [0x0209] = "Session type not supported", [0x020a] = "Session does not exist",
      [0x020b] = "Invalid request during login", [0x0300] = "Target error", [0x0301] = "Service unavailable",
      [0x0302] = "Out of resources",
    },
  },
}
Packet.LoginResponse.__index = Packet.LoginResponse

--- Makes an answer.
-- @param code The result, nil if the answer is none of the protocol.
-- @param kvp The keys.
-- @param message What went wrong, if there is no result.
-- @return The answer.
function Packet.LoginResponse:new (code, kvp, message)
  return setmetatable({ status_code = code, kvp = kvp, message = message }, self)
end

--- The result of a logon.
-- @return A number, nil if there is none.
function Packet.LoginResponse:getErrorCode () return self.status_code end

--- What the result means.
-- @return Words.
function Packet.LoginResponse:getErrorMessage ()
  return self.message or Packet.LoginResponse.ErrorMsgs[self.status_code]
    or ("Login failed (0x%04x)"):format(self.status_code or 0)
end

function Packet.LoginResponse:__tostring () return self:getErrorMessage() end

-- A request: operation, flags, what is special to it in octets 9 to 16 and 17 to 48, and data with what fills them up.
local function encode_pdu (operation, flags, lun, rest, data)
  return string.pack(">BBI2BI3", operation | FLAG_IMMEDIATE, flags, 0, 0, #data) .. lun .. rest .. data
    .. string.rep("\0", -#data % 4)
end

Comm = {}

--- Makes a connection of a socket.
-- @param socket The socket, connected.
-- @return The connection.
function Comm:new (socket)
  local o = { socket = socket, tag = math.random(1, 0xffff), cmd_sn = 1, stat_sn = 0 }
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Sends a request and receives its answer.
-- @param out_packet The request's octets.
-- @return True and a table with <code>opcode</code>, <code>flags</code>, <code>header</code> and <code>data</code>; or
--         false and an error.
function Comm:exchange (out_packet)
  local status, err = self.socket:send(out_packet)
  if not status then return false, err end
  local header
  status, header = self.socket:receive_buf(match.numbytes(HEADER_LEN), true)
  if not status then return false, header end
  local ahs_len, data_len = string.unpack(">BI3", header, 5)
  if data_len > DATA_LEN_MAX then return false, "the answer is too long" end
  local size = ahs_len * 4 + data_len + -data_len % 4
  local data = ""
  if size > 0 then
    status, data = self.socket:receive_buf(match.numbytes(size), true)
    if not status then return false, data end
  end
  self.stat_sn = string.unpack(">I4", header, 25)
  return true, {
    opcode = string.byte(header, 1) & 0x3f,
    flags = string.byte(header, 2),
    header = header,
    data = string.sub(data, ahs_len * 4 + 1, ahs_len * 4 + data_len),
  }
end

Helper = {}

--- Makes a helper for a portal.
-- @param host The host table.
-- @param port The port table.
-- @return The helper.
function Helper:new (host, port)
  local o = { host = host, port = port }
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Connects.
-- @param socket A socket to use. Default: a new one.
-- @return True, or false and an error.
function Helper:connect (socket)
  self.socket = socket or nmap.new_socket()
  self.socket:set_timeout(math.max(stdnse.get_timeout(self.host), 5000))
  local status, err = self.socket:connect(self.host, self.port)
  if not status then return false, err end
  self.comm = Comm:new(self.socket)
  self.isid, self.tsih = "\x80\0\0\0" .. openssl.rand_bytes(2), 0
  return true
end

-- One step of a logon: true and the answer, or false and the answer.
local function login_step (helper, stage, following, transit, kvp)
  local comm = helper.comm
  local flags = (transit and Packet.LoginRequest.Flags.TRANSIT or 0) | stage << 2 | following
  local lun = helper.isid .. string.pack(">I2", helper.tsih)
  local rest = string.pack(">I4I2I2I4I4", comm.tag, 0, 0, comm.cmd_sn, comm.stat_sn) .. string.rep("\0", 16)
  local status, answer = comm:exchange(encode_pdu(OP_LOGIN, flags, lun, rest, tostring(kvp)))
  local Response = Packet.LoginResponse
  if not status then return false, Response:new(nil, nil, tostring(answer)) end
  if answer.opcode ~= 0x23 then return false, Response:new(nil, nil, "the answer is to something else") end
  helper.tsih = string.unpack(">I2", answer.header, 15)
  local code = string.unpack(">I2", answer.header, 37)
  return code == 0, Response:new(code, KVP.parse(answer.data))
end

local function first_value (response, key)
  local values = response.kvp:get(key)
  return values and values[1]
end

local function chap (helper, username, password)
  local status, answer =
    login_step(helper, STAGE_SECURITY, STAGE_OPERATIONAL, false, KVP:new({ CHAP_A = "5" }))
  if not status then return false, answer end
  local identifier, challenge = tonumber(first_value(answer, "CHAP_I")), first_value(answer, "CHAP_C")
  local octets = challenge and string.match(challenge, "^0[xX](%x+)$")
  octets = octets and stdnse.fromhex(#octets % 2 == 1 and "0" .. octets or octets)
  if not identifier or not octets then
    return false, Packet.LoginResponse:new(nil, nil, "the server sends no challenge")
  end
  local response = CHAP.calcResponse(identifier, octets, password)
  return login_step(helper, STAGE_SECURITY, STAGE_OPERATIONAL, true, KVP:new({
    CHAP_N = username,
    CHAP_R = "0x" .. stdnse.tohex(response),
  }))
end

--- Logs on: to a target, or for discovery without one.
-- @param target_name The target.
-- @param username The user.
-- @param password The password.
-- @param auth_method <code>None</code> or <code>CHAP</code>. Default: the one that fits.
-- @return True or false, and an answer (see <code>Packet</code>).
function Helper:login (target_name, username, password, auth_method)
  local kvp = KVP:new()
  kvp:add("InitiatorName", INITIATOR)
  kvp:add("InitiatorAlias", "perilune")
  kvp:add("SessionType", target_name and "Normal" or "Discovery")
  if target_name then kvp:add("TargetName", target_name) end
  kvp:add("AuthMethod", auth_method or username and "CHAP" or "None")
  local status, answer = login_step(self, STAGE_SECURITY, STAGE_OPERATIONAL, true, kvp)
  if not status then return false, answer end
  if first_value(answer, "AuthMethod") == "CHAP" then
    if not username then return false, Packet.LoginResponse:new(Packet.LoginResponse.Errors.AUTH_FAILED, answer.kvp) end
    status, answer = chap(self, username, password or "")
    if not status then return false, answer end
  end
  local operational = KVP:new()
  for _, pair in ipairs({ { "HeaderDigest", "None" }, { "DataDigest", "None" }, { "MaxRecvDataSegmentLength", "65536" },
    { "DefaultTime2Wait", "0" }, { "DefaultTime2Retain", "0" } }) do
    operational:add(pair[1], pair[2])
  end
  status, answer = login_step(self, STAGE_OPERATIONAL, STAGE_FULL, true, operational)
  self.logged_on = status
  return status, answer
end

--- Asks for the targets (SendTargets, appendix C). Nobody in particular logs on for it, unless that has happened.
-- @return True and a list of tables with <code>name</code> and <code>addr</code>, a list of addresses; or false and an
--         error.
function Helper:discoverTargets ()
  local comm = self.comm
  if not self.logged_on then
    local logged_on, response = self:login()
    if not logged_on then return false, response:getErrorMessage() end
  end
  local rest = string.pack(">I4I4I4I4", comm.tag, 0xffffffff, comm.cmd_sn, comm.stat_sn + 1 & 0xffffffff)
    .. string.rep("\0", 16)
  local status, answer = comm:exchange(encode_pdu(OP_TEXT, FLAG_FINAL, string.rep("\0", 8), rest, "SendTargets=All\0"))
  if not status then return false, answer end
  if answer.opcode ~= 0x24 then return false, "the answer is to something else" end
  if answer.flags & FLAG_CONTINUE ~= 0 then stdnse.debug1("iSCSI: the list of targets is cut off") end
  local targets = {}
  for _, pair in ipairs(KVP.parse(answer.data).list) do
    if pair[1] == "TargetName" then
      targets[#targets + 1] = { name = pair[2], addr = {} }
    elseif pair[1] == "TargetAddress" and #targets > 0 then
      table.insert(targets[#targets].addr, pair[2])
    end
  end
  return true, targets
end

--- Logs off.
-- @return True, or false and an error.
function Helper:logout ()
  local comm = self.comm
  local rest = string.pack(">I4I2I2I4I4", comm.tag, 0, 0, comm.cmd_sn, comm.stat_sn + 1 & 0xffffffff)
    .. string.rep("\0", 16)
  local status, answer = comm:exchange(encode_pdu(OP_LOGOUT, FLAG_FINAL, string.rep("\0", 8), rest, ""))
  if not status then return false, answer end
  if answer.opcode ~= 0x26 then return false, "the answer is to something else" end
  return true
end

--- Closes the connection.
-- @return True, or false and an error.
function Helper:close () return self.socket:close() end

return _ENV
