---
-- Messages of TLS and SSLv3: builds client hellos, takes records apart, and knows what cipher suites are made of.
--
-- Nothing is encrypted here: scripts talk over a plain socket to see what a server would choose.
--
-- @usage
-- local hello = tls.client_hello({
--   protocol = "TLSv1.2",
--   ciphers = { "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" },
--   extensions = { server_name = tls.EXTENSION_HELPERS.server_name("example.com") },
-- })
-- socket:send(hello)
-- local status, buffer = tls.record_buffer(socket)
-- local i, record = tls.record_read(buffer)
--
-- @copyright MIT OR Apache-2.0

local os = require "os"
local rand = require "rand"
local registry = require "data.tls_registry"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local tableaux = require "tableaux"
_ENV = stdnse.module("tls", stdnse.seeall)

-- Registries -----------------------------------------------------------------------------------------------------

--- Numbers of the versions.
-- @class table
-- @name PROTOCOLS
PROTOCOLS = { ["SSLv3"] = 0x0300, ["TLSv1.0"] = 0x0301, ["TLSv1.1"] = 0x0302, ["TLSv1.2"] = 0x0303, ["TLSv1.3"] = 0x0304 }
HIGHEST_PROTOCOL = "TLSv1.3"
TLS_RECORD_HEADER_LENGTH = 5

TLS_CONTENTTYPE_REGISTRY = registry.content_types
TLS_HANDSHAKETYPE_REGISTRY = registry.handshake_types
TLS_ALERT_LEVELS = { warning = 1, fatal = 2 }
TLS_ALERT_REGISTRY = registry.alerts
COMPRESSORS = { NULL = 0, DEFLATE = 1, LZS = 64 }
ELLIPTIC_CURVES = registry.groups
EC_POINT_FORMATS = { uncompressed = 0, ansiX962_compressed_prime = 1, ansiX962_compressed_char2 = 2 }
EXTENSIONS = registry.extensions
HashAlgorithms = registry.hashes
SignatureAlgorithms = registry.signatures
SignatureSchemes = registry.schemes

--- Numbers of cipher suites.
-- @class table
-- @name CIPHERS
CIPHERS = require "data.tls_ciphers"

--- Numbers that look like cipher suites and tell the server something.
-- @class table
-- @name SCSVS
SCSVS = { TLS_EMPTY_RENEGOTIATION_INFO_SCSV = 0x00FF, TLS_FALLBACK_SCSV = 0x5600 }

--- Groups offered when a hello names none.
DEFAULT_ELLIPTIC_CURVES = { "secp256r1", "secp384r1", "secp521r1", "ecdh_x25519", "ffdhe2048" }

--- Cipher suites offered when a hello names none: those every server had to know, and the common ones.
DEFAULT_TLS12_CIPHERS = {
  "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA",
  "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "TLS_RSA_WITH_RC4_128_MD5",
}

--- The same for TLS 1.3.
DEFAULT_TLS13_CIPHERS = {
  "TLS_AKE_WITH_AES_128_GCM_SHA256", "TLS_AKE_WITH_AES_256_GCM_SHA384", "TLS_AKE_WITH_CHACHA20_POLY1305_SHA256",
}

