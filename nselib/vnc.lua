---
-- RFB, the protocol of VNC (RFC 6143): security types, logging in, what the desktop is called.
--
-- Beside the types of the RFC it knows VeNCrypt, Tight and Apple's Diffie-Hellman as their developers describe them.
--
-- @usage
-- local vnc = vnc.VNC:new(host, port)
-- local status, err = vnc:connect()
-- status, err = vnc:handshake()
-- local types = vnc:getSecTypesAsTable()
-- vnc:disconnect()
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local openssl = stdnse.silent_require "openssl"
_ENV = stdnse.module("vnc", stdnse.seeall)

-- Reasons and names are refused if they are longer.
local TEXT_LEN_MAX = 65536

local TIMEOUT_MS = 10000

--- Sub-types of VeNCrypt.
-- @class table
-- @name VENCRYPT_SUBTYPES
VENCRYPT_SUBTYPES = {
  PLAIN = 256, TLSNONE = 257, TLSVNC = 258, TLSPLAIN = 259, X509NONE = 260, X509VNC = 261, X509PLAIN = 262,
  X509SASL = 263, TLSSASL = 264,
}

--- What they are called.
-- @class table
-- @name VENCRYPT_SUBTYPES_STR
VENCRYPT_SUBTYPES_STR = {
  [256] = "Plain",
  [257] = "None, Anonymous TLS",
  [258] = "VNC auth, Anonymous TLS",
  [259] = "Plain, Anonymous TLS",
  [260] = "None, Server-authenticated TLS",
  [261] = "VNC auth, Server-authenticated TLS",
  [262] = "Plain, Server-authenticated TLS",
  [263] = "SASL, Server-authenticated TLS",
  [264] = "SASL, Anonymous TLS",
}

--- A client.
-- @class table
-- @name VNC
VNC = {
  --- Versions of the protocol that are spoken here.
  versions = {
    ["RFB 003.003"] = "3.3",
    ["RFB 003.007"] = "3.7",
    ["RFB 003.008"] = "3.8",
    ["RFB 003.889"] = "3.889",
  },
  --- Numbers of security types.
  sectypes = {
    INVALID = 0, NONE = 1, VNCAUTH = 2, RA2 = 5, RA2NE = 6, TIGHT = 16, ULTRA = 17, TLS = 18, VENCRYPT = 19,
    GTK_VNC_SASL = 20, MD5 = 21, COLIN_DEAN_XVP = 22, MAC_OSX_SECTYPE_30 = 30, MAC_OSX_SECTYPE_35 = 35,
    MSLOGON = 0xfffffffa,
  },
  --- What they are called.
  sectypes_str = {
    [0] = "Invalid security type",
    [1] = "None",
    [2] = "VNC Authentication",
    [5] = "RA2",
    [6] = "RA2ne",
    [16] = "Tight",
    [17] = "Ultra",
    [18] = "TLS",
    [19] = "VeNCrypt",
    [20] = "GTK-VNC SASL",
    [21] = "MD5 hash authentication",
    [22] = "Colin Dean xvp",
    [30] = "Apple Remote Desktop",
    [35] = "Mac OS X security type",
    [0xfffffffa] = "UltraVNC MS Logon",
  },
}
VNC.__index = VNC

--- Makes a client; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @param socket A socket to use. Default: a new one.
-- @return The client.
function VNC:new (host, port, socket)
  local o = setmetatable({ host = host, port = port }, self)
  o.socket = socket or nmap.new_socket()
  return o
end

-- Exactly that many bytes; nil and an error.
local function take (self, count)
  if count > TEXT_LEN_MAX then return nil, "the length is out of bounds" end
  local status, data = self.socket:receive_buf(match.numbytes(count), true)
  if not status then return nil, data end
  return data
end

-- A text with its length of four bytes in front.
local function take_text (self)
  local head, err = take(self, 4)
  if not head then return nil, err end
  local len = string.unpack(">I4", head)
  if len == 0 then return "" end
  return take(self, len)
end

--- Connects.
-- @return True or false.
-- @return An error.
function VNC:connect ()
  self.socket:set_timeout(TIMEOUT_MS)
  local status, err = self.socket:connect(self.host, self.port, "tcp")
  if not status then return false, "ERROR: Failed to connect to server: " .. tostring(err) end
  return true
end

--- Closes the connection.
-- @return True or false.
function VNC:disconnect ()
  return self.socket:close()
end

local function read_security_types (self)
  local count, err = take(self, 1)
  if not count then return false, err end
  count = string.byte(count)
  if count == 0 then
    return false, "VNC server refused the connection: " .. tostring(take_text(self))
  end
  local bytes
  bytes, err = take(self, count)
  if not bytes then return false, err end
  local types = { string.byte(bytes, 1, count) }
  self.vncsec = { count = count, types = types }
  return true
