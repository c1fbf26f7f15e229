---
-- Messages of SSL 2.0, by Netscape's specification of 1995; broken since long (RFC 6176), and still there on old devices.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local nmap = require "nmap"
local rand = require "rand"
local sslcert = require "sslcert"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local tableaux = require "tableaux"
_ENV = stdnse.module("sslv2", stdnse.seeall)

SSL_MESSAGE_TYPES = {
  ERROR = 0, CLIENT_HELLO = 1, CLIENT_MASTER_KEY = 2, CLIENT_FINISHED = 3, SERVER_HELLO = 4, SERVER_VERIFY = 5,
  SERVER_FINISHED = 6, REQUEST_CERTIFICATE = 7, CLIENT_CERTIFICATE = 8,
}

SSL_ERRORS = {
  [1] = "SSL_PE_NO_CIPHER", [2] = "SSL_PE_NO_CERTIFICATE", [3] = "SSL_PE_BAD_CERTIFICATE",
  [4] = "SSL_PE_UNSUPPORTED_CERTIFICATE_TYPE", [6] = "SSL_PE_UNSUPPORTED_CERTIFICATE_TYPE",
}

SSL_CERT_TYPES = { X509_CERTIFICATE = 1 }

--- Kinds of cipher by their three bytes: name, bytes of the key, bytes of it that go encrypted.
-- @class table
-- @name SSL_CIPHERS
SSL_CIPHERS = {
  ["\0\0\0"] = { str = "SSL2_NULL_WITH_MD5", key_length = 0, encrypted_key_length = 0 },
  ["\1\0\x80"] = { str = "SSL2_RC4_128_WITH_MD5", key_length = 16, encrypted_key_length = 16 },
  ["\2\0\x80"] = { str = "SSL2_RC4_128_EXPORT40_WITH_MD5", key_length = 16, encrypted_key_length = 5 },
  ["\3\0\x80"] = { str = "SSL2_RC2_128_CBC_WITH_MD5", key_length = 16, encrypted_key_length = 16 },
  ["\4\0\x80"] = { str = "SSL2_RC2_128_CBC_EXPORT40_WITH_MD5", key_length = 16, encrypted_key_length = 5 },
  ["\5\0\x80"] = { str = "SSL2_IDEA_128_CBC_WITH_MD5", key_length = 16, encrypted_key_length = 16 },
  ["\6\0\x40"] = { str = "SSL2_DES_64_CBC_WITH_MD5", key_length = 8, encrypted_key_length = 8 },
  ["\7\0\xC0"] = { str = "SSL2_DES_192_EDE3_CBC_WITH_MD5", key_length = 24, encrypted_key_length = 24 },
  ["\8\0\x80"] = { str = "SSL2_RC4_64_WITH_MD5", key_length = 16, encrypted_key_length = 8 },
}

--- The three bytes of each kind of cipher by name.
-- @class table
-- @name SSL_CIPHER_CODES
SSL_CIPHER_CODES = {}
for code, cipher in pairs(SSL_CIPHERS) do SSL_CIPHER_CODES[cipher.str] = code end

local VERSION = 2
local LEN_MAX = 32767

