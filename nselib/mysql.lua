---
-- The protocol of MySQL and MariaDB clients: greeting, logging in, queries.
--
-- The source is the protocol's description in MySQL's internals manual and MariaDB's knowledge base. Logging in knows the
-- methods <code>mysql_native_password</code> and <code>caching_sha2_password</code>, which encrypts the password with the
-- server's key where the server does not remember it.
--
-- @usage
-- local status, greeting = mysql.receiveGreeting(socket)
-- local params = { authversion = "post41", charset = greeting.charset }
-- local status, response = mysql.loginRequest(socket, params, "root", "", greeting.salt)
-- local status, rs = mysql.sqlQuery(socket, "SHOW DATABASES")
--
-- @copyright MIT OR Apache-2.0

local base64 = require "base64"
local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
local tab = require "tab"
local table = require "table"
local openssl = stdnse.silent_require "openssl"
_ENV = stdnse.module("mysql", stdnse.seeall)

-- A payload of this length goes on in the next packet.
local PAYLOAD_LEN_MAX = 0xffffff

-- More rows or bytes of a result are not read.
local ROWS_MAX = 100000
local RESULT_LEN_MAX = 64 * 1024 * 1024

--- Capabilities of the first two bytes.
-- @class table
-- @name Capabilities
Capabilities = {
  LongPassword = 0x1,
  FoundRows = 0x2,
  LongColumnFlag = 0x4,
  ConnectWithDatabase = 0x8,
  DontAllowDatabaseTableColumn = 0x10,
  SupportsCompression = 0x20,
  ODBCClient = 0x40,
  SupportsLoadDataLocal = 0x80,
  IgnoreSpaceBeforeParenthesis = 0x100,
  Speaks41ProtocolNew = 0x200,
  InteractiveClient = 0x400,
  SwitchToSSLAfterHandshake = 0x800,
  IgnoreSigpipes = 0x1000,
  SupportsTransactions = 0x2000,
  Speaks41ProtocolOld = 0x4000,
  Support41Auth = 0x8000,
}

--- Capabilities of the last two bytes.
-- @class table
-- @name ExtCapabilities
ExtCapabilities = {
  SupportsMultipleStatments = 0x1,
  SupportsMultipleResults = 0x2,
  SupportsAuthPlugins = 0x8,
}

--- Character sets by the numbers of their default collations.
-- @class table
-- @name Charset
Charset = {
  big5_chinese_ci = 1,
  latin1_COLLATE_latin1_swedish_ci = 8,
  ascii_general_ci = 11,
  utf8_general_ci = 33,
  utf8mb4_general_ci = 45,
  binary = 63,
}

--- State of a server.
-- @class table
-- @name ServerStatus
ServerStatus = {
  InTransaction = 0x1,
  AutoCommit = 0x2,
  MoreResults = 0x4,
  MultiQuery = 0x8,
  BadIndexUsed = 0x10,
  NoIndexUsed = 0x20,
  CursorExists = 0x40,
  LastRowSebd = 0x80,
  DatabaseDropped = 0x100,
  NoBackslashEscapes = 0x200,
}

--- Commands.
-- @class table
-- @name Command
Command = {
  Query = 3,
}

-- Reading ---------------------------------------------------------------------------------------------------------

-- What came with an earlier packet, by socket.
local leftovers = setmetatable({}, { __mode = "k" })