end

--- Agrees on a version and reads the security types.
-- @return True or false.
-- @return An error.
function VNC:handshake ()
  local greeting, err = take(self, 12)
  if not greeting then return false, "ERROR: VNC:handshake failed to receive protocol version: " .. tostring(err) end
  local version = string.match(greeting, "^(RFB %d%d%d%.%d%d%d)\n$")
  if not version then return false, "ERROR: the greeting is not that of VNC" end
  self.protover = string.sub(version, 5)
  -- A higher version than 3.8 speaks it as well, an unknown one below is answered as 3.3 (RFC 6143, 7.1.1).
  local own = VNC.versions[version] and version
  if not own then
    local minor = tonumber(string.sub(version, 9)) or 0
    own = (string.sub(version, 5, 7) > "003" or minor > 8) and "RFB 003.008" or "RFB 003.003"
  end
  self.cli_version = own
  local status
  status, err = self.socket:send(own .. "\n")
  if not status then return false, err end

  if own == "RFB 003.003" then
    local data
    data, err = take(self, 4)
    if not data then return false, err end
    local kind = string.unpack(">I4", data)
    if kind == 0 then return false, "VNC server refused the connection: " .. tostring(take_text(self)) end
    self.vncsec = { count = 1, types = { kind } }
    return true
  end
  return read_security_types(self)
end

--- The version of the protocol that the server offered.
-- @return Text such as <code>3.8</code>.
function VNC:getProtocolVersion ()
  return VNC.versions["RFB " .. self.protover] or self.protover
end

-- Types are shown in one line.
local TYPE = { __tostring = function (one) return ("%s (%d)"):format(one.name, one.type) end }

local function types_as_table (types, names)
  local list = {}
  for i, kind in ipairs(types) do
    list[i] = setmetatable({ name = names[kind] or "Unknown security type", type = kind }, TYPE)
  end
  return list
end

--- The server's security types.
-- @return An array of tables with <code>name</code> and <code>type</code>; <code>tostring</code> of each shows both.
function VNC:getSecTypesAsTable ()
  return types_as_table(self.vncsec and self.vncsec.types or {}, VNC.sectypes_str)
end

--- The server's sub-types of VeNCrypt, after <code>handshake_vencrypt</code>.
-- @return An array of tables with <code>name</code> and <code>type</code>.
function VNC:getVencryptTypesAsTable ()
  return types_as_table(self.vencrypt and self.vencrypt.types or {}, VENCRYPT_SUBTYPES_STR)
end

--- Tells whether the server offers a security type.
-- @param sectype The number.
-- @return True or false.
function VNC:supportsSecType (sectype)
  for _, kind in ipairs(self.vncsec and self.vncsec.types or {}) do
    if kind == sectype then return true end
  end
  return false
end

--- Chooses a security type. Nothing is sent in version 3.3, where the server chooses.
-- @param sectype The number.
-- @return True or false.
-- @return An error.
function VNC:sendSecType (sectype)
  if self.cli_version == "RFB 003.003" then return true end
  return self.socket:send(string.char(sectype))
end

--- Reads whether a login is accepted.
-- @return True if it is, else false.
-- @return The server's reason.
function VNC:check_auth_result ()
  local data, err = take(self, 4)
  if not data then return false, "Failed to receive authentication response: " .. tostring(err) end
  local result = string.unpack(">I4", data)
  if result == 0 then return true end
  if result == 2 then return false, "Authentication failed: too many attempts" end
  if self.cli_version == "RFB 003.003" or self.cli_version == "RFB 003.007" then return false, "Authentication failed" end
  local reason = take_text(self)
  if reason and reason ~= "" then return false, reason end
  return false, "Authentication failed"
end

-- VNC authentication ----------------------------------------------------------------------------------------------

--- The key that a password makes: eight bytes, each with its bits in reverse.
-- @param password The password.
-- @return The key.
function VNC:createVNCDESKey (password)
  local out = {}
  for i = 1, 8 do
    local byte, reversed = string.byte(password, i) or 0, 0
    for _ = 1, 8 do
      reversed = reversed << 1 | byte & 1
      byte = byte >> 1
    end
    out[i] = string.char(reversed)
  end
  return table.concat(out)
end

--- The answer to a challenge.
-- @param password The password.
-- @param challenge The server's sixteen bytes.
-- @return The answer.
function VNC:encryptVNCDES (password, challenge)
  return openssl.encrypt("des-ecb", self:createVNCDESKey(password), nil, challenge)
end

-- The challenge and its answer, without choosing the type.
local function vncauth_exchange (self, password)
  local challenge, err = take(self, 16)
  if not challenge then return false, "Failed to receive the challenge: " .. tostring(err) end
  local status
  status, err = self.socket:send(self:encryptVNCDES(password, challenge))
  if not status then return false, err end
  return self:check_auth_result()
