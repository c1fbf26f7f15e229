local openssl = require "openssl"
local peer = require "peer"
local ssh2 = require "ssh2"
local stdnse = require "stdnse"

local hex = stdnse.tohex
local t = ssh2.transport

-- RFC 4251, section 5.
local function mpint (digits) return hex(t.pack_mpint(openssl.bignum_hex2bn(digits))) end
check("numbers", '"00000000" "0000000809a378f9b2e332a7" "000000020080"', mpint("0"), mpint("9a378f9b2e332a7"), mpint("80"))
-- RFC 4253, section 6.
local packet = t.build("abc")
check("packet", "16 8 true", #packet, packet:byte(5), t.payload(packet) == "abc")
check("whole", "16 nil", (ssh2.check_packet_length(packet)), ssh2.check_packet_length(packet:sub(1, 15)))
check("no packets", "nil nil nil", t.payload(""), t.payload("\0\0\0\12\12abcdefghijk"), t.payload("\0\0\1\0\4abcdefghij"))

local function lists (kex, host_key)
  return t.kex_init({ cookie = ("c"):rep(16), kex_algorithms = kex, host_key_algorithms = host_key })
end
local parsed = t.parse_kex_init(lists("a,b", "ssh-rsa"))
check("lists", '"a,b" "ssh-rsa" "" 0', parsed.kex_algorithms, parsed.server_host_key_algorithms, parsed.languages_client_to_server,
  parsed.first_kex_packet_follows)
local whole = lists("a", "b")
for size = 0, #whole - 6 do assert(not t.parse_kex_init(whole:sub(1, size)), size) end

-- Servers with an Ed25519 key (RFC 8709) and an RSA key of 1024 bits, over each exchange of keys.
local function field (data) return string.pack(">s4", data) end
local ed25519 = field("ssh-ed25519") .. field(("k"):rep(32))
local rsa = field("ssh-rsa") .. field("\1\0\1") .. field("\0" .. ("\x80"):rep(128))
local function serve (kex, kind, blob)
  peer.greeting = "Welcome\r\nSSH-2.0-Test\r\n"
  peer.answer(function (data)
    if data:find("^SSH") then return t.build(lists(kex, kind)) end
    local number = t.payload(data):byte()
    if number == 34 then return t.build("\31" .. field("\0" .. ("\xf1"):rep(128)) .. field("\2")) end
    return t.build("\2debug") .. t.build(string.char(number + 1) .. field(blob) .. field("f") .. field("signature"))
  end)
end
for _, kex in ipairs({ "curve25519-sha256", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256", "diffie-hellman-group1-sha1",
  "diffie-hellman-group-exchange-sha256" }) do
  serve("unknown," .. kex, "ssh-ed25519", ed25519)
  local key = ssh2.fetch_host_key({ ip = "192.0.2.1" }, 22, "ssh-ed25519")
  check(kex, '"ssh-ed25519" "ED25519" "256" true', key.key_type, key.algorithm, key.bits, key.fp_input == ed25519)
end
serve("curve25519-sha256", "rsa-sha2-256", rsa)
local key = ssh2.fetch_host_key({ ip = "192.0.2.1" }, 22, "ssh-rsa")
check("RSA signed in newer ways", '"ssh-rsa" "RSA" "1024" "ssh-rsa AAAAB3NzaC1yc2E"', key.key_type, key.algorithm, key.bits,
  key.full_key:sub(1, 23))
check("no such key", 'nil "no key of that kind"', ssh2.fetch_host_key({ ip = "192.0.2.1" }, 22, "ssh-dss"))
serve("sntrup761", "ssh-rsa", rsa)
check("no exchange", 'nil "no exchange of keys in common"', ssh2.fetch_host_key({ ip = "192.0.2.1" }, 22, "ssh-rsa"))
serve("curve25519-sha256", "ssh-rsa", "\0\0\0\99x")
check("no key", 'nil "the key is none"', ssh2.fetch_host_key({ ip = "192.0.2.1" }, 22, "ssh-rsa"))
peer.greeting = "SSH-1.5-Old\r\n"
check("version 1", 'nil "the server does not speak version 2"', ssh2.fetch_host_key({ ip = "192.0.2.1" }, 22, "ssh-rsa"))
peer.greeting = "SSH-2.0-x\r\n"
peer.answer(function () return "\xff\xff\xff\xffjunk" end)
check("junk", 'nil "the server\'s packet is none"', ssh2.fetch_host_key({ ip = "192.0.2.1" }, 22, "ssh-rsa"))