--- Makes a record.
-- @param payload Its contents.
-- @param pad_length Bytes of padding that are part of the contents. With some, the head has three bytes.
-- @return Bytes.
function ssl_record (payload, pad_length)
  assert(#payload <= LEN_MAX, "sslv2: a record is too long")
  if (pad_length or 0) > 0 then return string.pack(">I2B", #payload & 0x3FFF, pad_length) .. payload end
  return string.pack(">I2", #payload | 0x8000) .. payload
end

--- Makes a client hello.
-- @param ciphers Names of kinds of cipher. Default: all.
-- @return Bytes.
function client_hello (ciphers)
  if not ciphers then
    ciphers = tableaux.keys(SSL_CIPHER_CODES)
    table.sort(ciphers)
  end
  local codes = {}
  for i, name in ipairs(ciphers) do codes[i] = assert(SSL_CIPHER_CODES[name], "sslv2: unknown cipher " .. name) end
  codes = table.concat(codes)
  local challenge = rand.random_string(16)
  return ssl_record(string.pack(">BI2I2I2I2", SSL_MESSAGE_TYPES.CLIENT_HELLO, VERSION, #codes, 0, #challenge)
    .. codes .. challenge, 0)
end

--- Makes the message with the client's master key.
-- @param cipher_name Name of the kind of cipher.
-- @param clear_key The part of the key that goes unencrypted.
-- @param encrypted_key The other part, encrypted.
-- @param key_arg The initialisation vector, if the cipher has one.
-- @return Bytes.
function client_master_secret (cipher_name, clear_key, encrypted_key, key_arg)
  key_arg = key_arg or ""
  local code = assert(SSL_CIPHER_CODES[cipher_name], "sslv2: unknown cipher " .. tostring(cipher_name))
  return ssl_record(string.pack(">Bc3I2I2I2", SSL_MESSAGE_TYPES.CLIENT_MASTER_KEY, code, #clear_key, #encrypted_key,
    #key_arg) .. clear_key .. encrypted_key .. key_arg, 0)
end

local function read_hello (data)
  if #data < 11 then return nil end
  local hit, cert_type, version, cert_len, codes_len, id_len, at = string.unpack(">BBI2I2I2I2", data)
  if #data < at - 1 + cert_len + codes_len + id_len then return nil end
  local cert = string.sub(data, at, at + cert_len - 1)
  local codes = string.sub(data, at + cert_len, at + cert_len + codes_len - 1)
  local ciphers = {}
  for code in string.gmatch(codes, "...") do
    local cipher = SSL_CIPHERS[code]
    ciphers[#ciphers + 1] = cipher and cipher.str or "0x" .. stdnse.tohex(code)
  end
  local from = at + cert_len + codes_len
  return {
    session_id_hit = hit ~= 0 and true or nil,
    cert_type = cert_type,
    version = version,
    cert = cert,
    ciphers = ciphers,
    connection_id = string.sub(data, from, from + id_len - 1),
  }
end

local function read_error (data)
  if #data < 2 then return nil end
  local code = string.unpack(">I2", data)
  return { error = SSL_ERRORS[code] or code }
end

--- Takes one record apart.
-- @param buffer Bytes from a server.
-- @param i Where the record starts. Default 1.
-- @return The position behind the record; where it starts if bytes are missing.
-- @return The record: <code>message_type</code>, <code>body</code>, <code>record_length</code>,
--         <code>padding_length</code>; nil if bytes are missing.
function record_read (buffer, i)
  i = i or 1
  if #buffer < i + 1 then return i, nil end
  local length, at = string.unpack(">I2", buffer, i)
  local padding = 0
  if length & 0x8000 ~= 0 then
    length = length & 0x7FFF
  else
    if #buffer < i + 2 then return i, nil end
    length = length & 0x3FFF
    padding, at = string.unpack("B", buffer, at)
  end
  if #buffer < at + length - 1 then return i, nil end
  local record = { record_length = length, padding_length = padding }
  if length > 0 then
    record.message_type = string.byte(buffer, at)
    local data = string.sub(buffer, at + 1, at + length - 1 - math.min(padding, length - 1))
    if record.message_type == SSL_MESSAGE_TYPES.SERVER_HELLO then
      record.body = read_hello(data)
    elseif record.message_type == SSL_MESSAGE_TYPES.ERROR then
      record.body = read_error(data)
    else
      record.body = { data = data }
    end
  end
  return at + length, record
end

--- Reads until a whole record is there.
-- @param sock The socket.
-- @param buffer What was read before. Default: nothing.
-- @param i Where the record starts in it. Default 1.
-- @return True, or false when the socket failed.
-- @return The bytes.
-- @return The error.
function record_buffer (sock, buffer, i)
  buffer, i = buffer or "", i or 1
  while true do
    local count, wanted = #buffer - i + 1, 2
    if count >= 2 then
      local length = string.unpack(">I2", buffer, i)
      wanted = length & 0x8000 ~= 0 and 2 + (length & 0x7FFF) or 3 + (length & 0x3FFF)
    end
    if count >= 2 and count >= wanted then return true, buffer end
    local status, data = sock:receive_bytes(wanted - count)
    if not status then return false, buffer, data end
    buffer = buffer .. data
  end
end

--- Asks a server which kinds of cipher it takes.
-- @param host The host table.
-- @param port The port table.
-- @return An array of names, empty if the server takes none; nil if it does not speak SSL 2.0.
function test_sslv2 (host, port)
  local prepare = sslcert.getPrepareTLSWithoutReconnect(port)
  local socket
  if prepare then
    local status
    status, socket = prepare(host, port)
    if not status then
      stdnse.debug1("sslv2: %s", tostring(socket))
      return nil
    end
  else
    socket = nmap.new_socket()
    socket:set_timeout(math.max(stdnse.get_timeout(host), 3000))
    if not socket:connect(host, port, "tcp") then
      socket:close()
      return nil
    end
  end
  local answer
  if socket:send(client_hello()) then
    local status, buffer = record_buffer(socket)
    if status then answer = select(2, record_read(buffer)) end
  end
  socket:close()
  if not answer or answer.message_type ~= SSL_MESSAGE_TYPES.SERVER_HELLO or not answer.body then return nil end
  if answer.body.version ~= VERSION then return nil end
  return answer.body.ciphers
end

return _ENV
