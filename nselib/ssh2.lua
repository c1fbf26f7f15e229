---
-- SSH, version 2 (RFC 4253): algorithms and host keys.
--
-- Exchanges of keys go only as far as the server's host key; nothing is encrypted and the server's signature is not
-- checked. Library <code>libssh2-utility</code> logs on.
--
-- @copyright MIT OR Apache-2.0

local base64 = require "base64"
local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("ssh2", stdnse.seeall)

-- RFC 4253, 6.1: every implementation takes packets of 35000 octets; longer ones are not expected here.
local PACKET_LEN_MAX = 35000
local IDENTIFICATION = "SSH-2.0-Perilune"
-- Lines a server may send in front of its identification (4.2).
local LINES_MAX = 50
-- Packets that may come in between: debug messages and the like.
local PACKETS_MAX = 20

-- Message numbers (RFC 4250, 4.1.2; RFC 4419, section 5).
local MSG_IGNORE, MSG_DEBUG, MSG_EXT_INFO, MSG_KEXINIT = 2, 4, 7, 20
local MSG_KEXDH_INIT, MSG_KEXDH_REPLY = 30, 31
local MSG_GEX_GROUP, MSG_GEX_INIT, MSG_GEX_REPLY, MSG_GEX_REQUEST = 31, 32, 33, 34

-- Primes of RFC 2409, 6.2 and RFC 3526, section 3; the generator is 2.
local GROUP1 = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
  .. "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
  .. "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"
local GROUP14 = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
  .. "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
  .. "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
  .. "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
  .. "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
  .. "15728E5A8AACAA68FFFFFFFFFFFFFFFF"

-- What we offer, the cheapest first.
local KEX_ALGORITHMS = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
  .. "diffie-hellman-group14-sha256,diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha256,"
  .. "diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1"
local HOST_KEY_ALGORITHMS = "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,"
  .. "rsa-sha2-256,ssh-rsa,ssh-dss"
local CIPHERS = "aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-cbc,"
  .. "aes256-cbc,3des-cbc"
local MACS = "hmac-sha2-256,hmac-sha2-512,hmac-sha1,hmac-sha2-256-etm@openssh.com,hmac-md5"
local COMPRESSION = "none,zlib@openssh.com,zlib"

-- The lists of a KEXINIT in the order in which they are sent (RFC 4253, 7.1).
local KEXINIT_LISTS = {
  "kex_algorithms", "server_host_key_algorithms", "encryption_algorithms_client_to_server",
  "encryption_algorithms_server_to_client", "mac_algorithms_client_to_server", "mac_algorithms_server_to_client",
  "compression_algorithms_client_to_server", "compression_algorithms_server_to_client", "languages_client_to_server",
  "languages_server_to_client",
}

-- Packets -------------------------------------------------------------------------------------------------------

--- Looks whether a packet is whole, for a socket's <code>receive_buf</code>.
-- @param buffer What has been received.
-- @return Where it ends, twice; nil if more is needed.
function check_packet_length (buffer)
  if #buffer < 4 then return nil end
  local len = string.unpack(">I4", buffer)
  -- No packet: what is there is taken, and the reader says so.
  if len < 2 or len > PACKET_LEN_MAX then return #buffer, #buffer end
  if #buffer < len + 4 then return nil end
  return len + 4, len + 4
end

transport = {}

