local openssl = require "openssl"
local peer = require "peer"
local ssh1 = require "ssh1"

local fingerprint = "\1\2\3\4\5\6\7\8\9\10\11\12\13\14\15\16"
check("hexadecimal", '"2048 01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10 (RSA)"', ssh1.fingerprint_hex(fingerprint, "RSA", 2048))
check("Base64", '"2048 SHA256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0 (RSA)"',
  ssh1.fingerprint_base64(openssl.digest("sha256", "abc"), "SHA256", "RSA", 2048))
-- Vectors of the encoding's specification.
local function babble (text) return ssh1.fingerprint_bubblebabble(text, "X", 0):match("^0 (%S+)") end
check("words", '"xexax" "xesef-disof-gytuf-katof-movif-baxux" "xigak-nyryk-humil-bosek-sonax"',
  babble(""), babble("1234567890"), babble("Pineapple"))
check("picture", '"\\\n+--[ RSA 2048]----+\\\n|E%=.. .          |\\\n|X*.. . .         |\\\n|o..     .        |\\\n'
  .. '|         .       |\\\n|        S        |\\\n|                 |\\\n|                 |\\\n|                 |\\\n'
  .. '|                 |\\\n+-----------------+\\\n"', ssh1.fingerprint_visual(fingerprint, "RSA", 2048))

check("packet", "20 nil nil", (ssh1.check_packet_length("\0\0\0\10abcdefghijklmnop")), ssh1.check_packet_length("\0\0\0\10a"),
  ssh1.check_packet_length("abc"))
-- draft-ylonen-ssh-protocol-00: cookie, server key, host key.
local function number (bits, octets) return string.pack(">I2", bits) .. octets end
local content = "\2" .. "cookie!!" .. string.pack(">I4", 768) .. number(6, "\x23") .. number(8, "\xff")
  .. string.pack(">I4", 1024) .. number(6, "\x23") .. number(9, "\1\0") .. "\0\0\0\2" .. ("\0"):rep(8) .. "sums"
local packet = string.pack(">I4", #content) .. ("\0"):rep(8 - #content % 8) .. content
peer.greeting = "SSH-1.99-Old\n"
peer.answer(function () return packet end)
local key = ssh1.fetch_host_key({ ip = "192.0.2.1" }, 22)
check("key", '1024 "rsa1" "1024 35 256" "\\1\\0#"', key.bits, key.key_type, key.full_key, key.fp_input)
for size = 1, #packet - 1 do
  peer.answer(function () return packet:sub(1, size) end)
  assert(ssh1.fetch_host_key({ ip = "192.0.2.1" }, 22) == nil)
end
peer.greeting = "SSH-2.0-New\n"
check("version 2 only", "nil", ssh1.fetch_host_key({ ip = "192.0.2.1" }, 22))

local path = os.tmpname()
local file = io.open(path, "w")
file:write("# comment\n\nbox,192.0.2.1 ssh-rsa AAAA\n")
file:close()
check("known hosts", '{1={"entry"={1="box,192.0.2.1",2="ssh-rsa",3="AAAA"},"linenumber"=3}} nil', ssh1.parse_known_hosts_file(path),
  ssh1.parse_known_hosts_file("/nonexistent"))
os.remove(path)
