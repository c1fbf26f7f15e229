---
-- Certificates of servers, also of those that have to be asked for TLS in their own protocol first.
--
-- @usage
-- portrule = function (host, port)
--   return shortport.ssl(host, port) or sslcert.isPortSupported(port)
-- end
-- action = function (host, port)
--   local status, cert = sslcert.getCertificate(host, port)
-- end
--
-- @copyright MIT OR Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local tls = require "tls"
_ENV = stdnse.module("sslcert", stdnse.seeall)

--- Parses a certificate.
-- @name parse_ssl_certificate
-- @class function
-- @param der The certificate in DER.
-- @return The certificate object, or nil.
parse_ssl_certificate = nmap.socket.parse_ssl_certificate

-- Asking for TLS -------------------------------------------------------------------------------------------------

--- For each protocol, a function that connects and asks for TLS, and returns true and the socket just before the
-- handshake, or false and a message.
-- @class table
-- @name StartTLS
StartTLS = {}

-- No greeting or reply of these protocols is longer.
local REPLY_MAX = 65536

-- Servers that look names up before they greet take several seconds.
local TIMEOUT_MIN_MS = 5000

local function connect (host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(math.max(stdnse.get_timeout(host), TIMEOUT_MIN_MS))
  local status, err = socket:connect(host, port, "tcp")
  if not status then
    socket:close()
    return nil, err
  end
  return socket
end

-- Reads until the function finds what it looks for.
local function read_until (socket, find)
  local received = ""
  while not find(received) do
    if #received > REPLY_MAX then return nil, "the reply is too long" end
    local status, data = socket:receive()
    if not status then return nil, data end
    received = received .. data
  end
  return received
end

-- A reply of FTP, SMTP and their like ends with a line that has a space behind its code.
local function reply_of_lines (received)
  return string.find("\n" .. received, "\n%d%d%d [^\n]*\n") or string.find("\n" .. received, "\n%d%d%d\r?\n")
end

-- Runs a dialogue on a new connection; the connection is closed unless the result is true.
local function dialogue (host, port, talk)
  local socket, err = connect(host, port)
  if not socket then return false, err end
  local ok, message = talk(socket)
  if ok then return true, socket end
  socket:close()
  return false, message or "the server does not offer TLS"
end

-- Sends a line and reads a reply of lines; its code.
local function command (socket, line)
  if line then
    local status, err = socket:send(line .. "\r\n")
    if not status then return nil, err end
  end
  local reply, err = read_until(socket, reply_of_lines)
  if not reply then return nil, err end
  return string.match("\n" .. reply, "\n(%d%d%d) ") or string.match(reply, "%d%d%d"), reply
end

-- Protocols of commands and codes: greeting, an optional line that introduces the client, the request.
local function by_codes (greeting, hello, request, accepted)
  return function (host, port)
    return dialogue(host, port, function (socket)
      local code, err = command(socket)
      if code ~= greeting then return false, code and "unexpected greeting " .. code or err end
      if hello then
        code, err = command(socket, hello)
        if not code then return false, err end
      end
      code, err = command(socket, request)
      if code ~= accepted then return false, code and "TLS is refused with code " .. code or err end
      return true
    end)
  end
end

StartTLS.ftp_prepare_tls_without_reconnect = by_codes("220", nil, "AUTH TLS", "234")
StartTLS.smtp_prepare_tls_without_reconnect = by_codes("220", "EHLO example.org", "STARTTLS", "220")
StartTLS.lmtp_prepare_tls_without_reconnect = by_codes("220", "LHLO example.org", "STARTTLS", "220")

function StartTLS.nntp_prepare_tls_without_reconnect (host, port)
  return dialogue(host, port, function (socket)
    local code, err = command(socket)
    if code ~= "200" and code ~= "201" then return false, code and "unexpected greeting " .. code or err end
    code, err = command(socket, "STARTTLS")
    return code == "382", err
  end)
end

local function whole_line (received) return string.find(received, "\n", 1, true) end

function StartTLS.pop3_prepare_tls_without_reconnect (host, port)
  return dialogue(host, port, function (socket)
    local line, err = read_until(socket, whole_line)
    if not line then return false, err end
    if not string.find(line, "^%+OK") then return false, "unexpected greeting" end
    socket:send("STLS\r\n")
    line, err = read_until(socket, whole_line)
    if not line then return false, err end
    return string.find(line, "^%+OK") ~= nil
  end)
end

function StartTLS.imap_prepare_tls_without_reconnect (host, port)
  return dialogue(host, port, function (socket)
    local line, err = read_until(socket, whole_line)
    if not line then return false, err end
    if not string.find(line, "^%* ") then return false, "unexpected greeting" end
    socket:send("A001 STARTTLS\r\n")
    line, err = read_until(socket, function (received) return string.find("\n" .. received, "\nA001 [^\n]*\n") end)
    if not line then return false, err end
    return string.find("\n" .. line, "\nA001 OK") ~= nil
  end)
end

-- RFC 4511, 4.14: an extended request without a value.
local LDAP_START_TLS = "\x30\x1D\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"

function StartTLS.ldap_prepare_tls_without_reconnect (host, port)
  return dialogue(host, port, function (socket)
    local status, err = socket:send(LDAP_START_TLS)
    if not status then return false, err end
    local reply
    reply, err = read_until(socket, function (received)
      -- A sequence, its length in one byte or, long form, in the bytes that follow.
      local length = string.byte(received, 2)
      if not length then return false end
      local head = 2
      if length > 0x80 and length <= 0x84 then
        local count = length & 0x7F
        if #received < 2 + count then return false end
        length, head = string.unpack(">I" .. count, received, 3), 2 + count
      end
      return #received >= head + length
    end)
    if not reply then return false, err end
    -- The response has number 24 of the application's class; its first element is the code, 0 for success.
    local at = string.find(reply, "\x78", 3, true)
    return at ~= nil and string.find(reply, "\x0A\x01\0", at, true) ~= nil
  end)
end

local MYSQL_SSL = 0x0800

function StartTLS.mysql_prepare_tls_without_reconnect (host, port)
  return dialogue(host, port, function (socket)
    local packet, err = read_until(socket, function (received)
      return #received >= 4 and #received >= 4 + (string.unpack("<I3", received))
    end)
    if not packet then return false, err end
    -- Version 10 of the protocol: text of the version, 13 bytes, then the lower half of the capabilities.
    local text_end = string.byte(packet, 5) == 10 and string.find(packet, "\0", 6, true)
    if not text_end or #packet < text_end + 15 then return false, "unexpected greeting" end
    local capabilities = string.unpack("<I2", packet, text_end + 14)
    if capabilities & MYSQL_SSL == 0 then return false end
    -- Protocol 4.1, secure authentication, TLS; packets of up to 16 MB; utf8.
    local request = string.pack("<I4I4B", 0x8200 | MYSQL_SSL | 5, 0x1000000, 33) .. string.rep("\0", 23)
    return socket:send(string.pack("<I3B", #request, 1) .. request)
  end)
end

function StartTLS.postgres_prepare_tls_without_reconnect (host, port)
  return dialogue(host, port, function (socket)
    local status, err = socket:send("\0\0\0\x08\x04\xD2\x16\x2F")
    if not status then return false, err end
    local reply
    status, reply = socket:receive_bytes(1)
    if not status then return false, reply end
    return string.sub(reply, 1, 1) == "S"
  end)
end

-- VeNCrypt: types of security with TLS, with certificates first.
local VENCRYPT_TLS = { 260, 261, 262, 263, 257, 258, 259, 264 }

function StartTLS.vnc_prepare_tls_without_reconnect (host, port)
  return dialogue(host, port, function (socket)
    local function bytes (count) return read_until(socket, function (received) return #received >= count end) end
    local version, err = bytes(12)
    if not version then return false, err end
    if not string.find(version, "^RFB %d%d%d%.%d%d%d\n") then return false, "unexpected greeting" end
    if string.sub(version, 5, 11) < "003.007" then return false, "too old a version" end
    socket:send("RFB 003.008\n")
    local types
    types, err = read_until(socket, function (received)
      return #received >= 1 and #received >= 1 + string.byte(received)
    end)
    if not types then return false, err end
    if not string.find(types, "\x13", 2, true) then return false end
    socket:send("\x13")
    local versions
    versions, err = bytes(2)
    if not versions then return false, err end
    socket:send("\0\2")
    local answer
    answer, err = read_until(socket, function (received)
      return #received >= 2 and #received >= 2 + 4 * string.byte(received, 2)
    end)
    if not answer then return false, err end
    if string.byte(answer) ~= 0 then return false, "VeNCrypt 0.2 is refused" end
    local offered = {}
    for i = 1, string.byte(answer, 2) do offered[string.unpack(">I4", answer, 4 * i - 1)] = true end
    for _, kind in ipairs(VENCRYPT_TLS) do
      if offered[kind] then
        socket:send(string.pack(">I4", kind))
        answer, err = bytes(1)
        if not answer then return false, err end
        return string.byte(answer) == 1
      end
    end
    return false
  end)
end

local function xmpp (namespace)
  return function (host, port)
    return dialogue(host, port, function (socket)
      local name = tls.servername(host) or stdnse.get_hostname(host)
      local status, err = socket:send(string.format(
        "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='%s' to='%s' version='1.0'>",
        namespace, string.gsub(tostring(name), "[<>&'\"]", "")))
      if not status then return false, err end
      local features
      features, err = read_until(socket, function (received)
        return string.find(received, "</stream:features>", 1, true) or string.find(received, "<stream:features%s*/>")
          or string.find(received, "<stream:error>", 1, true) or string.find(received, "<starttls.-/starttls>")
      end)
      if not features then return false, err end
      if not string.find(features, "starttls", 1, true) then return false end
      socket:send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
      local answer
      answer, err = read_until(socket, function (received) return string.find(received, "<proceed.->") or string.find(received, "<failure") end)
      if not answer then return false, err end
      return string.find(answer, "<proceed", 1, true) ~= nil
    end)
  end
end

local xmpp_client, xmpp_server = xmpp("jabber:client"), xmpp("jabber:server")

function StartTLS.xmpp_prepare_tls_without_reconnect (host, port)
  if port.number == 5269 or port.service == "xmpp-server" then return xmpp_server(host, port) end
  return xmpp_client(host, port)
end

function StartTLS.xmpp_prepare_tls (host, port)
  local status, socket = StartTLS.xmpp_prepare_tls_without_reconnect(host, port)
  if not status then return false, socket end
  local ok, err = socket:reconnect_ssl()
  if ok then return true, socket end
  socket:close()
  return false, err
end

-- TDS puts the handshake into its own packets ------------------------------------------------------------------------

local TDS_PRELOGIN, TDS_HEADER_LEN, TDS_PACKET_MAX = 18, 8, 4096

--- A socket whose data goes through packets of another protocol.
-- @class table
-- @name WrappedSocket
WrappedSocket = {}
WrappedSocket.__index = WrappedSocket

--- Wraps a socket.
-- @name WrappedSocket.new
-- @param socket The socket.
-- @param o Table with functions <code>wrap(data)</code>, which returns what to send, and <code>unwrap(socket)</code>,
--          which reads a packet and returns true and its contents, or false and an error.
-- @return An object with the methods of a socket that scripts use to talk TLS.
function WrappedSocket:new (socket, o)
  return setmetatable({ socket = socket, wrap = o.wrap, unwrap = o.unwrap, buffer = "" }, self)
end

function WrappedSocket:close () return self.socket:close() end
function WrappedSocket:set_timeout (timeout) return self.socket:set_timeout(timeout) end
function WrappedSocket:send (data) return self.socket:send(self.wrap(data)) end

function WrappedSocket:receive ()
  if self.buffer == "" then return self.unwrap(self.socket) end
  local data = self.buffer
  self.buffer = ""
  return true, data
end

-- Reads on until the function finds an end in what was read.
local function fill_wrapped (self, ends)
  while not ends(self.buffer) do
    local status, data = self.unwrap(self.socket)
    if not status then
      if self.buffer ~= "" then break end
      return status, data
    end
    self.buffer = self.buffer .. data
  end
  local data = self.buffer
  self.buffer = ""
  return true, data
end

function WrappedSocket:receive_bytes (n)
  return fill_wrapped(self, function (buffer) return #buffer >= n end)
end

function WrappedSocket:receive_lines (n)
  return fill_wrapped(self, function (buffer) return select(2, string.gsub(buffer, "\n", "")) >= n end)
end

function WrappedSocket:receive_buf (delimiter, keeppattern)
  local find = type(delimiter) == "function" and delimiter
    or function (buffer) return string.find(buffer, delimiter) end
  while true do
    local from, to = find(self.buffer)
    if from then
      local data = string.sub(self.buffer, 1, keeppattern and to or from - 1)
      self.buffer = string.sub(self.buffer, to + 1)
      return true, data
    end
    local status, more = self.unwrap(self.socket)
    if not status then return status, more end
    self.buffer = self.buffer .. more
  end
end

local function tds_wrap (data)
  local packets, number = {}, 1
  for at = 1, #data, TDS_PACKET_MAX - TDS_HEADER_LEN do
    local part = string.sub(data, at, at + TDS_PACKET_MAX - TDS_HEADER_LEN - 1)
    local is_last = at + #part > #data
    packets[number] = string.pack(">BBI2I2BB", TDS_PRELOGIN, is_last and 1 or 0, #part + TDS_HEADER_LEN, 0, number & 255, 0)
      .. part
    number = number + 1
  end
  return table.concat(packets)
end

local function tds_unwrap (socket)
  local status, head = socket:receive_buf(function (buffer)
    if #buffer >= TDS_HEADER_LEN then return TDS_HEADER_LEN, TDS_HEADER_LEN end
  end, true)
  if not status then return false, head end
  local length = string.unpack(">I2", head, 3) - TDS_HEADER_LEN
  if length < 0 then return false, "a packet is too short" end
  if length == 0 then return true, "" end
  return socket:receive_buf(function (buffer) if #buffer >= length then return length, length end end, true)
end

-- Options of a prelogin message: version, encryption on, end.
local function tds_prelogin ()
  local version, encryption = "\x0B\0\0\0\0\0", "\1"
  local head = string.pack(">BI2I2BI2I2B", 0, 11, #version, 1, 11 + #version, #encryption, 255)
  return head .. version .. encryption
end

function StartTLS.tds_prepare_tls_without_reconnect (host, port)
  local status, socket = dialogue(host, port, function (socket)
    local ok, err = socket:send(tds_wrap(tds_prelogin()))
    if not ok then return false, err end
    local answer
    ok, answer = tds_unwrap(socket)
    if not ok then return false, answer end
    local at = 1
    while at + 4 <= #answer and string.byte(answer, at) ~= 255 do
      local token, offset, length = string.unpack(">BI2I2", answer, at)
      if token == 1 and length >= 1 then
        -- 2: the server does not support encryption.
        return (string.byte(answer, offset + 1) or 2) ~= 2
      end
      at = at + 5
    end
    return false
  end)
  if not status then return false, socket end
  return true, WrappedSocket:new(socket, { wrap = tds_wrap, unwrap = tds_unwrap })
end

StartTLS.tds_prepare_tls = StartTLS.tds_prepare_tls_without_reconnect

-- Which port speaks what ---------------------------------------------------------------------------------------------

local BY_SERVICE = {
  ftp = "ftp", ["ftp-control"] = "ftp",
  smtp = "smtp", submission = "smtp",
  lmtp = "lmtp",
  pop3 = "pop3", imap = "imap", imap3 = "imap",
  nntp = "nntp", snews = "nntp",
  ldap = "ldap",
  mysql = "mysql",
  postgresql = "postgres",
  vnc = "vnc",
  ["xmpp"] = "xmpp", ["xmpp-client"] = "xmpp", ["xmpp-server"] = "xmpp", jabber = "xmpp",
  ["ms-sql-s"] = "tds", ["ms-sql-m"] = "tds", ["ms-sql"] = "tds",
}

local BY_PORT = {
  [21] = "ftp", [24] = "lmtp", [25] = "smtp", [110] = "pop3", [119] = "nntp", [143] = "imap", [389] = "ldap",
  [587] = "smtp", [1433] = "tds", [3306] = "mysql", [5222] = "xmpp", [5269] = "xmpp", [5432] = "postgres",
  [5900] = "vnc",
}

local function protocol_of (port)
  if port.protocol and port.protocol ~= "tcp" then return nil end
  local version = port.version
  -- Inside TLS already.
  if type(version) == "table" and version.service_tunnel == "ssl" then return nil end
  local by_service = port.service and BY_SERVICE[port.service]
  if by_service then return by_service end
  -- Version detection knows better than the number.
  if type(version) == "table" and (version.name_confidence or 0) > 3 then return nil end
  return BY_PORT[port.number]
end

--- Finds how to ask the service of a port for TLS, without starting it.
-- @param port The port table.
-- @return A function that gets host and port and returns true and a socket, or false and a message; nil if the service
--         has no such way or is inside TLS from the start.
function getPrepareTLSWithoutReconnect (port)
  local protocol = protocol_of(port)
  return protocol and StartTLS[protocol .. "_prepare_tls_without_reconnect"]
end

--- Tells whether a port has a way to ask for TLS.
-- @param port The port table.
-- @return The function of <code>getPrepareTLSWithoutReconnect</code>, or nil.
function isPortSupported (port) return getPrepareTLSWithoutReconnect(port) end

-- Certificates --------------------------------------------------------------------------------------------------------

-- Messages of a handshake that are looked at for the certificate.
local RECORDS_MAX = 20

-- Reads the certificate off a handshake that is not finished, for sockets TLS can't be started on.
local function raw_certificate (socket, host)
  local name = tls.servername(host)
  local hello = tls.client_hello({
    protocol = "TLSv1.2",
    ciphers = {
      "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
      "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA",
      "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    },
    extensions = { server_name = name and tls.EXTENSION_HELPERS.server_name(name) },
  })
  local status, err = socket:send(hello)
  if not status then return nil, err end
  local buffer, at, fragment, record = "", 1, nil, nil
  for _ = 1, RECORDS_MAX do
    status, buffer, err = tls.record_buffer(socket, buffer, at)
    if not status then return nil, err end
    at, record = tls.record_read(buffer, at, fragment)
    if not record then return nil, "this is no TLS" end
    fragment = record.fragment
    for _, message in ipairs(record.body) do
      if message.type == "certificate" and message.certificates and message.certificates[1] then
        return parse_ssl_certificate(message.certificates[1])
      end
      if record.type == "alert" and message.level == "fatal" then return nil, "alert: " .. tostring(message.description) end
    end
  end
  return nil, "there is no certificate"
end

local function fetch (host, port)
  local prepare = getPrepareTLSWithoutReconnect(port)
  local socket, err
  if prepare then
    local status
    status, socket = prepare(host, port)
    if not status then return nil, socket end
    if getmetatable(socket) == WrappedSocket then
      local cert, message = raw_certificate(socket, host)
      socket:close()
      return cert, message
    end
    status, err = socket:reconnect_ssl()
    if not status then
      socket:close()
      return nil, "cannot start TLS: " .. tostring(err)
    end
  else
    socket = nmap.new_socket(port.protocol == "udp" and "udp" or "tcp")
    socket:set_timeout(math.max(stdnse.get_timeout(host), TIMEOUT_MIN_MS))
    local status
    status, err = socket:connect(host, port, "ssl")
    if not status then
      socket:close()
      return nil, err
    end
  end
  local cert = socket:get_ssl_certificate()
  socket:close()
  if not cert then return nil, "the server has no certificate" end
  return cert
end

--- Gets the certificate of a server, once for all scripts.
-- @param host The host table.
-- @param port The port table.
-- @return True and the certificate; or false and a message.
function getCertificate (host, port)
  local cache = host.registry["ssl-cert"] or {}
  host.registry["ssl-cert"] = cache
  local failures = host.registry["sslcert-failures"] or {}
  host.registry["sslcert-failures"] = failures
  -- Scripts look into the cache of TCP ports by number.
  local key = port.protocol == "udp" and port.number .. "/udp" or port.number
  local mutex = nmap.mutex(string.format("sslcert %s %s", host.ip, key))
  mutex("lock")
  local ok, found, message = pcall(function ()
    if not cache[key] and not failures[key] then cache[key], failures[key] = fetch(host, port) end
    return cache[key], failures[key]
  end)
  mutex("done")
  if not ok then error(found, 0) end
  if found then return true, found end
  return false, message or "there is no certificate"
end

return _ENV
