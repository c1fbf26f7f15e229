local tls = require "tls"

-- Records and messages as RFC 5246 lays them out.
local function record (kind, body, version)
  return string.pack(">BI2s2", kind, version or 0x0303, body)
end
local function message (kind, body) return string.pack(">Bs3", kind, body) end
local function read (bytes, fragment)
  local at, result, ok = tls.record_read(bytes, 1, fragment)
  return result, at, ok
end

local alert, at = read(record(21, "\2\40", 0x0301))
check("alert", '8 "alert" "TLSv1.0" "fatal" "handshake_failure"', at, alert.type, alert.protocol, alert.body[1].level,
  alert.body[1].description)

local random = string.rep("R", 28)
local extensions = string.pack(">s2", string.pack(">I2s2", 16, "\0\3\2h2") .. string.pack(">I2s2", 0, ""))
local hello = read(record(22, message(2,
  string.pack(">I2I4", 0x0303, 1) .. random .. "\2id" .. "\xC0\x2F" .. "\0" .. extensions))).body[1]
check("server hello", '"server_hello" "TLSv1.2" 1 "id" "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" "NULL" "\\0\\3\\2h2" ""',
  hello.type, hello.protocol, hello.time, hello.session_id, hello.cipher, hello.compressor,
  hello.extensions.application_layer_protocol_negotiation, hello.extensions.server_name)
local hello13 = read(record(22, message(2, string.pack(">I2I4", 0x0303, 1) .. random .. "\0" .. "\x13\x01" .. "\0"
  .. string.pack(">s2", string.pack(">I2s2", 43, "\3\4"))))).body[1]
check("server hello of TLS 1.3", '"TLSv1.3" "TLS_AKE_WITH_AES_128_GCM_SHA256"', hello13.protocol, hello13.cipher)

local certificates = read(record(22, message(11, string.pack(">s3", string.pack(">s3s3", "one", "two")))))
equal(certificates.body[1].certificates, { "one", "two" }, "certificates")
equal(read(record(22, message(14, ""))).body, { { type = "server_hello_done", data = "" } }, "no contents")

