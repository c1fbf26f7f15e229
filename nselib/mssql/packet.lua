---
-- Microsoft SQL Server: messages of clients (MS-TDS 2.2.6). Scripts reach them through library <code>mssql</code>.
--
-- @copyright MIT OR Apache-2.0

local instance = require "mssql.instance"
local openssl = require "openssl"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local unicode = require "unicode"
_ENV = stdnse.module("mssql.packet", stdnse.seeall)

local function utf16 (text) return unicode.utf8to16(text) end
local SqlServerVersionInfo = instance.SqlServerVersionInfo

-- Packets ---------------------------------------------------------------------------------------------------------

--- Kinds of packets.
-- @class table
-- @name PacketType
PacketType = { Query = 0x01, Response = 0x04, Login = 0x10, NTAuthentication = 0x11, PreLogin = 0x12 }

--- What a client says first, and what the server answers: version, encryption, instance.
-- @class table
-- @name PreLoginPacket
PreLoginPacket = {
  OPTION_TYPE = { Version = 0, Encryption = 1, InstOpt = 2, ThreadId = 3, MARS = 4, Terminator = 0xff },
  _requestEncryption = 0,
  _instanceName = "",
  _threadId = 0,
}
PreLoginPacket.__index = PreLoginPacket

--- Makes a packet.
-- @return The packet.
function PreLoginPacket:new ()
  return setmetatable({}, self)
end

--- Sets the client's version.
-- @param versionInfo A version.
function PreLoginPacket:SetVersion (versionInfo) self.versionInfo = versionInfo end

--- Sets whether encryption is wanted.
-- @param requestEncryption True or false.
function PreLoginPacket:SetRequestEncryption (requestEncryption) self._requestEncryption = requestEncryption and 1 or 0 end

--- Sets the name of the instance that is asked for.
-- @param instanceName The name.
function PreLoginPacket:SetInstanceName (instanceName) self._instanceName = instanceName or "" end

--- Sets whether several results at once are wanted.
-- @param requestMars True or false.
function PreLoginPacket:SetRequestMars (requestMars) self._requestMars = requestMars end