--- Makes a packet of a payload: length, padding to a boundary of 8 (RFC 4253, section 6).
-- @param payload The payload.
-- @return The packet.
function transport.build (payload)
  local padding = 8 - (#payload + 5) % 8
  if padding < 4 then padding = padding + 8 end
  return string.pack(">I4B", 1 + #payload + padding, padding) .. payload .. openssl.rand_bytes(padding)
end

--- Takes the payload out of a packet.
-- @param packet The packet.
-- @return The payload, nil if it is no packet.
function transport.payload (packet)
  if #packet < 6 then return nil end
  local len, padding = string.unpack(">I4B", packet)
  if len < padding + 1 or len + 4 > #packet then return nil end
  return string.sub(packet, 6, 4 + len - padding)
end

--- Receives a packet.
-- @param socket The socket.
-- @return True and the packet, or false and an error.
function transport.receive_packet (socket)
  local status, packet = socket:receive_buf(check_packet_length, true)
  if not status then return false, packet end
  if not transport.payload(packet) then return false, "the server's packet is none" end
  return true, packet
end

--- Encodes a number: most significant octet first, with a zero in front if it would look negative (RFC 4251, 5).
-- @param bignum The number.
-- @return The octets with their length in front.
function transport.pack_mpint (bignum)
  local bytes = openssl.bignum_bn2bin(bignum)
  if #bytes > 0 and string.byte(bytes, 1) >= 0x80 then bytes = "\0" .. bytes end
  return string.pack(">s4", bytes)
end

--- Makes the message that begins an exchange of keys.
-- @param options Table with any of <code>cookie</code> and the lists by their names in RFC 4253, 7.1, as text.
-- @return The payload.
function transport.kex_init (options)
  options = options or {}
  local defaults = { KEX_ALGORITHMS, HOST_KEY_ALGORITHMS, CIPHERS, CIPHERS, MACS, MACS, COMPRESSION, COMPRESSION,
    "", "" }
  local named = {
    server_host_key_algorithms = options.host_key_algorithms,
    encryption_algorithms_client_to_server = options.encryption_algorithms,
    encryption_algorithms_server_to_client = options.encryption_algorithms,
    mac_algorithms_client_to_server = options.mac_algorithms,
    mac_algorithms_server_to_client = options.mac_algorithms,
  }
  local parts = { string.char(MSG_KEXINIT), options.cookie or openssl.rand_bytes(16) }
  for i, name in ipairs(KEXINIT_LISTS) do
    parts[#parts + 1] = string.pack(">s4", options[name] or named[name] or defaults[i])
  end
  -- No guess follows; reserved.
  parts[#parts + 1] = "\0\0\0\0\0"
  return table.concat(parts)
end

--- Takes a server's message apart that begins an exchange of keys.
-- @param payload The payload.
-- @return Table with <code>cookie</code>, the lists by their names in RFC 4253, 7.1, as text, and
--         <code>first_kex_packet_follows</code>; or nil and an error.
function transport.parse_kex_init (payload)
  if #payload < 17 or string.byte(payload, 1) ~= MSG_KEXINIT then return nil, "no KEXINIT" end
  local parsed, pos = { cookie = string.sub(payload, 2, 17) }, 18
  for _, name in ipairs(KEXINIT_LISTS) do
    if pos + 3 > #payload then return nil, "the KEXINIT is cut off" end
    local len = string.unpack(">I4", payload, pos)
    if pos + 3 + len > #payload then return nil, "the KEXINIT is cut off" end
    parsed[name], pos = string.unpack(">s4", payload, pos)
  end
  parsed.first_kex_packet_follows = string.byte(payload, pos)
  return parsed
end

--- Makes the message that sends a client's half of a Diffie-Hellman exchange.
-- @param e The half, a number.
-- @return The payload.
function transport.kexdh_init (e)
  return string.char(MSG_KEXDH_INIT) .. transport.pack_mpint(e)
end

--- Makes the message that asks for a group of Diffie-Hellman (RFC 4419).
-- @param min Bits it has at least.
-- @param n Bits it should have.
-- @param max Bits it has at most.
-- @return The payload.
function transport.kexdh_gex_init (min, n, max)
  return string.char(MSG_GEX_REQUEST) .. string.pack(">I4I4I4", min or 1024, n or 2048, max or 8192)
end

-- Host keys -----------------------------------------------------------------------------------------------------

-- The server's identification, its first line that begins with SSH-; nil and an error.
local function read_identification (socket)
  local buffer = ""
  for _ = 1, LINES_MAX do
    local status, line = socket:receive_buf("\n", true)
    if not status then return nil, line end
    buffer = string.gsub(line, "[\r\n]+$", "")
    if string.find(buffer, "^SSH%-") then return buffer end
  end
  return nil, "no identification"
end

-- The payload of the next packet that is no chatter; nil and an error.
local function receive_payload (socket)
  for _ = 1, PACKETS_MAX do
    local status, packet = transport.receive_packet(socket)
    if not status then return nil, packet end
    local payload = transport.payload(packet)
    local number = string.byte(payload, 1)
    if number ~= MSG_IGNORE and number ~= MSG_DEBUG and number ~= MSG_EXT_INFO then return payload end
  end
  return nil, "the server does not come to the point"
end

local function first_common (ours, theirs)
  for name in string.gmatch(ours, "[^,]+") do
    for other in string.gmatch(theirs, "[^,]+") do
      if name == other then return name end
    end
  end
  return nil
end

local function dh_half (prime)
  local exponent = openssl.bignum_bin2bn(openssl.rand_bytes(32))
  return openssl.bignum_mod_exp(openssl.bignum_dec2bn("2"), exponent, prime)
end

-- Our half of the exchange. The secret that comes of it is never needed: any point will do, on Curve25519 any 32 octets
-- (RFC 7748, section 5), on P-256 the base point (SEC 2, 2.4.2).
local P256_BASE = "\x04" .. stdnse.fromhex("6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
  .. "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5")

-- Goes on until the server has sent its host key: the octets of the reply after its number, nil and an error.
local function exchange_keys (socket, kex)
  local expected = MSG_KEXDH_REPLY
  local message
  if string.find(kex, "^curve25519") then
    message = string.char(MSG_KEXDH_INIT) .. string.pack(">s4", openssl.rand_bytes(32))
  elseif kex == "ecdh-sha2-nistp256" then
    message = string.char(MSG_KEXDH_INIT) .. string.pack(">s4", P256_BASE)
  elseif string.find(kex, "group%-exchange") then
    local status, err = socket:send(transport.build(transport.kexdh_gex_init()))
    if not status then return nil, err end
    local payload
    payload, err = receive_payload(socket)
    if not payload then return nil, err end
    if string.byte(payload, 1) ~= MSG_GEX_GROUP or #payload < 5 then return nil, "no group" end
    local len = string.unpack(">I4", payload, 2)
    if len < 1 or len + 5 > #payload then return nil, "the group is cut off" end
    local prime = openssl.bignum_bin2bn((string.unpack(">s4", payload, 2)))
    message, expected = string.char(MSG_GEX_INIT) .. transport.pack_mpint(dh_half(prime)), MSG_GEX_REPLY
  else
    local prime = openssl.bignum_hex2bn(string.find(kex, "group14", 1, true) and GROUP14 or GROUP1)
    message = transport.kexdh_init(dh_half(prime))
  end
  local status, err = socket:send(transport.build(message))
  if not status then return nil, err end
  local payload
  payload, err = receive_payload(socket)
  if not payload then return nil, err end
  if string.byte(payload, 1) ~= expected then return nil, "no reply with a key" end
  return string.sub(payload, 2)
end

-- Fields of a key's octets: a list of strings, nil if they are cut off.
local function key_fields (blob)
  local fields, pos = {}, 1
  while pos <= #blob do
    if pos + 3 > #blob then return nil end
    local len = string.unpack(">I4", blob, pos)
    if pos + 3 + len > #blob then return nil end
    fields[#fields + 1], pos = string.unpack(">s4", blob, pos)
  end
  return fields
end

local EC_BITS = { nistp256 = 256, nistp384 = 384, nistp521 = 521 }

-- What kind of key it is and how many bits it has.
local function describe_key (blob)
  local fields = key_fields(blob)
  local kind = fields and fields[1]
  if not kind then return nil end
  local function bits_of (field) return openssl.bignum_num_bits(openssl.bignum_bin2bn(field or "")) end
  if kind == "ssh-rsa" then return kind, "RSA", bits_of(fields[3]) end
  if kind == "ssh-dss" then return kind, "DSA", bits_of(fields[2]) end
  if string.find(kind, "^ecdsa%-sha2%-") then return kind, "ECDSA", EC_BITS[fields[2]] or 0 end
  if kind == "ssh-ed25519" then return kind, "ED25519", 256 end
  if kind == "ssh-ed448" then return kind, "ED448", 456 end
  return kind, string.upper((string.gsub(kind, "^ssh%-", ""))), 0
end

--- Asks a server for its host key of a kind.
-- @param host The host table.
-- @param port The port table or a number.
-- @param key_type The kind, as <code>"ssh-rsa"</code>, for which the server may sign in newer ways as well.
-- @return Table with <code>key_type</code>, <code>key</code> (Base64), <code>full_key</code>, <code>algorithm</code>,
--         <code>bits</code> (text), <code>fp_input</code> (the octets), <code>fingerprint</code> (MD5) and
--         <code>fp_sha256</code>; nil if the server has none.
-- @return An error, if there is no table.
function fetch_host_key (host, port, key_type)
  local socket = nmap.new_socket()
  socket:set_timeout(math.max(stdnse.get_timeout(host), 5000))
  local function fail (err)
    socket:close()
    stdnse.debug2("SSH: %s: %s", key_type, tostring(err))
    return nil, err
  end
  local status, err = socket:connect(host, port)
  if not status then return fail(err) end
  local identification
  identification, err = read_identification(socket)
  if not identification then return fail(err) end
  -- 1.99 is a server that speaks version 2 as well (5.1).
  if not string.find(identification, "^SSH%-2") and not string.find(identification, "^SSH%-1%.99") then
    return fail("the server does not speak version 2")
  end
  local wanted = key_type == "ssh-rsa" and "rsa-sha2-512,rsa-sha2-256,ssh-rsa" or key_type
  status, err = socket:send(IDENTIFICATION .. "\r\n"
    .. transport.build(transport.kex_init({ host_key_algorithms = wanted })))
  if not status then return fail(err) end
  local payload
  payload, err = receive_payload(socket)
  if not payload then return fail(err) end
  local theirs
  theirs, err = transport.parse_kex_init(payload)
  if not theirs then return fail(err) end
  if not first_common(wanted, theirs.server_host_key_algorithms) then return fail("no key of that kind") end
  local kex = first_common(KEX_ALGORITHMS, theirs.kex_algorithms)
  if not kex then return fail("no exchange of keys in common") end
  local reply
  reply, err = exchange_keys(socket, kex)
  if not reply then return fail(err) end
  socket:close()
  if #reply < 4 or string.unpack(">I4", reply) > #reply - 4 then return nil, "the key is cut off" end
  local blob = string.unpack(">s4", reply)
  local kind, algorithm, bits = describe_key(blob)
  if not kind then return nil, "the key is none" end
  local encoded = base64.enc(blob)
  return {
    key_type = kind,
    key = encoded,
    full_key = kind .. " " .. encoded,
    algorithm = algorithm,
    bits = tostring(bits),
    fp_input = blob,
    fingerprint = openssl.md5(blob),
    fp_sha256 = openssl.digest("sha256", blob),
  }
end

return _ENV