-- A message over two records.
local whole = message(11, string.pack(">s3", string.pack(">s3", "one")))
local first = read(record(22, whole:sub(1, 5)))
check("a part", '0 5', #first.body, #first.fragment)
equal(read(record(22, whole:sub(6)), first.fragment).body[1].certificates, { "one" }, "the rest")

check("too short", "1 nil true", tls.record_read("\x16\3\3\0", 1))
check("cut off", "1 nil true", tls.record_read("\x16\3\3\0\5abc", 1))
check("no TLS", "nil false", select(2, tls.record_read("GET / HTTP", 1)))
check("unknown version", "nil false", select(2, tls.record_read("\x16\3\9\0\2\2\40", 1)))
check("lengths that lie", '"abc"', read(record(22, message(11, "abc"))).body[1].data)

-- Hellos.
local function hex (bytes) return (bytes:gsub(".", function (c) return ("%02x"):format(c:byte()) end)) end
local old = tls.client_hello({ protocol = "SSLv3", time = 1, random = random, ciphers = { "TLS_RSA_WITH_RC4_128_MD5" } })
equal(hex(old), "160300002d010000290300" .. "00000001" .. hex(random) .. "00" .. "00020004" .. "0100", "SSLv3")
local newer = tls.client_hello({ protocol = "TLSv1.2", time = 1, random = random, ciphers = { 0x2F },
  extensions = { signature_algorithms = tls.EXTENSION_HELPERS.signature_algorithms({ { "sha256", "rsa" } }),
    server_name = tls.EXTENSION_HELPERS.server_name("a.b") } })
equal(hex(newer), "16030100430100003f0303" .. "00000001" .. hex(random) .. "00" .. "0002002f" .. "0100"
  .. "0014" .. "0000" .. "0008" .. "0006" .. "00" .. "0003612e62" .. "000d" .. "0004" .. "0002" .. "0401", "TLS 1.2")
local function offers (ciphers)
  local hello = tls.client_hello({ ciphers = ciphers })
  return hex(hello:match("\0%+\0[\3\7\9]([\2\6\8][\0-\4]+)"):sub(1, 9))
end
check("TLS 1.3 says so in an extension", '"080304030303020301" "020304" "06030303020301"', offers(),
  offers({ "TLS_AKE_WITH_AES_128_GCM_SHA256" }):sub(1, 6), offers({ "TLS_RSA_WITH_AES_128_CBC_SHA" }):sub(1, 14))
check("an old version in the hello itself", "771", (string.unpack(">I2", tls.client_hello({}), 10)))
raises("unknown cipher", tls.client_hello, { ciphers = { "X" } })

for name, bytes in pairs({
  elliptic_curves = "\0\4\0\23\0\29", ec_point_formats = "\1\0", supported_versions = "\4\3\4\3\3",
  application_layer_protocol_negotiation = "\0\12\2h2\8http/1.1", signature_algorithms_13 = "\0\2\8\4",
}) do
  local given = {
    elliptic_curves = { "secp256r1", "ecdh_x25519" }, ec_point_formats = { "uncompressed" },
    supported_versions = { "TLSv1.3", "TLSv1.2" }, application_layer_protocol_negotiation = { "h2", "http/1.1" },
    signature_algorithms_13 = { "rsa_pss_rsae_sha256" },
  }
  equal(tls.EXTENSION_HELPERS[name](given[name]), bytes, name)
end

-- Names of suites.
local function info (name)
  local i = tls.cipher_info(name)
  return table.concat({ i.kex, tostring(i.cipher), tostring(i.size), tostring(i.mode), tostring(i.hash),
    tostring(i.block_size) }, " ")
end
for name, expected in pairs({
  TLS_RSA_WITH_AES_128_CBC_SHA = "RSA AES 128 CBC SHA 128",
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 = "ECDHE_RSA AES 256 GCM SHA384 128",
  TLS_RSA_EXPORT_WITH_RC4_40_MD5 = "RSA_EXPORT RC4 40 stream MD5 nil",
  TLS_DH_anon_WITH_3DES_EDE_CBC_SHA = "DH_anon 3DES 112 CBC SHA 64",
  TLS_RSA_EXPORT_WITH_DES40_CBC_SHA = "RSA_EXPORT DES 40 CBC SHA 64",
  TLS_RSA_WITH_NULL_SHA = "RSA NULL 0 nil SHA nil",
  TLS_RSA_WITH_AES_128_CCM_8 = "RSA AES 128 CCM_8 SHA256 128",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 = "ECDHE_ECDSA CHACHA20-POLY1305 256 stream SHA256 nil",
  TLS_AKE_WITH_AES_128_GCM_SHA256 = "AKE AES 128 GCM SHA256 128",
  ["TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256-draft"] = "DHE_RSA CHACHA20-POLY1305 256 stream SHA256 nil",
}) do
  equal(info(name), expected, name)
end
for name in pairs(tls.CIPHERS) do
  if not tls.KEX_ALGORITHMS[tls.cipher_info(name).kex] and not name:find("SHA%d+_SHA") then
    equal(tls.cipher_info(name).kex, "known", name)
  end
end
check("anonymous, export", "true true", tls.cipher_info("TLS_DH_anon_EXPORT_WITH_RC4_40_MD5").anon,
  tls.cipher_info("TLS_DH_anon_EXPORT_WITH_RC4_40_MD5").export)
check("strengths of NIST SP 800-57", "3072 7680 15360 2048 1024 2048", tls.rsa_equiv("ec", 256), tls.rsa_equiv("ec", 384),
  tls.rsa_equiv("ec", 521), tls.rsa_equiv("rsa", 2048), tls.rsa_equiv("ec", 163), tls.rsa_equiv("ec", 224))

-- Key exchanges.
local kex = tls.KEX_ALGORITHMS
local dh = kex.DHE_RSA.server_key_exchange("\0\4\1\2\3\4\0\1\5\0\4\9\9\9\9\4\1\0\2sg", "TLSv1.2")
equal(dh, { dhparams = { p = "\1\2\3\4", g = "\5", y = "\9\9\9\9" }, strength = 32,
  signed = { hash_algorithm = 4, signature_algorithm = 1, signature = "sg" } }, "DHE")
equal(kex.ECDHE_RSA.server_key_exchange("\3\0\23\4pubk\0\2sg", "TLSv1.1"), { strength = 256,
  ecdhparams = { curve_params = { ec_curve_type = "namedcurve", curve = "secp256r1" }, public = "pubk" },
  signed = { signature = "sg" } }, "ECDHE")
equal(kex.RSA_EXPORT.server_key_exchange("\0\2mm\0\1e\0\2sg", "TLSv1.0").rsa, { modulus = "mm", exponent = "e" }, "RSA")
equal(kex.AKE.server_key_exchange("\0\29", "TLSv1.3").ecdhparams.curve_params.curve, "ecdh_x25519", "TLS 1.3")
for cut = 0, 14 do
  equal((kex.DHE_RSA.server_key_exchange(("\0\4\1\2\3\4\0\1\5\0\4\9\9\9\9"):sub(1, cut), "TLSv1.2")), nil, "cut off")
end

check("servername", '"x.y" nil nil', tls.servername({ ip = "1.2.3.4", targetname = "x.y" }),
  tls.servername({ ip = "1.2.3.4", name = "x.y" }), (tls.servername("a.b")))

fuzz("records", {
  record(22, message(2, string.pack(">I2I4", 0x0303, 1) .. random .. "\2id" .. "\xC0\x2F" .. "\0" .. extensions)),
  record(22, message(11, string.pack(">s3", string.pack(">s3s3", "one", "two"))) .. message(14, "")),
  record(21, "\2\40"), record(24, "\2\0\3abc"), record(20, "\1"),
}, function (bytes)
  local at, fragment = 1, nil
  for _ = 1, 10 do
    local after, one = tls.record_read(bytes, at, fragment)
    if not one then return end
    at, fragment = after, one.fragment
  end
end)
for _, name in ipairs({ "DHE_RSA", "ECDHE_RSA", "RSA_EXPORT", "PSK", "DHE_PSK", "ECDHE_PSK", "SRP_SHA", "AKE" }) do
  fuzz("key exchange " .. name, {
    "\0\4\1\2\3\4\0\1\5\0\4\9\9\9\9\4\1\0\2sg", "\3\0\23\4pubk\4\1\0\2sg", "\1\1p\1a\1b\1G\1n\1h\4pubk", "\0\29\0\2hi",
  }, function (bytes) kex[name].server_key_exchange(bytes, "TLSv1.2") end)
end
fuzz("names", { "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AKE_WITH_CHACHA20_POLY1305_SHA256" }, tls.cipher_info)