local DEFAULT_CIPHERS = table.move(DEFAULT_TLS12_CIPHERS, 1, #DEFAULT_TLS12_CIPHERS, #DEFAULT_TLS13_CIPHERS + 1,
  table.move(DEFAULT_TLS13_CIPHERS, 1, #DEFAULT_TLS13_CIPHERS, 1, {}))

local PROTOCOL_NAMES = tableaux.invert(PROTOCOLS)
local CONTENT_NAMES = tableaux.invert(TLS_CONTENTTYPE_REGISTRY)
local HANDSHAKE_NAMES = tableaux.invert(TLS_HANDSHAKETYPE_REGISTRY)
local LEVEL_NAMES = tableaux.invert(TLS_ALERT_LEVELS)
local ALERT_NAMES = tableaux.invert(TLS_ALERT_REGISTRY)
local COMPRESSOR_NAMES = tableaux.invert(COMPRESSORS)
local GROUP_NAMES = tableaux.invert(ELLIPTIC_CURVES)
local CIPHER_NAMES = tableaux.invert(CIPHERS)
local EXTENSION_NAMES = tableaux.invert(EXTENSIONS)
EXTENSION_NAMES[13] = "signature_algorithms"

-- Reading --------------------------------------------------------------------------------------------------------

-- Reads fields by a format; nothing at all when bytes are missing.
local function unpack_fields (format, data, at)
  local fields = table.pack(pcall(string.unpack, format, data, at or 1))
  if not fields[1] then return nil end
  return table.unpack(fields, 2, fields.n)
end

local function signature_of (data, at, protocol)
  if at > #data then return nil end
  if protocol == "TLSv1.2" then
    local hash, algorithm, signature = unpack_fields(">BBs2", data, at)
    if not hash then return nil end
    return { hash_algorithm = hash, signature_algorithm = algorithm, signature = signature }
  end
  local signature = unpack_fields(">s2", data, at)
  return signature and { signature = signature }
end

-- Bits of a number without its leading zeros.
local function bit_length (bytes)
  local first = string.find(bytes, "[^\0]")
  return first and 8 * (#bytes - first + 1) or 0
end

local function read_dh (data, at, info)
  local p, g, y, after = unpack_fields(">s2s2s2", data, at)
  if not p then return nil end
  info.dhparams = { p = p, g = g, y = y }
  info.strength = bit_length(p)
  return after
end

-- Bits of a group's field, from its name.
local CURVE_BITS = { ecdh_x25519 = 256, ecdh_x448 = 448, curveSM2 = 256 }
local function curve_bits (name)
  return CURVE_BITS[name] or tonumber(string.match(name or "", "^%a+(%d+)"))
end

local CURVE_TYPES = { [1] = "explicit_prime", [2] = "explicit_char2", [3] = "namedcurve" }

local function read_ec (data, at, info)
  local kind, after = unpack_fields("B", data, at)
  kind = CURVE_TYPES[kind]
  if not kind then return nil end
  local params = { ec_curve_type = kind }
  if kind == "namedcurve" then
    local number
    number, after = unpack_fields(">I2", data, after)
    if not number then return nil end
    params.curve = GROUP_NAMES[number]
    info.strength = curve_bits(params.curve)
  elseif kind == "explicit_prime" then
    params.prime_p, params.a, params.b, params.base, params.order, params.cofactor, after =
      unpack_fields("s1s1s1s1s1s1", data, after)
    if not params.prime_p then return nil end
    params.curve = { a = params.a, b = params.b }
    info.strength = bit_length(params.prime_p)
  else
    return nil
  end
  local public
  public, after = unpack_fields("s1", data, after)
  if not public then return nil end
  info.ecdhparams = { curve_params = params, public = public }
  return after
end

local function read_rsa (data, at, info)
  local modulus, exponent, after = unpack_fields(">s2s2", data, at)
  if not modulus then return nil end
  info.rsa = { modulus = modulus, exponent = exponent }
  info.strength = bit_length(modulus)
  return after
end

local function read_hint (data, at, info)
  local hint, after = unpack_fields(">s2", data, at)
  info.psk_identity_hint = hint
  return hint and after
end

local function read_srp (data, at, info)
  local n, g, s, b, after = unpack_fields(">s2s2s1s2", data, at)
  if not n then return nil end
  info.srp = { N = n, g = g, s = s, B = b }
  info.strength = bit_length(n)
  return after
end

-- A parser for a server's key exchange: the named parts one after the other, then a signature if there is one.
local function key_exchange (is_signed, ...)
  local parts = { ... }
  return function (blob, protocol)
    local info, at = {}, 1
    for _, part in ipairs(parts) do
      at = part(blob, at, info)
      if not at then return nil, "key exchange is cut off" end
    end
    if is_signed then info.signed = signature_of(blob, at, protocol) end
    return info
  end
end

-- TLS 1.3 has the share in an extension: a group, and a key that is missing in a request to try again.
local function read_key_share (blob)
  local group, at = unpack_fields(">I2", blob)
  local name = GROUP_NAMES[group]
  if not name then return nil, "unknown group" end
  local info = { strength = curve_bits(name) }
  local public = unpack_fields(">s2", blob, at)
  if group >= 256 and group < 512 then
    info.type = "dh"
    info.dhparams = { y = public, group = name }
  else
    info.type = "ec"
    info.ecdhparams = { curve_params = { ec_curve_type = "namedcurve", curve = name }, public = public }
  end
  return info
end

local DHE, ECDHE, RSA = key_exchange(true, read_dh), key_exchange(true, read_ec), key_exchange(true, read_rsa)
local DH_ANON, ECDH_ANON = key_exchange(false, read_dh), key_exchange(false, read_ec)
local PSK, SRP = key_exchange(false, read_hint), key_exchange(true, read_srp)
local DHE_PSK, ECDHE_PSK = key_exchange(false, read_hint, read_dh), key_exchange(false, read_hint, read_ec)

--- What a key exchange is made of, by its name in cipher suites: <code>pubkey</code> (kind of key in the certificate),
-- <code>type</code> (<code>dh</code>, <code>ec</code>, <code>rsa</code>, <code>psk</code>, <code>srp</code>),
-- <code>export</code>, <code>anon</code>, <code>pfs</code>, <code>tls13ok</code>, <code>tls13only</code>, and
-- <code>server_key_exchange(blob, protocol)</code>, which takes that message apart.
-- @class table
-- @name KEX_ALGORITHMS
KEX_ALGORITHMS = {
  NULL = { anon = true },
  DH_anon = { anon = true, type = "dh", server_key_exchange = DH_ANON },
  DH_anon_EXPORT = { anon = true, export = true, type = "dh", server_key_exchange = DH_ANON },
  ECDH_anon = { anon = true, type = "ec", server_key_exchange = ECDH_ANON },
  ECDH_anon_EXPORT = { anon = true, export = true, type = "ec", server_key_exchange = ECDH_ANON },
  RSA = { pubkey = "rsa" },
  RSA_FIPS = { pubkey = "rsa" },
  RSA_EXPORT = { pubkey = "rsa", export = true, type = "rsa", server_key_exchange = RSA },
  RSA_EXPORT1024 = { pubkey = "rsa", export = true, type = "rsa", server_key_exchange = RSA },
  DHE_RSA = { pubkey = "rsa", type = "dh", pfs = true, server_key_exchange = DHE },
  DHE_RSA_EXPORT = { pubkey = "rsa", type = "dh", pfs = true, export = true, server_key_exchange = DHE },
  DHE_DSS = { pubkey = "dsa", type = "dh", pfs = true, server_key_exchange = DHE },
  DHE_DSS_EXPORT = { pubkey = "dsa", type = "dh", pfs = true, export = true, server_key_exchange = DHE },
  DHE_DSS_EXPORT1024 = { pubkey = "dsa", type = "dh", pfs = true, export = true, server_key_exchange = DHE },
  DH_DSS = { pubkey = "dh" },
  DH_DSS_EXPORT = { pubkey = "dh", export = true },
  DH_RSA = { pubkey = "dh" },
  DH_RSA_EXPORT = { pubkey = "dh", export = true },
  ECDHE_RSA = { pubkey = "rsa", type = "ec", pfs = true, server_key_exchange = ECDHE },
  ECDHE_ECDSA = { pubkey = "ec", type = "ec", pfs = true, server_key_exchange = ECDHE },
  ECDH_ECDSA = { pubkey = "ec" },
  ECDH_RSA = { pubkey = "ec" },
  PSK = { type = "psk", server_key_exchange = PSK },
  RSA_PSK = { pubkey = "rsa", type = "psk", server_key_exchange = PSK },
  DHE_PSK = { type = "dh", pfs = true, server_key_exchange = DHE_PSK },
  PSK_DHE = { type = "dh", pfs = true, server_key_exchange = DHE_PSK },
  ECDHE_PSK = { type = "ec", pfs = true, server_key_exchange = ECDHE_PSK },
  SRP_SHA = { type = "srp", pfs = true, server_key_exchange = SRP },
  SRP_SHA_DSS = { type = "srp", pfs = true, pubkey = "dsa", server_key_exchange = SRP },
  SRP_SHA_RSA = { type = "srp", pfs = true, pubkey = "rsa", server_key_exchange = SRP },
  KRB5 = {},
  KRB5_EXPORT = { export = true },
  GOSTR341001 = {},
  GOSTR341094 = {},
  GOSTR341112_256 = {},
  ECCPWD = { tls13ok = true },
  AKE = { pfs = true, tls13ok = true, tls13only = true, server_key_exchange = read_key_share },
}

-- Cipher suites --------------------------------------------------------------------------------------------------

-- Bits of the key and of a block, for ciphers whose names do not say so. 3DES has 168 bits and the strength of 112.
local KEY_BITS = { ["3DES"] = 112, DES = 56, IDEA = 128, SEED = 128, NULL = 0, ["CHACHA20-POLY1305"] = 256, SM4 = 128 }
local BLOCK_BITS = {
  AES = 128, CAMELLIA = 128, ARIA = 128, SEED = 128, SM4 = 128, KUZNYECHIK = 128,
  ["3DES"] = 64, DES = 64, DES40 = 64, IDEA = 64, RC2 = 64, FORTEZZA = 64, MAGMA = 64,
}
local MODES = { CBC = true, GCM = true, CCM = true, CTR = true, CNT = true, IMIT = true }
local HASHES = { MD5 = true, SHA = true, SHA256 = true, SHA384 = true, SHA512 = true, GOSTR3411 = true, SM3 = true, OMAC = true }

local function words_of (text)
  local words = {}
  for word in string.gmatch(text, "[^_]+") do words[#words + 1] = word end
  return words
end

-- Cipher, size, mode and hash from the words behind "WITH".
local function describe_cipher (info, words)
  local at = 2
  info.cipher = words[1]
  if words[1] == "CHACHA20" then
    info.cipher, info.mode, at = "CHACHA20-POLY1305", "stream", 3
  elseif words[1] == "3DES" and words[2] == "EDE" then
    at = 3
  elseif words[1] == "DES40" then
    info.cipher, info.size = "DES", 40
  elseif words[1] == "AEGIS" then
    info.size, info.mode, at = tonumber(string.match(words[2] or "", "^%d+")), "AEAD", 3
  elseif words[1] == "RC4" then
    info.mode = "stream"
  end
  for i = at, #words do
    local word = words[i]
    if HASHES[word] then
      info.hash = word
    elseif word == "8" and info.mode == "CCM" then
      info.mode = "CCM_8"
    elseif MODES[word] then
      info.mode = word
    elseif tonumber(word) then
      info.size = tonumber(word)
    end
  end
  info.size = info.size or KEY_BITS[info.cipher]
  if info.mode ~= "stream" then info.block_size = BLOCK_BITS[info.cipher] end
  -- The suites with CCM do not name the hash.
  if info.mode and string.sub(info.mode, 1, 3) == "CCM" then info.hash = info.hash or "SHA256" end
end

local known = {}

--- Takes the name of a cipher suite apart.
-- @param c The name.
-- @return A table with <code>kex</code>, <code>cipher</code>, <code>size</code> (bits of the key), <code>mode</code>,
--         <code>block_size</code> (bits), <code>hash</code>, <code>draft</code>, and the fields of the key exchange
--         (see <code>KEX_ALGORITHMS</code>).
function cipher_info (c)
  if known[c] then return known[c] end
  local info = {}
  local name, draft = string.match(c, "^%u+_(.-)(%-draft)$")
  name = name or string.match(c, "^%u+_(.*)$") or c
  if draft then info.draft = true end
  local kex, cipher = string.match(name, "^(.-)_WITH_(.*)$")
  info.kex = kex or name
  for key, value in pairs(KEX_ALGORITHMS[info.kex] or {}) do info[key] = value end
  if cipher then describe_cipher(info, words_of(cipher)) end
  known[c] = info
  return info
end

-- NIST SP 800-57, part 1, table 2: bits of elliptic curves and of RSA with the same strength.
local EC_EQUIVALENTS = { { 512, 15360 }, { 384, 7680 }, { 256, 3072 }, { 224, 2048 }, { 160, 1024 } }

--- Bits of an RSA key that is as hard to break.
-- @param ktype Kind of the key: <code>rsa</code>, <code>dsa</code>, <code>dh</code>, <code>ec</code>.
-- @param bits Its bits.
-- @return Bits; nil for other kinds.
function rsa_equiv (ktype, bits)
  if ktype == "rsa" or ktype == "dsa" or ktype == "dh" then return bits end
  if ktype ~= "ec" then return nil end
  for _, pair in ipairs(EC_EQUIVALENTS) do
    if bits >= pair[1] then return pair[2] end
  end
  return 512
end

-- Records --------------------------------------------------------------------------------------------------------

--- Parsers of handshake messages: each gets the message's bytes and returns a table, or nil if they make no sense.
-- @class table
-- @name handshake_parse
handshake_parse = {}

-- The version of a hello is in an extension since TLS 1.3.
local function read_extensions (data, at)
  local list, order = {}, {}
  local all = unpack_fields(">s2", data, at)
  if not all then return at > #data and {} or nil end
  local pos = 1
  while pos <= #all do
    local number, value, after = unpack_fields(">I2s2", all, pos)
    if not number then return nil end
    local name = EXTENSION_NAMES[number] or number
    list[name] = value
    order[#order + 1] = name
    pos = after
  end
  return list, order
end

function handshake_parse.server_hello (data)
  local version, time, random, session, cipher, compressor, at = unpack_fields(">I2I4c28s1I2B", data)
  if not version then return nil end
  local body = {
    protocol = PROTOCOL_NAMES[version],
    time = time,
    random = random,
    session_id = session,
    cipher = CIPHER_NAMES[cipher] or string.format("0x%04X", cipher),
    compressor = COMPRESSOR_NAMES[compressor] or compressor,
  }
  local extensions = read_extensions(data, at)
  if not extensions then return nil end
  if next(extensions) ~= nil then body.extensions = extensions end
  local chosen = extensions.supported_versions
  if chosen and #chosen == 2 then body.protocol = PROTOCOL_NAMES[string.unpack(">I2", chosen)] or body.protocol end
  return body
end

function handshake_parse.certificate (data)
  local all = unpack_fields(">s3", data)
  if not all then return nil end
  local certificates, at = {}, 1
  while at <= #all do
    local one, after = unpack_fields(">s3", all, at)
    if not one then return nil end
    certificates[#certificates + 1] = one
    at = after
  end
  return { certificates = certificates }
end

function handshake_parse.NewSessionTicket (data)
  local hint, ticket = unpack_fields(">I4s2", data)
  if not hint then return nil end
  return { ticket_lifetime_hint = hint, ticket = ticket }
end

local function read_handshake (bytes, at)
  local kind, data, after = unpack_fields(">Bs3", bytes, at)
  if not kind then return nil end
  local name = HANDSHAKE_NAMES[kind]
  local parse = handshake_parse[name]
  local body
  if parse then
    body = parse(data)
    if not body then body = { data = data } end
  else
    body = { data = data }
  end
  body.type = name or kind
  return after, body
end

local function read_alert (bytes, at)
  local level, description, after = unpack_fields("BB", bytes, at)
  if not level then return nil end
  return after, { level = LEVEL_NAMES[level] or level, description = ALERT_NAMES[description] or description }
end

local function read_heartbeat (bytes, at)
  local kind, length = unpack_fields(">BI2", bytes, at)
  if not kind then return nil end
  return #bytes + 1, { type = kind, payload_length = length, data = string.sub(bytes, at + 3) }
end

local function read_change (bytes, at)
  if at > #bytes then return nil end
  return at + 1, { value = string.byte(bytes, at) }
end

local READERS = {
  handshake = read_handshake,
  alert = read_alert,
  heartbeat = read_heartbeat,
  change_cipher_spec = read_change,
}

-- More messages than that in one record make no sense.
local MESSAGES_MAX = 1000

--- Takes the messages of a record apart.
-- @param mbuffer The bytes.
-- @param mi Where to start.
-- @param h The record, with its <code>type</code>; its <code>body</code> is filled, what is left of a message that goes
--          on in the next record becomes its <code>fragment</code>.
-- @return The position behind the last whole message.
function parse_messages (mbuffer, mi, h)
  local read = READERS[h.type]
  h.body = h.body or {}
  while read and mi <= #mbuffer and #h.body < MESSAGES_MAX do
    local after, body = read(mbuffer, mi)
    if not after then break end
    table.insert(h.body, body)
    mi = after
  end
  if mi <= #mbuffer then h.fragment = string.sub(mbuffer, mi) end
  return mi
end

--- Tells whether a record may have that version in its head: until the version is agreed on, any will do.
-- @param received_version Version of the record.
-- @param proto_version Version of the hello that was sent.
-- @return True or false.
function record_version_ok (received_version, proto_version)
  if received_version == proto_version then return true end
  -- TLS 1.3 writes TLS 1.2 on its records, and TLS 1.0 on its first one.
  return proto_version == "TLSv1.3" and (received_version == "TLSv1.2" or received_version == "TLSv1.0")
end

--- Takes one record apart.
-- @param buffer Bytes from a server.
-- @param i Where the record starts. Default 1.
-- @param fragment What was left of the message before.
-- @return The position behind the record; where it starts if bytes are missing.
-- @return The record: <code>type</code>, <code>protocol</code>, <code>length</code>, <code>body</code> (a list of
--         messages) and <code>fragment</code>; nil if bytes are missing or it is no record.
-- @return False if it is no record of TLS.
function record_read (buffer, i, fragment)
  i = i or 1
  local kind, version, length, at = unpack_fields(">BI2I2", buffer, i)
  if not kind then return i, nil, true end
  local record = { type = CONTENT_NAMES[kind], protocol = PROTOCOL_NAMES[version], length = length }
  if not record.type or not record.protocol then return at, nil, false end
  if #buffer < at + length - 1 then return i, nil, true end
  local bytes = string.sub(buffer, at, at + length - 1)
  if fragment then bytes = fragment .. bytes end
  parse_messages(bytes, 1, record)
  return at + length, record, true
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
    local count = #buffer - i + 1
    -- What is no record has no length to wait for.
    if count > 0 and not CONTENT_NAMES[string.byte(buffer, i)] then return true, buffer end
    local missing
    if count < TLS_RECORD_HEADER_LENGTH then
      missing = TLS_RECORD_HEADER_LENGTH - count
    else
      local length = string.unpack(">I2", buffer, i + 3)
      missing = TLS_RECORD_HEADER_LENGTH + length - count
    end
    if missing <= 0 then return true, buffer end
    local status, data = sock:receive_bytes(missing)
    if not status then return false, buffer, data end
    buffer = buffer .. data
  end
end

--- Makes a record.
-- @param type Name of its type.
-- @param protocol Name of the version.
-- @param b Its contents.
-- @return Bytes.
function record_write (type, protocol, b)
  return string.pack(">BI2s2", TLS_CONTENTTYPE_REGISTRY[type], PROTOCOLS[protocol], b)
end

-- Hellos ---------------------------------------------------------------------------------------------------------

local function same (data) return data end

-- A list of numbers of two bytes, with their length before it.
local function numbers_of (names, numbers)
  local packed = {}
  for i, name in ipairs(names) do
    packed[i] = string.pack(">I2", type(name) == "number" and name or assert(numbers[name], "tls: unknown " .. tostring(name)))
  end
  return string.pack(">s2", table.concat(packed))
end

--- Functions that make the contents of extensions.
-- @class table
-- @name EXTENSION_HELPERS
EXTENSION_HELPERS = {
  -- The name of the host.
  server_name = function (name) return string.pack(">s2", string.pack(">Bs2", 0, name)) end,
  -- A list of names of groups.
  elliptic_curves = function (names) return numbers_of(names, ELLIPTIC_CURVES) end,
  -- A list of names of formats.
  ec_point_formats = function (names)
    local bytes = {}
    for i, name in ipairs(names) do bytes[i] = string.char(EC_POINT_FORMATS[name]) end
    return string.pack("s1", table.concat(bytes))
  end,
  -- A list of pairs of a hash and a signature.
  signature_algorithms = function (pairs_of_names)
    local packed = {}
    for i, pair in ipairs(pairs_of_names) do
      packed[i] = string.char(HashAlgorithms[pair[1]] or pair[1], SignatureAlgorithms[pair[2]] or pair[2])
    end
    return string.pack(">s2", table.concat(packed))
  end,
  -- A list of names of schemes.
  signature_algorithms_13 = function (names) return numbers_of(names, SignatureSchemes) end,
  -- A list of names of protocols.
  application_layer_protocol_negotiation = function (protocols)
    local packed = {}
    for i, name in ipairs(protocols) do packed[i] = string.pack("s1", name) end
    return string.pack(">s2", table.concat(packed))
  end,
  -- A list of names of versions.
  supported_versions = function (versions)
    local packed = {}
    for i, name in ipairs(versions) do packed[i] = string.pack(">I2", PROTOCOLS[name] or name) end
    return string.pack("s1", table.concat(packed))
  end,
  next_protocol_negotiation = same,
  max_fragment_length = same,
  client_certificate_url = same,
  trusted_ca_keys = same,
  truncated_hmac = same,
  status_request = same,
}

local SIGNATURES_12 = {}
for _, hash in ipairs({ "sha256", "sha384", "sha512", "sha1", "sha224", "md5" }) do
  for _, signature in ipairs({ "rsa", "ecdsa", "dsa" }) do SIGNATURES_12[#SIGNATURES_12 + 1] = { hash, signature } end
end

local SIGNATURES_13 = {
  "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512", "ed25519", "ed448",
  "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512", "rsa_pss_pss_sha256", "rsa_pss_pss_sha384",
  "rsa_pss_pss_sha512", "rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512", "rsa_pkcs1_sha1", "ecdsa_sha1",
}

local function cipher_number (cipher)
  if type(cipher) == "number" then return cipher end
  return assert(CIPHERS[cipher] or SCSVS[cipher], "tls: unknown cipher suite " .. tostring(cipher))
end

local function uses_curves (ciphers)
  for _, cipher in ipairs(ciphers) do
    if type(cipher) == "string" and cipher_info(cipher).type == "ec" then return true end
  end
  return false
end

-- Versions that the suites of a hello are for; those of TLS 1.3 are of no use before.
local function versions_of (ciphers)
  local is_new, is_old = false, false
  for _, cipher in ipairs(ciphers) do
    local name = type(cipher) == "number" and CIPHER_NAMES[cipher] or cipher
    if CIPHERS[name] then
      local info = cipher_info(name)
      if info.tls13ok then is_new = true end
      if not info.tls13only then is_old = true end
    end
  end
  local versions = {}
  if is_new or not is_old then versions[1] = "TLSv1.3" end
  if is_old then table.move({ "TLSv1.2", "TLSv1.1", "TLSv1.0" }, 1, 3, #versions + 1, versions) end
  return versions
end

-- What a version needs, where the hello does not say it.
local function complete_extensions (given, protocol, ciphers)
  local all = {}
  for name, data in pairs(given or {}) do all[name] = data end
  if protocol == "TLSv1.3" then
    all.supported_versions = all.supported_versions or EXTENSION_HELPERS.supported_versions(versions_of(ciphers))
    if not all.signature_algorithms_13 and not all.signature_algorithms then
      all.signature_algorithms_13 = EXTENSION_HELPERS.signature_algorithms_13(SIGNATURES_13)
    end
    all.elliptic_curves = all.elliptic_curves or EXTENSION_HELPERS.elliptic_curves(DEFAULT_ELLIPTIC_CURVES)
    -- Without a share the server asks for one, which is what tells its choice.
    all.key_share = all.key_share or "\0\0"
  else
    if protocol == "TLSv1.2" and not all.signature_algorithms and not all.signature_algorithms_13 then
      all.signature_algorithms = EXTENSION_HELPERS.signature_algorithms(SIGNATURES_12)
    end
    if protocol ~= "SSLv3" and not all.elliptic_curves and uses_curves(ciphers) then
      all.elliptic_curves = EXTENSION_HELPERS.elliptic_curves(DEFAULT_ELLIPTIC_CURVES)
      all.ec_point_formats = all.ec_point_formats or EXTENSION_HELPERS.ec_point_formats({ "uncompressed" })
    end
  end
  return all
end

local function pack_extensions (extensions)
  local numbers, packed = {}, {}
  local by_number = {}
  for name, data in pairs(extensions) do
    local number = type(name) == "number" and name or EXTENSIONS[name]
    if number then
      numbers[#numbers + 1] = number
      by_number[number] = data
    end
  end
  table.sort(numbers)
  for i, number in ipairs(numbers) do packed[i] = string.pack(">I2s2", number, by_number[number]) end
  return string.pack(">s2", table.concat(packed))
end

--- Makes a client hello, in a record.
-- @param t Table with any of <code>protocol</code> (version; default the highest, with those before as far as there
--          are suites for them), <code>record_protocol</code>,
--          <code>session_id</code>, <code>random</code> (28 bytes), <code>ciphers</code> (list of names or numbers),
--          <code>compressors</code> (list of names) and <code>extensions</code> (contents by name).
-- @return Bytes.
function client_hello (t)
  t = t or {}
  local protocol = t.protocol or HIGHEST_PROTOCOL
  local version = math.min(PROTOCOLS[protocol], PROTOCOLS["TLSv1.2"])
  local ciphers = t.ciphers or (protocol == "TLSv1.3" and DEFAULT_CIPHERS or DEFAULT_TLS12_CIPHERS)
  local packed = {}
  for i, cipher in ipairs(ciphers) do packed[i] = string.pack(">I2", cipher_number(cipher)) end
  local compressors = {}
  for i, name in ipairs(t.compressors or { "NULL" }) do compressors[i] = string.char(COMPRESSORS[name]) end
  local body = {
    string.pack(">I2I4", version, t.time or os.time() & 0xFFFFFFFF),
    t.random or rand.random_string(28),
    string.pack("s1", t.session_id or ""),
    string.pack(">s2", table.concat(packed)),
    string.pack("s1", table.concat(compressors)),
  }
  -- SSLv3 knows no extensions.
  if protocol ~= "SSLv3" then
    local extensions = complete_extensions(t.extensions, protocol, ciphers)
    if next(extensions) ~= nil then body[#body + 1] = pack_extensions(extensions) end
  end
  local message = string.pack(">Bs3", TLS_HANDSHAKETYPE_REGISTRY.client_hello, table.concat(body))
  -- Old servers refuse a first record of a version they do not know.
  local record_protocol = t.record_protocol or (protocol == "SSLv3" and "SSLv3" or "TLSv1.0")
  return record_write("handshake", record_protocol, message)
end

--- The name for extension <code>server_name</code>.
-- @param host The host table, or a name.
-- @return The name the user gave, or nil: addresses have no place there.
function servername (host)
  if type(host) == "table" then return host.targetname end
  return nil
end

return _ENV