end

--- Logs in with the type "VNC Authentication".
-- @param username Not used.
-- @param password The password.
-- @return True or false.
-- @return An error.
function VNC:login_vncauth (username, password)
  return vncauth_exchange(self, password)
end

--- Logs in with the type "None".
-- @return True or false.
-- @return An error.
function VNC:login_none ()
  if self.cli_version == "RFB 003.008" or self.cli_version == "RFB 003.889" then return self:check_auth_result() end
  return true
end

-- Names and passwords of VeNCrypt's plain sub-types: two lengths, then both.
local function plain_exchange (self, username, password)
  local status, err = self.socket:send(string.pack(">I4I4", #username, #password) .. username .. password)
  if not status then return false, err end
  return self:check_auth_result()
end

--- Logs in with a name and a password in the clear (VeNCrypt).
-- @param username The user's name.
-- @param password The password.
-- @return True or false.
-- @return An error.
function VNC:login_plain (username, password)
  return plain_exchange(self, username, password)
end

-- VeNCrypt, TLS, Tight ---------------------------------------------------------------------------------------------

--- Begins VeNCrypt and reads its sub-types.
-- @return True or false.
-- @return An error.
function VNC:handshake_vencrypt ()
  local status, err = self:sendSecType(VNC.sectypes.VENCRYPT)
  if not status then return false, err end
  local version
  version, err = take(self, 2)
  if not version then return false, err end
  if version ~= "\0\2" then return false, "the version of VeNCrypt is not known" end
  status, err = self.socket:send("\0\2")
  if not status then return false, err end
  local head
  head, err = take(self, 2)
  if not head then return false, err end
  if string.byte(head) ~= 0 then return false, "the server refuses the version of VeNCrypt" end
  local count, types = string.byte(head, 2), {}
  for i = 1, count do
    local data
    data, err = take(self, 4)
    if not data then return false, err end
    types[i] = string.unpack(">I4", data)
  end
  self.vencrypt = { count = count, types = types }
  return true
end

-- What a client may choose, the simplest first: kind of login and whether TLS comes before.
local VENCRYPT_LOGINS = {
  { 257, "none", true }, { 260, "none", true }, { 258, "vncauth", true }, { 261, "vncauth", true },
  { 256, "plain", false }, { 259, "plain", true }, { 262, "plain", true },
}

--- Logs in with VeNCrypt.
-- @param username The user's name.
-- @param password The password.
-- @return True or false.
-- @return An error.
function VNC:login_vencrypt (username, password)
  local status, err = self:handshake_vencrypt()
  if not status then return false, err end
  local offered = {}
  for _, kind in ipairs(self.vencrypt.types) do offered[kind] = true end
  for _, choice in ipairs(VENCRYPT_LOGINS) do
    local kind, login, tls = table.unpack(choice)
    if offered[kind] then
      status, err = self.socket:send(string.pack(">I4", kind))
      if not status then return false, err end
      if tls then
        local ack
        ack, err = take(self, 1)
        if ack ~= "\1" then return false, err or "the server refuses the sub-type" end
        status, err = self.socket:reconnect_ssl()
        if not status then return false, err end
      end
      return self["login_" .. login](self, username, password)
    end
  end
  return false, "the server offers no sub-type of VeNCrypt that is known here"
end

--- Begins the type "TLS": the handshake, then security types inside.
-- @return True or false.
-- @return An error.
function VNC:handshake_tls ()
  local status, err = self:sendSecType(VNC.sectypes.TLS)
  if not status then return false, err end
  status, err = self.socket:reconnect_ssl()
  if not status then return false, err end
  return read_security_types(self)
end

--- Logs in with the type "TLS".
-- @param username The user's name.
-- @param password The password.
-- @return True or false.
-- @return An error.
function VNC:login_tls (username, password)
  local status, err = self:handshake_tls()
  if not status then return false, err end
  return self:login(username, password)
end

-- Sixteen bytes for each of a number of capabilities: code, vendor, name.
local function take_capabilities (self)
  local head, err = take(self, 4)
  if not head then return nil, err end
  local count = string.unpack(">I4", head)
  if count > 256 then return nil, "too many capabilities" end
  local list = {}
  for i = 1, count do
    local data
    data, err = take(self, 16)
    if not data then return nil, err end
    local code, vendor, name = string.unpack(">I4c4c8", data)
    list[i] = { code = code, vendor = vendor, name = name, string = vendor .. name }
  end
  return list
end

--- Begins the type "Tight": tunnels, of which none is chosen, then kinds of login.
-- @return True or false.
-- @return An error.
function VNC:handshake_tight ()
  local status, err = self:sendSecType(VNC.sectypes.TIGHT)
  if not status then return false, err end
  local tunnels
  tunnels, err = take_capabilities(self)
  if not tunnels then return false, err end
  if #tunnels > 0 then
    status, err = self.socket:send("\0\0\0\0")
    if not status then return false, err end
  end
  local logins
  logins, err = take_capabilities(self)
  if not logins then return false, err end
  self.tight = { tunnels = tunnels, types = logins, auths = logins }
  return true
end

--- Logs in with the type "Tight".
-- @param username The user's name.
-- @param password The password.
-- @return True or false.
-- @return An error.
function VNC:login_tight (username, password)
  local status, err = self:handshake_tight()
  if not status then return false, err end
  if #self.tight.auths == 0 then return self:login_none() end
  for _, one in ipairs(self.tight.auths) do
    if one.code == VNC.sectypes.NONE or one.code == VNC.sectypes.VNCAUTH then
      status, err = self.socket:send(string.pack(">I4", one.code))
      if not status then return false, err end
      if one.code == VNC.sectypes.NONE then return self:login_none() end
      return vncauth_exchange(self, password)
    end
  end
  return false, "the server offers no kind of login that is known here"
end

-- Apple -----------------------------------------------------------------------------------------------------------

-- Sixty-four bytes: the text, a zero byte, random bytes.
local function padded (text)
  local out = string.sub(text, 1, 63) .. "\0"
  return out .. openssl.rand_bytes(64 - #out)
end

--- Logs in with Apple's type 30: Diffie-Hellman, then AES with the MD5 of the shared secret as the key.
-- @param username The user's name.
-- @param password The password.
-- @return True or false.
-- @return An error.
function VNC:login_ard (username, password)
  local head, err = take(self, 4)
  if not head then return false, err end
  local generator, len = string.unpack(">I2I2", head)
  if len < 16 or len > 1024 then return false, "the length of the key is out of bounds" end
  local bytes
  bytes, err = take(self, 2 * len)
  if not bytes then return false, err end
  local modulus = openssl.bignum_bin2bn(string.sub(bytes, 1, len))
  local theirs = openssl.bignum_bin2bn(string.sub(bytes, len + 1))
  local secret = openssl.bignum_bin2bn(openssl.rand_bytes(len))
  local base = openssl.bignum_bin2bn(string.pack(">I2", generator))
  local function fixed (number)
    local out = openssl.bignum_bn2bin(number)
    return ("\0"):rep(len - #out) .. out
  end
  local public = fixed(openssl.bignum_mod_exp(base, secret, modulus))
  local key = openssl.md5(fixed(openssl.bignum_mod_exp(theirs, secret, modulus)))
  local secret_text = openssl.encrypt("aes-128-ecb", key, "", padded(username) .. padded(password))
  local status
  status, err = self.socket:send(secret_text .. public)
  if not status then return false, err end
  return self:check_auth_result()
end

-- Any type --------------------------------------------------------------------------------------------------------

-- In the order in which they are tried: from the simplest.
local LOGINS = {
  { VNC.sectypes.NONE, "login_none" },
  { VNC.sectypes.VNCAUTH, "login_vncauth" },
  { VNC.sectypes.TIGHT, "login_tight", true },
  { VNC.sectypes.VENCRYPT, "login_vencrypt", true },
  { VNC.sectypes.MAC_OSX_SECTYPE_30, "login_ard" },
  { VNC.sectypes.TLS, "login_tls", true },
}

--- Logs in.
-- @param username The user's name, where the type has one.
-- @param password The password.
-- @param authtype The security type. Default: the simplest one that the server offers.
-- @return True if the login is accepted, else false.
-- @return An error.
function VNC:login (username, password, authtype)
  for _, choice in ipairs(LOGINS) do
    local kind, login, sends_type = table.unpack(choice)
    if (authtype or kind) == kind and self:supportsSecType(kind) then
      if not sends_type then
        local status, err = self:sendSecType(kind)
        if not status then return false, err end
      end
      return self[login](self, username, password)
    end
  end
  return false, "The server does not support a matching security type"
end

--- Goes on after the login and reads what the desktop is like.
-- @param shared True to let other clients stay.
-- @return True or false.
-- @return A table with <code>width</code>, <code>height</code>, <code>name</code> and the form of a pixel; or an error.
function VNC:client_init (shared)
  local status, err = self.socket:send(shared and "\1" or "\0")
  if not status then return false, err end
  local head
  head, err = take(self, 20)
  if not head then return false, err end
  local init, _ = {}, nil
  init.width, init.height, init.bpp, init.depth, init.bigendian, init.truecolor, init.rmax, init.gmax, init.bmax,
    init.rshift, init.gshift, init.bshift, _ = string.unpack(">I2I2BBBBI2I2I2BBB", head)
  init.name, err = take_text(self)
  if not init.name then return false, err end
  return true, init
end

return _ENV
