---
-- Microsoft SQL Server: discovery of instances (MC-SQLR), the protocol of its clients (MS-TDS 7.1), queries.
--
-- A script gives a function to <code>Helper.InitScript</code>, which calls it for every instance of the target:
--
-- @usage
-- local function look_at (instance)
--   local helper = mssql.Helper:new()
--   local status, err = helper:ConnectEx(instance)
--   ...
-- end
-- action, portrule, hostrule = mssql.Helper.InitScript(look_at)
--
-- @args mssql.username Who to log in as.
-- @args mssql.password The password.
-- @args mssql.database The database to use. Default: <code>master</code>.
-- @args mssql.domain The domain of a Windows login.
-- @args mssql.instance-name Only instances of this name.
-- @args mssql.instance-port Only the instance at this port.
-- @args mssql.instance-all All instances of the target.
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local os = require "os"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local unicode = require "unicode"
_ENV = stdnse.module("mssql", stdnse.seeall)

MSSQL_TIMEOUT = 5000

local RESPONSE_LEN_MAX = 32 * 1024 * 1024
local ROWS_MAX = 100000
local COLUMNS_MAX = 4096

local function utf16 (text) return unicode.utf8to16(text) end
local function utf8 (text) return unicode.utf16to8(text) end

-- Versions --------------------------------------------------------------------------------------------------------

-- Major and minor number, brand, and the builds with which a service pack begins.
local PRODUCTS = {
  { 6, 5, "6.5", {} },
  { 7, 0, "7.0", { { 623, "RTM" }, { 699, "SP1" }, { 842, "SP2" }, { 961, "SP3" }, { 1063, "SP4" } } },
  { 8, 0, "2000", { { 194, "RTM" }, { 384, "SP1" }, { 532, "SP2" }, { 760, "SP3" }, { 2039, "SP4" } } },
  { 9, 0, "2005", { { 1399, "RTM" }, { 2047, "SP1" }, { 3042, "SP2" }, { 4035, "SP3" }, { 5000, "SP4" } } },
  { 10, 50, "2008 R2", { { 1600, "RTM" }, { 2500, "SP1" }, { 4000, "SP2" }, { 6000, "SP3" } } },
  { 10, 0, "2008", { { 1600, "RTM" }, { 2531, "SP1" }, { 4000, "SP2" }, { 5500, "SP3" }, { 6000, "SP4" } } },
  { 11, 0, "2012", { { 2100, "RTM" }, { 3000, "SP1" }, { 5058, "SP2" }, { 6020, "SP3" }, { 7001, "SP4" } } },
  { 12, 0, "2014", { { 2000, "RTM" }, { 4100, "SP1" }, { 5000, "SP2" }, { 6024, "SP3" } } },
  { 13, 0, "2016", { { 1601, "RTM" }, { 4001, "SP1" }, { 5026, "SP2" }, { 6300, "SP3" } } },
  { 14, 0, "2017", { { 1000, "RTM" } } },
  { 15, 0, "2019", { { 2000, "RTM" } } },
  { 16, 0, "2022", { { 1000, "RTM" } } },
}

--- The version of a server.
-- @class table
-- @name SqlServerVersionInfo
SqlServerVersionInfo = { versionNumber = "" }
SqlServerVersionInfo.__index = SqlServerVersionInfo

--- Makes an empty version.
-- @return The version.
function SqlServerVersionInfo:new ()
  return setmetatable({}, self)
end

--- Sets the version from text.
-- @param versionNumber Text such as <code>15.0.2000.5</code>.
-- @param source Where it is from, such as <code>SSRP</code>.
function SqlServerVersionInfo:SetVersionNumber (versionNumber, source)
  local major, minor, build, sub = string.match(versionNumber, "^(%d+)%.(%d+)%.?(%d*)%.?(%d*)")
  if not major then return end
  self:SetVersion(tonumber(major), tonumber(minor), tonumber(build) or 0, tonumber(sub) or 0, source)
end

--- Sets the version from numbers.
-- @param major Major number.
-- @param minor Minor number.
-- @param build Build.
-- @param subBuild Part of the build.
-- @param source Where it is from.
function SqlServerVersionInfo:SetVersion (major, minor, build, subBuild, source)
  self.major, self.minor, self.build, self.subBuild, self.source = major, minor, build, subBuild, source
  self.versionNumber = ("%d.%02d.%04d.%02d"):format(major, minor, build, subBuild)
  self:_InferProductVersion()
end

-- The row of the product.
function SqlServerVersionInfo:_GetSpLookupTable ()
  for _, product in ipairs(PRODUCTS) do
    if product[1] == self.major and self.minor >= product[2] then return product end
  end
end