local function receive_exactly (socket, count)
  local buffer = leftovers[socket] or ""
  while #buffer < count do
    local status, data = socket:receive_bytes(count - #buffer)
    if not status then return nil, data end
    buffer = buffer .. data
  end
  leftovers[socket] = string.sub(buffer, count + 1)
  return string.sub(buffer, 1, count)
end

-- One payload, put together from its packets; and the number of the last of them.
local function receive_packet (socket)
  local parts, total = {}, 0
  while true do
    local header, err = receive_exactly(socket, 4)
    if not header then return nil, err end
    local len, number = string.unpack("<I3B", header)
    total = total + len
    if total > RESULT_LEN_MAX then return nil, "the packet is too long" end
    local payload
    payload, err = receive_exactly(socket, len)
    if not payload then return nil, err end
    parts[#parts + 1] = payload
    if len < PAYLOAD_LEN_MAX then return table.concat(parts), number end
  end
end

local function send_packet (socket, payload, number)
  return socket:send(string.pack("<I3B", #payload, number) .. payload)
end

-- An integer of one to nine bytes ("length-encoded"); nil for NULL. Raises if bytes are missing.
local function encoded_int (data, pos)
  local first
  first, pos = string.unpack("B", data, pos)
  if first < 0xfb then return first, pos end
  if first == 0xfb then return nil, pos end
  if first == 0xfc then return string.unpack("<I2", data, pos) end
  if first == 0xfd then return string.unpack("<I3", data, pos) end
  if first == 0xfe then return string.unpack("<I8", data, pos) end
  error("bad length")
end

local function encoded_string (data, pos)
  local len
  len, pos = encoded_int(data, pos)
  if not len then return nil, pos end
  if len < 0 or pos + len - 1 > #data then error("bad length") end
  return string.sub(data, pos, pos + len - 1), pos + len
end

-- The code and the text of an error.
local function error_of (payload)
  local code = #payload >= 3 and string.unpack("<I2", payload, 2) or 0
  local text = string.sub(payload, 4)
  if string.sub(text, 1, 1) == "#" then text = string.sub(text, 7) end
  return code, text
end

-- Greeting --------------------------------------------------------------------------------------------------------

local function parse_greeting (payload)
  local greeting = { len = #payload, errorcode = 0 }
  local pos
  greeting.proto, pos = string.unpack("B", payload)
  if greeting.proto == 0xff then
    greeting.errorcode, greeting.errormsg = error_of(payload)
    return greeting
  end
  greeting.version, pos = string.unpack("z", payload, pos)
  greeting.threadid, pos = string.unpack("<I4", payload, pos)
  if greeting.proto == 10 then
    local salt
    salt, greeting.capabilities, pos = string.unpack("<c8xI2", payload, pos)
    greeting.salt = salt
    if pos + 5 - 1 <= #payload then
      local salt_len
      greeting.charset, greeting.status, greeting.extcapabilities, salt_len, pos = string.unpack("<BI2I2B", payload, pos)
      pos = pos + 10
      local rest = math.max(13, salt_len - 8)
      if pos <= #payload then
        greeting.salt = salt .. string.gsub(string.sub(payload, pos, pos + rest - 1), "%z+$", "")
        local name = string.match(payload, "^[^%z]+", pos + rest)
        if name then greeting.auth_plugin_name = name end
      end
    end
  elseif greeting.proto == 9 then
    greeting.salt = string.unpack("z", payload, pos)
  else
    error("unknown version of the protocol")
  end
  return greeting
end

--- Reads the greeting.
-- @param socket A connected socket.
-- @return True, or false.
-- @return A table with <code>proto</code>, <code>version</code>, <code>threadid</code>, <code>salt</code>,
--         <code>capabilities</code>, <code>extcapabilities</code>, <code>charset</code>, <code>status</code> and
--         <code>auth_plugin_name</code>; or an error. If the server refused: <code>errorcode</code> and
--         <code>errormsg</code>, and false.
function receiveGreeting (socket)
  leftovers[socket] = nil
  local payload, number = receive_packet(socket)
  if not payload then return false, number end
  local ok, greeting = pcall(parse_greeting, payload)
  if not ok then return false, "not a greeting of MySQL" end
  greeting.number = number
  if greeting.errorcode ~= 0 then return false, greeting.errormsg, greeting end
  return true, greeting
end

-- Logging in ------------------------------------------------------------------------------------------------------

local function xor (a, b)
  local out = {}
  for i = 1, #a do out[i] = string.char(string.byte(a, i) ~ string.byte(b, i)) end
  return table.concat(out)
end

-- SHA1(password) XOR SHA1(salt + SHA1(SHA1(password))).
local function native_token (password, salt)
  if not password or password == "" then return "" end
  local once = openssl.sha1(password)
  return xor(once, openssl.sha1(salt .. openssl.sha1(once)))
end

-- SHA256(password) XOR SHA256(SHA256(SHA256(password)) + salt).
local function sha2_token (password, salt)
  if not password or password == "" then return "" end
  local once = openssl.digest("sha256", password)
  return xor(once, openssl.digest("sha256", openssl.digest("sha256", once) .. salt))
end

-- RFC 8017 calls it hLen.
local SHA1_LEN = 20
-- 8192 bits; exponents are short.
local RSA_LEN_MAX, RSA_EXPONENT_LEN_MAX = 1024, 8

local TOKENS = {
  mysql_native_password = native_token,
  caching_sha2_password = sha2_token,
}

-- The mask of PKCS #1's padding (RFC 8017, B.2.1), with SHA-1.
local function mask (seed, len)
  local parts = {}
  for counter = 0, (len - 1) // SHA1_LEN do parts[counter + 1] = openssl.sha1(seed .. string.pack(">I4", counter)) end
  return string.sub(table.concat(parts), 1, len)
end

-- The content of a DER value with a tag, and where it ends; it raises where there is none.
local function der (data, tag, pos)
  local got, len
  got, len, pos = string.unpack("BB", data, pos)
  if len > 0x80 and len <= 0x82 then len, pos = string.unpack(">I" .. len - 0x80, data, pos) end
  if got ~= tag or pos + len - 1 > #data then error("no key", 0) end
  return string.sub(data, pos, pos + len - 1), pos + len
end

-- Modulus and exponent of a key (SubjectPublicKeyInfo, RFC 3279 2.3.1) as PEM; it raises where there is none.
local function rsa_key (pem)
  local body = string.match(pem, "%-%-%-%-%-BEGIN PUBLIC KEY%-%-%-%-%-(.-)%-%-%-%-%-END PUBLIC KEY")
  local info = der(base64.dec((string.gsub(body or "", "%s", ""))), 0x30, 1)
  local _, pos = der(info, 0x30, 1)
  local key = der(string.sub(der(info, 0x03, pos), 2), 0x30, 1)
  local modulus, next_pos = der(key, 0x02, 1)
  modulus = string.gsub(modulus, "^%z+", "")
  local exponent = der(key, 0x02, next_pos)
  if #modulus > RSA_LEN_MAX or #exponent > RSA_EXPONENT_LEN_MAX then error("too long a key", 0) end
  return modulus, exponent
end

-- Encrypts with a key (RSAES-OAEP, RFC 8017 7.1.1); it raises where the key is none or too short.
local function rsa_encrypt (pem, text)
  local modulus, exponent = rsa_key(pem)
  local len = #modulus
  local padding_len = len - #text - 2 * SHA1_LEN - 2
  if padding_len < 0 then error("too short a key", 0) end
  local block = openssl.sha1("") .. ("\0"):rep(padding_len) .. "\1" .. text
  local seed = openssl.rand_bytes(SHA1_LEN)
  block = xor(block, mask(seed, #block))
  local number = "\0" .. xor(seed, mask(block, SHA1_LEN)) .. block
  local encrypted = openssl.bignum_bn2bin(openssl.bignum_mod_exp(openssl.bignum_bin2bn(number),
    openssl.bignum_bin2bn(exponent), openssl.bignum_bin2bn(modulus)))
  return ("\0"):rep(len - #encrypted) .. encrypted
end

-- caching_sha2_password, when the server does not remember the password: it is asked for its key (2), and gets the
-- password, covered by the salt, encrypted with that. What is next, or nil and an error.
local function send_by_key (socket, password, salt, number)
  local status, err = send_packet(socket, "\2", number + 1)
  if not status then return nil, err end
  local answer
  answer, number = receive_packet(socket)
  if not answer then return nil, number end
  if string.byte(answer) ~= 1 then return answer, number end
  local text = (password or "") .. "\0"
  local salt_len = math.max(#salt, 1)
  local cover = ((salt == "" and "\0" or salt):rep(#text // salt_len + 1)):sub(1, #text)
  local ok, encrypted = pcall(rsa_encrypt, string.sub(answer, 2), xor(text, cover))
  if not ok then return nil, "the server wants the password over a secure connection: " .. tostring(encrypted) end
  status, err = send_packet(socket, encrypted, number + 1)
  if not status then return nil, err end
  return receive_packet(socket)
end

local function parse_ok (payload, number)
  local response = { len = #payload, number = number, errorcode = 0 }
  local pos = 2
  response.affectedrows, pos = encoded_int(payload, pos)
  local _
  _, pos = encoded_int(payload, pos)
  if pos + 3 <= #payload then
    response.serverstatus, response.warnings, pos = string.unpack("<I2I2", payload, pos)
  end
  return response
end

--- Logs in.
-- @param socket The socket, after <code>receiveGreeting</code>.
-- @param params A table: <code>authversion</code> is <code>"post41"</code>, <code>charset</code> a number,
--               <code>authplugin</code> the method, <code>database</code> what to use.
-- @param username The user's name.
-- @param password The password; empty for none.
-- @param salt The greeting's <code>salt</code>.
-- @return True if the login is accepted, else false.
-- @return The server's answer, a table, or an error.
function loginRequest (socket, params, username, password, salt)
  if params.authversion ~= "post41" then
    return false, "Unsupported authentication version: " .. tostring(params.authversion)
  end
  local plugin = params.authplugin or "mysql_native_password"
  local token = (TOKENS[plugin] or native_token)(password, salt)
  -- Long password and column flags, protocol 4.1, transactions, secure authentication; 8: with a database.
  local flags = 0x1 | 0x4 | 0x200 | 0x2000 | 0x8000 | (params.database and 0x8 or 0)
  local ext = ExtCapabilities.SupportsAuthPlugins | ExtCapabilities.SupportsMultipleResults
  local payload = string.pack("<I2I2I4B", flags, ext, 0x1000000, params.charset or 8) .. ("\0"):rep(23)
    .. string.pack("zs1", (string.gsub(username, "%z.*", "")), token)
    .. (params.database and params.database .. "\0" or "") .. plugin .. "\0"
  local status, err = send_packet(socket, payload, 1)
  if not status then return false, err end

  local answer, number = receive_packet(socket)
  if not answer then return false, number end
  if string.byte(answer) == 0xfe then
    -- The server wants another method.
    local name, new_salt = string.match(answer, "^\xfe([^%z]*)%z?(.-)%z?$")
    if name == "" then return false, "the server wants a password in the form of before version 4.1" end
    salt = new_salt
    local make = TOKENS[name]
    if not make then return false, "the server wants the method " .. name end
    status, err = send_packet(socket, make(password, new_salt), number + 1)
    if not status then return false, err end
    answer, number = receive_packet(socket)
    if not answer then return false, number end
  end
  if string.byte(answer) == 1 then
    -- caching_sha2_password: 3 is success and an OK follows, 4 asks for the password itself.
    if string.byte(answer, 2) == 3 then
      answer, number = receive_packet(socket)
    else
      answer, number = send_by_key(socket, password, salt, number)
    end
    if not answer then return false, number end
  end
  local first = string.byte(answer)
  if first == 0xff then
    local code, text = error_of(answer)
    return false, text, code
  end
  if first ~= 0 then return false, "the answer to the login is not understood" end
  local ok, response = pcall(parse_ok, answer, number)
  if not ok then return false, "the answer to the login is cut off" end
  return true, response
end

-- Queries ---------------------------------------------------------------------------------------------------------

--- Reads the description of a column.
-- @param data A packet's payload.
-- @param pos Where to start.
-- @return Where it ends.
-- @return A table with <code>catalog</code>, <code>database</code>, <code>table</code>, <code>orig_table</code>,
--         <code>name</code>, <code>orig_name</code>, <code>charset</code>, <code>length</code>, <code>type</code>.
function decodeField (data, pos)
  local field, _ = {}, nil
  pos = pos or 1
  field.catalog, pos = encoded_string(data, pos)
  field.database, pos = encoded_string(data, pos)
  field.table, pos = encoded_string(data, pos)
  field.orig_table, pos = encoded_string(data, pos)
  field.name, pos = encoded_string(data, pos)
  field.orig_name, pos = encoded_string(data, pos)
  _, pos = encoded_int(data, pos)
  field.charset, field.length, field.type, field.flags, field.decimals, pos = string.unpack("<I2I4BI2B", data, pos)
  return pos, field
end

local function is_end (payload)
  return string.byte(payload) == 0xfe and #payload < 9
end

-- Columns and rows after a packet that told the number of columns.
local function read_result (socket, count)
  local rs = { cols = {}, rows = {} }
  for i = 1, count do
    local payload, err = receive_packet(socket)
    if not payload then return false, err end
    local ok, _, field = pcall(decodeField, payload, 1)
    if not ok then return false, "the description of a column is not understood" end
    rs.cols[i] = field
  end
  local payload, err = receive_packet(socket)
  if not payload then return false, err end
  if not is_end(payload) then return false, "the descriptions of the columns have no end" end

  local total = 0
  while true do
    payload, err = receive_packet(socket)
    if not payload then return false, err end
    if is_end(payload) then return true, rs end
    if string.byte(payload) == 0xff then return false, (select(2, error_of(payload))) end
    total = total + #payload
    if #rs.rows >= ROWS_MAX or total > RESULT_LEN_MAX then return false, "the result is too long" end
    local row, pos = {}, 1
    for i = 1, count do
      local ok, value, next_pos = pcall(encoded_string, payload, pos)
      if not ok then return false, "a row is not understood" end
      -- Rows keep their length: a missing value is the text that the client shows for it.
      row[i] = value or "<null>"
      pos = next_pos
    end
    rs.rows[#rs.rows + 1] = row
  end
end

--- Reads the answer to a query.
-- @param socket The socket.
-- @return True, or false.
-- @return A table with <code>cols</code>, an array of what <code>decodeField</code> returns, and <code>rows</code>, an array
--         of arrays of strings; or an error.
function decodeQueryResponse (socket)
  local payload, err = receive_packet(socket)
  if not payload then return false, err end
  local first = string.byte(payload)
  if first == nil then return false, "the answer is empty" end
  if first == 0xff then return false, (select(2, error_of(payload))) end
  if first == 0 then return true, { cols = {}, rows = {} } end
  if first == 0xfb then return false, "the server asks for a file" end
  local ok, count = pcall(encoded_int, payload, 1)
  if not ok or count > 4096 then return false, "the number of columns is not understood" end
  return read_result(socket, count)
end

--- Sends a query and reads the answer.
-- @param socket The socket, after <code>loginRequest</code>.
-- @param query The statement.
-- @return True, or false.
-- @return A result as <code>decodeQueryResponse</code> returns it, or an error.
function sqlQuery (socket, query)
  local status, err = send_packet(socket, string.char(Command.Query) .. query, 0)
  if not status then return false, err end
  return decodeQueryResponse(socket)
end

--- Formats a result as a table of text.
-- @param rs A result.
-- @param options <code>noheaders</code>: true to leave out the columns' names.
-- @return The text, or nil.
function formatResultset (rs, options)
  if not rs or not rs.cols or not rs.rows then return nil end
  local out = tab.new(#rs.cols)
  if not (options and options.noheaders) then
    local names = {}
    for i, column in ipairs(rs.cols) do names[i] = column.name or "" end
    tab.addrow(out, table.unpack(names))
  end
  for _, row in ipairs(rs.rows) do tab.addrow(out, table.unpack(row)) end
  return tab.dump(out)
end

return _ENV