--- Makes the bytes.
-- @return The kind of packet.
-- @return The bytes.
function PreLoginPacket:ToBytes ()
  local version = self.versionInfo or { major = 9, minor = 0, build = 1399, subBuild = 0 }
  local types = PreLoginPacket.OPTION_TYPE
  local options = {
    { types.Version, string.pack(">BBI2I2", version.major, version.minor, version.build, version.subBuild) },
    { types.Encryption, string.char(self._requestEncryption) },
    { types.InstOpt, self._instanceName .. "\0" },
    { types.ThreadId, string.pack("<I4", self._threadId) },
  }
  if self._requestMars ~= nil then options[#options + 1] = { types.MARS, self._requestMars and "\1" or "\0" } end
  local offset, heads, data = #options * 5 + 1, {}, {}
  for _, option in ipairs(options) do
    heads[#heads + 1] = string.pack(">BI2I2", option[1], offset, #option[2])
    data[#data + 1] = option[2]
    offset = offset + #option[2]
  end
  return PacketType.PreLogin, table.concat(heads) .. "\xff" .. table.concat(data)
end

--- Reads an answer.
-- @param bytes The packet's payload.
-- @return True or false.
-- @return A table with <code>versionInfo</code> and <code>encryption</code>, or an error.
function PreLoginPacket.FromBytes (bytes)
  local packet = PreLoginPacket:new()
  local pos = 1
  while true do
    local kind = string.byte(bytes, pos)
    if not kind then return false, "the answer is cut off" end
    if kind == 0xff then break end
    if pos + 4 > #bytes then return false, "the answer is cut off" end
    local offset, len = string.unpack(">I2I2", bytes, pos + 1)
    local data = string.sub(bytes, offset + 1, offset + len)
    if kind == 0 and #data >= 6 then
      local major, minor, build, sub = string.unpack(">BBI2I2", data)
      packet.versionInfo = SqlServerVersionInfo:new()
      packet.versionInfo:SetVersion(major, minor, build, sub, "SSNetLib")
    elseif kind == 1 and #data >= 1 then
      packet.encryption = string.byte(data)
    end
    pos = pos + 5
  end
  return true, packet
end

--- Passwords as they go over the wire.
-- @class table
-- @name Auth
Auth = {}

--- Hides a password: the halves of each byte change places, then exclusive or with 0xA5 (MS-TDS 2.2.6.4).
-- @param password The password.
-- @param decoder Not used; text is UTF-8.
-- @return The bytes.
function Auth.TDS7CryptPass (password, decoder)
  return (string.gsub(utf16(password), ".", function (c)
    local byte = string.byte(c)
    return string.char((byte << 4 & 0xf0 | byte >> 4) ~ 0xa5)
  end))
end

local function des_parts (hash, nonce)
  hash = hash .. ("\0"):rep(21 - #hash)
  local out = {}
  for i = 1, 21, 7 do
    out[#out + 1] = openssl.encrypt("DES", openssl.DES_string_to_key(string.sub(hash, i, i + 6)), nil, nonce)
  end
  return table.concat(out)
end

--- The answer of LAN Manager to a challenge.
-- @param password The password.
-- @param nonce The challenge.
-- @return The answer.
function Auth.LmResponse (password, nonce)
  local key = string.sub(string.upper(password), 1, 14)
  key = key .. ("\0"):rep(14 - #key)
  local hash = {}
  for i = 1, 14, 7 do
    hash[#hash + 1] = openssl.encrypt("DES", openssl.DES_string_to_key(string.sub(key, i, i + 6)), nil, "KGS!@#$%")
  end
  return des_parts(table.concat(hash), nonce)
end

--- The answer of NTLM to a challenge.
-- @param password The password.
-- @param nonce The challenge.
-- @return The answer.
function Auth.NtlmResponse (password, nonce)
  return des_parts(openssl.md4(utf16(password)), nonce)
end

--- The login (MS-TDS 2.2.6.4).
-- @class table
-- @name LoginPacket
LoginPacket = {
  version = 0x71000001, size = 0, cli_version = 7, cli_pid = 0, conn_id = 0, options_1 = 0xa0, options_2 = 0x03,
  sqltype_flag = 0, reserved_flag = 0, time_zone = 0, collation = 0, MAC = "\0\0\0\0\0\0",
  client = "perilune", app = "perilune", library = "perilune", locale = "", database = "master", username = "",
  password = "",
}
LoginPacket.__index = LoginPacket

--- Makes a packet.
-- @return The packet.
function LoginPacket:new ()
  return setmetatable({}, self)
end

--- Sets the user's name.
-- @param username The name.
function LoginPacket:SetUsername (username) self.username = username end
--- Sets the password.
-- @param password The password.
function LoginPacket:SetPassword (password) self.password = password end
--- Sets the database.
-- @param database The name.
function LoginPacket:SetDatabase (database) self.database = database end
--- Sets the server's name.
-- @param server The name.
function LoginPacket:SetServer (server) self.server = server end
--- Sets the domain, for a Windows login.
-- @param domain The domain.
function LoginPacket:SetDomain (domain) self.domain = domain end
--- Sets the first message of NTLM, for a Windows login.
-- @param blob The message.
function LoginPacket:SetSspi (blob) self.sspi = blob end

--- Makes the bytes.
-- @return The kind of packet.
-- @return The bytes.
function LoginPacket:ToString ()
  local windows = self.sspi ~= nil
  local fields = {
    utf16(self.client), windows and "" or utf16(self.username), windows and "" or Auth.TDS7CryptPass(self.password),
    utf16(self.app), utf16(self.server or ""), "", utf16(self.library), utf16(self.locale), utf16(self.database),
  }
  local offset, table_parts, data = 86, {}, {}
  for _, field in ipairs(fields) do
    table_parts[#table_parts + 1] = string.pack("<I2I2", offset, #field // 2)
    data[#data + 1] = field
    offset = offset + #field
  end
  local sspi = self.sspi or ""
  table_parts[#table_parts + 1] = self.MAC .. string.pack("<I2I2I2I2", offset, #sspi, offset + #sspi, 0)
  data[#data + 1] = sspi
  local head = string.pack("<I4I4I4I4I4BBBBI4I4", self.version, self.size, self.cli_version << 24, self.cli_pid,
    self.conn_id, self.options_1, self.options_2 | (windows and 0x80 or 0), self.sqltype_flag, self.reserved_flag,
    self.time_zone, self.collation)
  local body = head .. table.concat(table_parts) .. table.concat(data)
  return PacketType.Login, string.pack("<I4", #body + 4) .. body
end

--- A query.
-- @class table
-- @name QueryPacket
QueryPacket = {}
QueryPacket.__index = QueryPacket

--- Makes a packet.
-- @return The packet.
function QueryPacket:new ()
  return setmetatable({}, self)
end

--- Sets the statement.
-- @param query The statement.
function QueryPacket:SetQuery (query) self.query = query end

--- Makes the bytes.
-- @return The kind of packet.
-- @return The bytes.
function QueryPacket:ToString ()
  return PacketType.Query, utf16(self.query)
end

return _ENV