-- Brand and service pack from the numbers.
function SqlServerVersionInfo:_InferProductVersion ()
  local product = self:_GetSpLookupTable()
  if not product then
    self.productName = "Microsoft SQL Server"
    return
  end
  self.brandedVersion = product[3]
  self.productName = "Microsoft SQL Server " .. product[3]
  for _, level in ipairs(product[4]) do
    if self.build >= level[1] then
      self.servicePackLevel = level[2]
      -- Only who asked the server itself can tell a patched server: the browser tells the installed version.
      if self.source ~= "SSRP" then self.patched = self.build > level[1] end
    end
  end
end

--- The version as text.
-- @return Text such as <code>Microsoft SQL Server 2012 SP1+</code>.
function SqlServerVersionInfo:ToString ()
  local text = self.productName or "Microsoft SQL Server"
  if self.servicePackLevel then text = text .. " " .. self.servicePackLevel end
  if self.patched then text = text .. "+" end
  return text
end

--- Writes the version into a port's version.
-- @param port The port table.
function SqlServerVersionInfo:PopulateNmapPortVersion (port)
  port.service = "ms-sql-s"
  port.version = port.version or {}
  port.version.name = "ms-sql-s"
  port.version.product = self.productName
  local parts = { self.versionNumber }
  if self.servicePackLevel then parts[#parts + 1] = self.servicePackLevel .. (self.patched and "+" or "") end
  port.version.version = table.concat(parts, "; ")
  return port
end

-- Instances -------------------------------------------------------------------------------------------------------

--- An instance of the server: <code>host</code>, <code>port</code>, <code>serverName</code>, <code>instanceName</code>,
-- <code>version</code>, <code>pipeName</code>, <code>isClustered</code>.
-- @class table
-- @name SqlServerInstanceInfo
SqlServerInstanceInfo = {}
SqlServerInstanceInfo.__index = SqlServerInstanceInfo

--- Makes an instance.
-- @param o A table to use, or nil.
-- @return The instance.
function SqlServerInstanceInfo:new (o)
  return setmetatable(o or {}, self)
end

SqlServerInstanceInfo.__eq = function (self, other)
  if self.host ~= other.host and (self.host or {}).ip ~= (other.host or {}).ip then return false end
  if self.port and other.port then return self.port.number == other.port.number end
  if self.instanceName and other.instanceName then
    return string.upper(self.instanceName) == string.upper(other.instanceName)
  end
  return self.pipeName ~= nil and self.pipeName == other.pipeName
end

--- Takes over what another one knows.
-- @param other The other instance.
-- @param overwrite True if the other one knows better.
function SqlServerInstanceInfo:Merge (other, overwrite)
  for _, name in ipairs({ "host", "port", "instanceName", "version", "isClustered", "pipeName", "serverName" }) do
    if other[name] ~= nil and (overwrite or self[name] == nil) then self[name] = other[name] end
  end
end

--- The instance's name for output.
-- @return Text such as <code>192.0.2.1\PROD</code> or <code>192.0.2.1:1433</code>.
function SqlServerInstanceInfo:GetName ()
  local address = self.host and self.host.ip or "?"
  if self.instanceName then return address .. "\\" .. self.instanceName end
  if self.port then return ("%s:%d"):format(address, self.port.number) end
  return self.pipeName or address
end

--- Sets whether it is part of a cluster.
-- @param isClustered What the server says: text with "Yes", or a boolean.
function SqlServerInstanceInfo:SetIsClustered (isClustered)
  self.isClustered = isClustered == true or string.upper(tostring(isClustered)) == "YES"
end

--- Tells whether there is a way to connect.
-- @return True or false.
function SqlServerInstanceInfo:HasNetworkProtocols ()
  return self.pipeName ~= nil or self.port ~= nil
end

-- Discovery -------------------------------------------------------------------------------------------------------

--- The protocol of the browser service.
-- @class table
-- @name SSRP
SSRP = {
  PORT = { number = 1434, protocol = "udp" },
  DEBUG_ID = "MSSQL-SSRP",
  MESSAGE_TYPE = { ClientBroadcast = 0x02, ClientUnicast = 0x03, ClientUnicastInst = 0x04, ClientUnicastDac = 0x0f,
    ServerResponse = 0x05 },
}

--- Reads the description of instances: pairs of names and values, each instance begins with <code>ServerName</code>.
-- @param host The host table.
-- @param ssrpString The description.
-- @return An array of instances.
function SSRP._ParseSsrpString (host, ssrpString)
  local instances = {}
  for text in string.gmatch(ssrpString .. ";;", "(.-);;") do
    local values = {}
    for name, value in string.gmatch(text .. ";", "([^;]+);([^;]*);") do values[string.lower(name)] = value end
    if values.servername then
      local one = SqlServerInstanceInfo:new()
      one.host, one.serverName, one.instanceName = host, values.servername, values.instancename
      one:SetIsClustered(values.isclustered)
      local number = tonumber(values.tcp)
      if number and number > 0 and number < 65536 then
        one.port = { number = number, protocol = "tcp", state = "open" }
      end
      one.pipeName = values.np
      if values.version then
        one.version = SqlServerVersionInfo:new()
        one.version:SetVersionNumber(values.version, "SSRP")
        if one.port then one.version:PopulateNmapPortVersion(one.port) end
      end
      instances[#instances + 1] = one
    end
  end
  return instances
end

--- Reads an answer.
-- @param host The host table.
-- @param responseData The datagram.
-- @return An array of instances, empty if the answer is malformed.
function SSRP._ProcessResponse (host, responseData)
  if #responseData < 3 then return {} end
  local kind, len, pos = string.unpack("<BI2", responseData)
  if kind ~= SSRP.MESSAGE_TYPE.ServerResponse then return {} end
  return SSRP._ParseSsrpString(host, string.sub(responseData, pos, pos + len - 1))
end

--- Asks the browser service of a host.
-- @param host The host table.
-- @param port The service's port. Default: 1434.
-- @return True or false.
-- @return An array of instances, or an error.
function SSRP.DiscoverInstances (host, port)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(MSSQL_TIMEOUT)
  local status, data = socket:connect(host, port or SSRP.PORT, "udp")
  if status then status, data = socket:send(string.char(SSRP.MESSAGE_TYPE.ClientUnicast)) end
  if status then status, data = socket:receive() end
  socket:close()
  if not status then return false, data end
  return true, SSRP._ProcessResponse(host, data)
end

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

-- Answers ---------------------------------------------------------------------------------------------------------

--- Kinds of what answers hold.
-- @class table
-- @name TokenType
TokenType = {
  ReturnStatus = 0x79, TDS7Results = 0x81, OrderBy = 0xa9, ErrorMessage = 0xaa, InformationMessage = 0xab,
  LoginAcknowledgement = 0xad, Row = 0xd1, EnvironmentChange = 0xe3, NTLMSSP_CHALLENGE = 0xed, Done = 0xfd,
  DoneProc = 0xfe, DoneInProc = 0xff,
}

--- Numbers of errors of a login.
-- @class table
-- @name LoginErrorType
LoginErrorType = {
  AccountLockedOut = 15113,
  NotAssociatedWithTrustedConnection = 18452,
  InvalidUsernameOrPassword = 18456,
  PasswordChangeFailed_PasswordNotAllowed = 18463,
  PasswordChangeFailed_PasswordTooShort = 18464,
  PasswordChangeFailed_PasswordTooLong = 18465,
  PasswordChangeFailed_PasswordNotComplex = 18466,
  PasswordChangeFailed_PasswordFilter = 18467,
  PasswordChangeFailed_UnexpectedError = 18468,
  PasswordExpired = 18487,
  PasswordMustChange = 18488,
}

--- Their names by number.
-- @class table
-- @name LoginErrorMessage
LoginErrorMessage = {}
for name, number in pairs(LoginErrorType) do LoginErrorMessage[number] = name end

--- Types of columns.
-- @class table
-- @name DataTypes
DataTypes = {
  SQLTEXT = 0x23, GUIDTYPE = 0x24, SYBINTN = 0x26, SYBINT2 = 0x34, SYBINT4 = 0x38, SYBDATETIME = 0x3d, NTEXTTYPE = 0x63,
  BITNTYPE = 0x68, DECIMALNTYPE = 0x6a, NUMERICNTYPE = 0x6c, FLTNTYPE = 0x6d, MONEYNTYPE = 0x6e, SYBDATETIMN = 0x6f,
  XSYBVARBINARY = 0xa5, XSYBVARCHAR = 0xa7, BIGBINARYTYPE = 0xad, BIGCHARTYPE = 0xaf, XSYBNVARCHAR = 0xe7,
  SQLNCHAR = 0xef,
}

-- Bytes of types of one size.
local FIXED_LENS = { [0x1f] = 0, [0x30] = 1, [0x32] = 1, [0x34] = 2, [0x38] = 4, [0x3a] = 4, [0x3b] = 4, [0x3c] = 8,
  [0x3d] = 8, [0x3e] = 8, [0x7a] = 4, [0x7f] = 8 }

local BYTE_LEN = { [0x24] = true, [0x25] = true, [0x26] = true, [0x27] = true, [0x2d] = true, [0x2f] = true, [0x68] = true,
  [0x6d] = true, [0x6e] = true, [0x6f] = true, [0x6a] = true, [0x6c] = true }
local SHORT_LEN = { [0xa5] = true, [0xa7] = true, [0xad] = true, [0xaf] = true, [0xe7] = true, [0xef] = true }
local LONG_LEN = { [0x22] = true, [0x23] = true, [0x63] = true }
local COLLATED = { [0xa7] = true, [0xaf] = true, [0xe7] = true, [0xef] = true, [0x23] = true, [0x63] = true }
local WIDE = { [0xe7] = true, [0xef] = true, [0x63] = true }

-- Days and parts of a day since 1900 as text.
local function date_text (days, seconds)
  local stamp = (days - 25567) * 86400 + math.floor(seconds)
  return os.date("!%Y-%m-%d %H:%M:%S", stamp)
end

local function number_of (kind, data)
  if kind == 0x6d or kind == 0x3b or kind == 0x3e then
    return (string.unpack(#data == 4 and "<f" or "<d", data))
  elseif kind == 0x6e or kind == 0x3c or kind == 0x7a then
    if #data == 4 then return string.unpack("<i4", data) / 10000 end
    local high, low = string.unpack("<i4I4", data)
    return (high * 0x100000000 + low) / 10000
  elseif kind == 0x3d or kind == 0x6f or kind == 0x3a then
    if #data == 4 then
      local days, minutes = string.unpack("<I2I2", data)
      return date_text(days, minutes * 60)
    end
    local days, ticks = string.unpack("<i4I4", data)
    return date_text(days, ticks / 300)
  elseif #data == 1 then
    return string.byte(data)
  end
  return (string.unpack("<i" .. #data, data))
end

-- A number with a sign and a scale (types decimal and numeric).
local function decimal_text (data, scale)
  local hex = stdnse.tohex(string.reverse(string.sub(data, 2)))
  local digits = openssl.bignum_bn2dec(openssl.bignum_hex2bn(hex))
  if scale > 0 then
    digits = ("0"):rep(scale + 1 - #digits) .. digits
    digits = string.sub(digits, 1, -scale - 1) .. "." .. string.sub(digits, -scale)
  end
  return (string.byte(data) == 0 and "-" or "") .. digits
end

-- A value as Lua shows it.
local function convert (column, data)
  local kind = column.type
  if WIDE[kind] then return utf8(data) end
  if kind == 0x6a or kind == 0x6c then return decimal_text(data, column.scale) end
  if kind == 0x24 and #data == 16 then
    local a, b, c = string.unpack("<I4I2I2", data)
    return ("%08X-%04X-%04X-%s-%s"):format(a, b, c, string.upper(stdnse.tohex(string.sub(data, 9, 10))),
      string.upper(stdnse.tohex(string.sub(data, 11))))
  end
  if FIXED_LENS[kind] or kind == 0x26 or kind == 0x68 or kind == 0x6d or kind == 0x6e or kind == 0x6f then
    return number_of(kind, data)
  end
  if kind == 0xa5 or kind == 0xad or kind == 0x22 or kind == 0x25 or kind == 0x2d then return "0x" .. stdnse.tohex(data) end
  return data
end

-- The description of a column. Raises if it is malformed or its type is not known.
local function read_column (data, pos)
  local column = {}
  column.usertype, column.flags, column.type, pos = string.unpack("<I2I2B", data, pos)
  local kind = column.type
  if FIXED_LENS[kind] then
    column.len = FIXED_LENS[kind]
  elseif BYTE_LEN[kind] then
    column.len, pos = string.unpack("B", data, pos)
    if kind == 0x6a or kind == 0x6c then
      local _
      _, column.scale, pos = string.unpack("BB", data, pos)
    end
  elseif SHORT_LEN[kind] then
    column.len, pos = string.unpack("<I2", data, pos)
  elseif LONG_LEN[kind] then
    column.len, pos = string.unpack("<I4", data, pos)
  else
    error("the type of a column is not known")
  end
  if COLLATED[kind] then pos = pos + 5 end
  if LONG_LEN[kind] then
    -- The table's name.
    local len
    len, pos = string.unpack("<I2", data, pos)
    pos = pos + 2 * len
  end
  local len
  len, pos = string.unpack("B", data, pos)
  if pos + 2 * len - 1 > #data then error("cut off") end
  column.text = utf8(string.sub(data, pos, pos + 2 * len - 1))
  return column, pos + 2 * len
end

--- Descriptions of columns.
-- @class table
-- @name ColumnInfo
ColumnInfo = { Parse = {} }

--- Values of columns.
-- @class table
-- @name ColumnData
ColumnData = { Parse = {} }

-- A value. Raises if it is malformed.
local function read_value (column, data, pos)
  local kind, len = column.type, nil
  if FIXED_LENS[kind] then
    len = FIXED_LENS[kind]
    if len == 0 then return "Null", pos end
  elseif BYTE_LEN[kind] then
    len, pos = string.unpack("B", data, pos)
    if len == 0 then return "Null", pos end
  elseif SHORT_LEN[kind] then
    len, pos = string.unpack("<I2", data, pos)
    if len == 0xffff then return "Null", pos end
  else
    local pointer
    pointer, pos = string.unpack("B", data, pos)
    if pointer == 0 then return "Null", pos end
    len, pos = string.unpack("<I4", data, pos + pointer + 8)
  end
  if pos + len - 1 > #data then error("cut off") end
  return convert(column, string.sub(data, pos, pos + len - 1)), pos + len
end

--- What an answer holds.
-- @class table
-- @name Token
Token = { Parse = {} }

-- Text with its length in characters in front.
local function short_text (data, pos)
  local len, after = string.unpack("B", data, pos)
  if after + 2 * len - 1 > #data then error("cut off") end
  return utf8(string.sub(data, after, after + 2 * len - 1)), after + 2 * len
end

local function read_message (kind)
  return function (data, pos)
    local size, after = string.unpack("<I2", data, pos)
    local token = { type = kind, size = size }
    local len, at
    token.errno, token.state, token.severity, len, at = string.unpack("<I4BBI2", data, after)
    if at + 2 * len - 1 > #data then error("cut off") end
    token.error = utf8(string.sub(data, at, at + 2 * len - 1))
    token.server = short_text(data, at + 2 * len)
    return token, after + size
  end
end

local function skip_counted (kind)
  return function (data, pos)
    local size, after = string.unpack("<I2", data, pos)
    return { type = kind, data = string.sub(data, after, after + size - 1) }, after + size
  end
end

local function read_done (kind)
  return function (data, pos)
    local flags, operation, count, after = string.unpack("<I2I2I4", data, pos)
    return { type = kind, flags = flags, operation = operation, rowcount = count }, after
  end
end

Token.Parse = {
  [TokenType.ErrorMessage] = read_message(TokenType.ErrorMessage),
  [TokenType.InformationMessage] = read_message(TokenType.InformationMessage),
  [TokenType.EnvironmentChange] = skip_counted(TokenType.EnvironmentChange),
  [TokenType.OrderBy] = skip_counted(TokenType.OrderBy),
  [TokenType.NTLMSSP_CHALLENGE] = skip_counted(TokenType.NTLMSSP_CHALLENGE),
  [TokenType.LoginAcknowledgement] = skip_counted(TokenType.LoginAcknowledgement),
  [TokenType.Done] = read_done(TokenType.Done),
  [TokenType.DoneProc] = read_done(TokenType.DoneProc),
  [TokenType.DoneInProc] = read_done(TokenType.DoneInProc),
  [TokenType.ReturnStatus] = function (data, pos)
    local value, after = string.unpack("<i4", data, pos)
    return { type = TokenType.ReturnStatus, value = value }, after
  end,
  [TokenType.TDS7Results] = function (data, pos)
    local count, after = string.unpack("<I2", data, pos)
    local token = { type = TokenType.TDS7Results, count = count, colinfo = {} }
    if count == 0xffff then return token, after end
    if count > COLUMNS_MAX then error("too many columns") end
    for i = 1, count do token.colinfo[i], after = read_column(data, after) end
    return token, after
  end,
}

--- Reads one token. Raises if it is malformed.
-- @param data An answer.
-- @param pos Where it starts.
-- @return Where it ends; -1 if its kind is not known.
-- @return The token, or an error.
function Token.ParseToken (data, pos)
  local kind, after = string.unpack("B", data, pos)
  local reader = Token.Parse[kind]
  if not reader then return -1, ("No parser for token type: %d"):format(kind) end
  local token, stop = reader(data, after)
  return stop, token
end

-- Tokens of an answer up to its end, rows included.
local function read_answer (data)
  local pos, columns, result = 1, nil, { colinfo = {}, rows = {} }
  while pos <= #data do
    local kind = string.byte(data, pos)
    if kind == TokenType.Row or kind == 0xd2 then
      if not columns then error("a row without columns") end
      if #result.rows >= ROWS_MAX then error("too many rows") end
      local row, nulls = {}, nil
      pos = pos + 1
      if kind == 0xd2 then
        nulls = string.sub(data, pos, pos + (#columns + 7) // 8 - 1)
        pos = pos + (#columns + 7) // 8
      end
      for i, column in ipairs(columns) do
        if nulls and (string.byte(nulls, (i - 1) // 8 + 1) or 0) >> ((i - 1) % 8) & 1 == 1 then
          row[i] = "Null"
        else
          row[i], pos = read_value(column, data, pos)
        end
      end
      result.rows[#result.rows + 1] = row
    else
      local token
      pos, token = Token.ParseToken(data, pos)
      if pos == -1 then error(token, 0) end
      if token.type == TokenType.TDS7Results then
        columns = token.colinfo
        if #columns > 0 then result.colinfo = columns end
      elseif token.type == TokenType.ErrorMessage then
        result.failure = result.failure or token
      elseif token.type == TokenType.LoginAcknowledgement then
        result.accepted = true
      elseif token.type == TokenType.NTLMSSP_CHALLENGE then
        result.challenge = token.data
      end
    end
  end
  return result
end

-- Connection ------------------------------------------------------------------------------------------------------

--- A connection: payloads in packets of at most 4,096 bytes.
-- @class table
-- @name TDSStream
TDSStream = { _packetId = 0, MESSAGE_STATUS_FLAGS = { Normal = 0, EndOfMessage = 1, IgnoreThisEvent = 2, ResetConnection = 8,
  ResetConnectionSkipTran = 16 } }
TDSStream.__index = TDSStream

local PACKET_LEN_MAX = 4096

--- Makes a connection object; nothing is sent.
-- @return The object.
function TDSStream:new ()
  return setmetatable({}, self)
end

--- Connects by TCP.
-- @param host The host table.
-- @param port The port table or a number.
-- @return True or false.
-- @return An error.
function TDSStream:Connect (host, port)
  local number = type(port) == "table" and port.number or port
  self._socket = nmap.new_socket()
  self._socket:set_timeout(MSSQL_TIMEOUT)
  local status, err = self._socket:connect(host, number, "tcp")
  if not status then return false, "Connect() failed: " .. tostring(err) end
  self._name = ("%s:%d"):format(type(host) == "table" and host.ip or host, number)
  return true
end

--- Connects to an instance.
-- @param instanceInfo The instance; it needs a port.
-- @return True or false.
-- @return An error.
function TDSStream:ConnectEx (instanceInfo)
  if not instanceInfo.port then return false, "No TCP port is available for this instance" end
  return self:Connect(instanceInfo.host, instanceInfo.port)
end

--- Closes the connection.
-- @return True or false.
function TDSStream:Disconnect ()
  if not self._socket then return false end
  local status = self._socket:close()
  self._socket = nil
  return status
end

--- Sets how long to wait.
-- @param timeout Milliseconds.
function TDSStream:SetTimeout (timeout)
  if self._socket then self._socket:set_timeout(timeout) end
end

--- Sends a payload.
-- @param packetType The kind of packet.
-- @param packetData The payload.
-- @return True or false.
-- @return An error.
function TDSStream:Send (packetType, packetData)
  if not self._socket then return false, "not connected" end
  local room, pos = PACKET_LEN_MAX - 8, 1
  repeat
    local part = string.sub(packetData, pos, pos + room - 1)
    pos = pos + room
    self._packetId = self._packetId % 255 + 1
    local last = pos > #packetData
    local status, err = self._socket:send(string.pack(">BBI2I2BB", packetType, last and 1 or 0, #part + 8, 0,
      self._packetId, 0) .. part)
    if not status then return false, err end
  until last
  return true
end

--- Reads a payload.
-- @return True or false.
-- @return The payload, or an error.
function TDSStream:Receive ()
  if not self._socket then return false, "not connected" end
  local parts, total = {}, 0
  while true do
    local status, head = self._socket:receive_buf(match.numbytes(8), true)
    if not status then return false, head end
    local kind, flags, len = string.unpack(">BBI2", head)
    if kind ~= PacketType.Response or len < 8 then return false, "Server returned invalid packet" end
    if len > 8 then
      local received, data = self._socket:receive_buf(match.numbytes(len - 8), true)
      if not received then return false, data end
      parts[#parts + 1] = data
      total = total + #data
    end
    if total > RESPONSE_LEN_MAX then return false, "the answer is too long" end
    if flags & 1 == 1 then return true, table.concat(parts) end
  end
end

-- What scripts use ------------------------------------------------------------------------------------------------

--- A session, and the discovery of instances.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper; nothing is sent.
-- @return The helper.
function Helper:new ()
  return setmetatable({}, self)
end

--- Connects.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
-- @return An error.
function Helper:Connect (host, port)
  self.stream = TDSStream:new()
  return self.stream:Connect(host, port)
end

--- Connects to an instance.
-- @param instanceInfo The instance.
-- @return True or false.
-- @return An error.
function Helper:ConnectEx (instanceInfo)
  self.stream = TDSStream:new()
  return self.stream:ConnectEx(instanceInfo)
end

--- Closes the connection.
-- @return True or false.
-- @return An error.
function Helper:Disconnect ()
  if not self.stream then return false, "Not connected to server" end
  self.stream:Disconnect()
  self.stream = nil
  return true
end

--- Logs in.
-- @param username The user's name.
-- @param password The password.
-- @param database The database. Default: <code>master</code>.
-- @param servername The server's name.
-- @return True if the login is accepted, else false.
-- @return A text.
-- @return The number of the error.
function Helper:Login (username, password, database, servername)
  if not self.stream then return false, "Not connected to server" end
  local packet = LoginPacket:new()
  packet:SetUsername(username)
  packet:SetPassword(password or "")
  packet:SetDatabase(database or (stdnse.get_script_args("mssql.database")) or "master")
  packet:SetServer(servername or "")
  local status, data = self.stream:Send(packet:ToString())
  if not status then return false, data end
  status, data = self.stream:Receive()
  if not status then
    -- A server that wants encryption hangs up.
    if data == "EOF" then return false, "The server hung up; it may want encryption" end
    return false, data
  end
  local ok, answer = pcall(read_answer, data)
  if not ok then return false, "the answer is malformed" end
  if answer.accepted then return true, "Login Success" end
  local failure = answer.failure
  if not failure then return false, "Failed to process login response" end
  if failure.errno == LoginErrorType.InvalidUsernameOrPassword then return false, "Bad username or password", failure.errno end
  return false, LoginErrorMessage[failure.errno] or failure.error, failure.errno
end

--- Logs in to an instance with what is known: arguments, or what other scripts found.
-- @param instanceInfo The instance.
-- @param database The database.
-- @param servername The server's name.
-- @return True if a login is accepted, else false.
-- @return A text.
function Helper:LoginEx (instanceInfo, database, servername)
  local all = Helper.GetLoginCredentials_All(instanceInfo)
  if not all then return false, "No login credentials" end
  for username, password in pairs(all) do
    local status, err = self:Login(username, password, database, servername or instanceInfo.host.ip)
    if status then return true, err end
    self:Disconnect()
    status = self:ConnectEx(instanceInfo)
    if not status then break end
  end
  return false, "Could not log in with the credentials that are known"
end

--- Runs statements.
-- @param query The statements.
-- @return True or false.
-- @return A table with <code>colinfo</code>, an array of columns with <code>text</code> and <code>type</code>, and
--         <code>rows</code>, an array of arrays; or an error.
function Helper:Query (query)
  if not self.stream then return false, "Not connected to server" end
  local packet = QueryPacket:new()
  packet:SetQuery(query)
  local status, data = self.stream:Send(packet:ToString())
  if not status then return false, data end
  status, data = self.stream:Receive()
  if not status then return false, data end
  local ok, answer = pcall(read_answer, data)
  if not ok then return false, "the answer is malformed: " .. tostring(answer) end
  if answer.failure and #answer.rows == 0 then return false, answer.failure.error end
  return true, { colinfo = answer.colinfo, rows = answer.rows }
end

--- Asks the server itself for its version; the instance is filled in.
-- @param instanceInfo The instance.
-- @return True or false.
-- @return The version, or an error.
function Helper.GetInstanceVersion (instanceInfo)
  local stream = TDSStream:new()
  local status, data = stream:ConnectEx(instanceInfo)
  if not status then return false, data end
  local packet = PreLoginPacket:new()
  packet:SetInstanceName(instanceInfo.instanceName)
  status, data = stream:Send(packet:ToBytes())
  if status then status, data = stream:Receive() end
  stream:Disconnect()
  if not status then return false, data end
  local parsed, answer = PreLoginPacket.FromBytes(data)
  if not parsed then return false, answer end
  if not answer.versionInfo then return false, "the server tells no version" end
  instanceInfo.version = answer.versionInfo
  return true, answer.versionInfo
end

local function registry_of (host)
  local registry = nmap.registry
  registry.mssql = registry.mssql or { instances = {}, discovery_performed = {} }
  registry.mssql.instances[host.ip] = registry.mssql.instances[host.ip] or {}
  return registry.mssql
end

--- Keeps an instance, merged with what is known of it.
-- @param newInstance The instance.
-- @return The instance that is kept.
function Helper.AddOrMergeInstance (newInstance)
  local list = registry_of(newInstance.host).instances[newInstance.host.ip]
  for _, one in ipairs(list) do
    if one == newInstance then
      one:Merge(newInstance, true)
      return one
    end
  end
  list[#list + 1] = newInstance
  return newInstance
end

--- The instances found so far.
-- @param host The host table.
-- @param port The port table, for those at this port only.
-- @return An array, or nil if there are none.
function Helper.GetDiscoveredInstances (host, port)
  local found = {}
  for _, one in ipairs(registry_of(host).instances[host.ip]) do
    if not port or one.port and one.port.number == port.number then found[#found + 1] = one end
  end
  if #found == 0 then return nil end
  return found
end

--- Tells whether a host's instances were looked for.
-- @param host The host table.
-- @return True or false.
function Helper.WasDiscoveryPerformed (host)
  return registry_of(host).discovery_performed[host.ip] == true
end

--- Looks for instances by the browser service.
-- @param host The host table.
-- @param port The service's port.
-- @return True or false.
-- @return An array of instances, or an error.
function Helper.DiscoverBySsrp (host, port)
  local status, found = SSRP.DiscoverInstances(host, port)
  if not status then return false, found end
  local kept = {}
  for i, one in ipairs(found) do kept[i] = Helper.AddOrMergeInstance(one) end
  return true, kept
end

--- Asks a port whether an instance is there.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
-- @return An array with the instance, or an error.
function Helper.DiscoverByTcp (host, port)
  local one = SqlServerInstanceInfo:new({ host = host, port = port })
  local status, version = Helper.GetInstanceVersion(one)
  if not status then return false, version end
  version:PopulateNmapPortVersion(port)
  return true, { Helper.AddOrMergeInstance(one) }
end

--- Looks for the instances of a host once.
-- @param host The host table.
function Helper.Discover (host)
  local registry = registry_of(host)
  -- Scripts that come while one looks wait for what it finds.
  local mutex = nmap.mutex("mssql " .. host.ip)
  mutex("lock")
  if registry.discovery_performed[host.ip] then
    mutex("done")
    return
  end
  registry.discovery_performed[host.ip] = true
  Helper.DiscoverBySsrp(host)
  local port
  repeat
    port = nmap.get_ports(host, port, "tcp", "open")
    if port and (port.number == 1433 or port.service == "ms-sql-s") then
      if not Helper.GetDiscoveredInstances(host, port) then Helper.DiscoverByTcp(host, port) end
    end
  until not port
  mutex("done")
end

--- The instances that the arguments choose.
-- @param host The host table.
-- @param port The port table, for those at this port only.
-- @return True or false.
-- @return An array of instances, or a text.
function Helper.GetTargetInstances (host, port)
  Helper.Discover(host)
  local found = Helper.GetDiscoveredInstances(host, port)
  if not found then return false, "No instances found" end
  local name, number = stdnse.get_script_args("mssql.instance-name", "mssql.instance-port")
  if port or not name and not number then return true, found end
  local chosen = {}
  for _, one in ipairs(found) do
    local by_name = name and one.instanceName and string.upper(one.instanceName) == string.upper(name)
    local by_port = number and one.port and one.port.number == tonumber(number)
    if by_name or by_port then chosen[#chosen + 1] = one end
  end
  if #chosen == 0 then return false, "No matching instances found" end
  return true, chosen
end

--- Names and passwords that are known for an instance.
-- @param instanceInfo The instance.
-- @return A table of passwords by name, or nil.
function Helper.GetLoginCredentials_All (instanceInfo)
  local username, password = stdnse.get_script_args("mssql.username", "mssql.password")
  if username then return { [username] = password or "" } end
  local known = registry_of(instanceInfo.host).credentials
  known = known and known[instanceInfo:GetName()] or instanceInfo.credentials
  if known and next(known) then return known end
  return nil
end

--- A name and a password for an instance.
-- @param instanceInfo The instance.
-- @return The name and the password; nil if none is known.
function Helper.GetLoginCredentials (instanceInfo)
  local all = Helper.GetLoginCredentials_All(instanceInfo)
  if not all then return nil end
  return next(all)
end

--- Asks for the port of an instance's connection for administrators.
-- @param instance The instance.
-- @return The number, or nil.
-- @return An error.
function Helper.DiscoverDACPort (instance)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(MSSQL_TIMEOUT)
  local status, data = socket:connect(instance.host, SSRP.PORT, "udp")
  if status then status, data = socket:send("\x0f\1" .. (instance.instanceName or "MSSQLSERVER") .. "\0") end
  if status then status, data = socket:receive() end
  socket:close()
  if not status then return nil, data end
  if #data < 6 or string.byte(data) ~= 5 then return nil, "the answer is malformed" end
  return (string.unpack("<I2", data, 5))
end

--- Makes the functions of a script that looks at every instance.
-- @param process_instance A function of an instance; what it returns is shown under the instance's name.
-- @return The action.
-- @return The port rule.
-- @return The host rule: true for hosts whose instances are only found by the browser service.
function Helper.InitScript (process_instance)
  local by_port = shortport.port_or_service({ 1433 }, "ms-sql-s")

  local function action (host, port)
    local status, instances = Helper.GetTargetInstances(host, port)
    if not status then return nil end
    local output = stdnse.output_table()
    for _, one in ipairs(instances) do
      local result = process_instance(one)
      if result ~= nil then output[one:GetName()] = result end
    end
    if #output == 0 then return nil end
    return output
  end

  local function hostrule (host)
    local all, name, number = stdnse.get_script_args("mssql.instance-all", "mssql.instance-name", "mssql.instance-port")
    if not (all or name or number) then return false end
    Helper.Discover(host)
    for _, one in ipairs(Helper.GetDiscoveredInstances(host) or {}) do
      local state = one.port and nmap.get_port_state(host, one.port)
      if not state or state.state ~= "open" then return true end
    end
    return false
  end

  return action, by_port, hostrule
end

--- Helpers.
-- @class table
-- @name Util
Util = {}

--- Formats a result: a line for each row, columns with tabs between them.
-- @param tbl A result of <code>Helper:Query</code>.
-- @param with_headers True to put the columns' names in front.
-- @return An array of lines.
function Util.FormatOutputTable (tbl, with_headers)
  local lines = {}
  if with_headers and tbl.colinfo and #tbl.rows > 0 then
    local names, rule = {}, {}
    for i, column in ipairs(tbl.colinfo) do
      names[i] = column.text
      rule[i] = ("="):rep(#column.text)
    end
    lines[1], lines[2] = table.concat(names, "\t"), table.concat(rule, "\t")
  end
  for _, row in ipairs(tbl.rows or {}) do
    local texts = {}
    for i, value in ipairs(row) do texts[i] = tostring(value) end
    lines[#lines + 1] = table.concat(texts, "\t")
  end
  return lines
end

return _ENV
