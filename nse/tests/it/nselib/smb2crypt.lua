local smb2crypt = require "smb2crypt"
local stdnse = require "stdnse"

local hex = stdnse.tohex
local function bytes (text) return (text:gsub("%s", ""):gsub("..", function (pair) return string.char(tonumber(pair, 16)) end)) end

local function both (mode, key, nonce, data, text)
  local encrypted, tag = smb2crypt.seal(mode, key, nonce, data, text)
  assert(smb2crypt.open(mode, key, nonce, data, encrypted, tag) == text, "opens")
  assert(not smb2crypt.open(mode, key, nonce, data .. "x", encrypted, tag), "other data")
  assert(not smb2crypt.open(mode, key, nonce, data, encrypted, ("\0"):rep(16)), "other tag")
  return hex(encrypted), hex(tag)
end

-- The cases 2, 4 and 16 of the description of GCM (McGrew and Viega, appendix B).
local text = bytes [[d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525
  b16aedf5aa0de657ba637b39]]
local data = bytes "feedfacedeadbeeffeedfacedeadbeefabaddad2"
check("GCM, a block", '"0388dace60b6a392f328c2b971b2fe78" "ab6e47d42cec13bdf53a67b21257bddf"',
  both("gcm", ("\0"):rep(16), ("\0"):rep(12), "", ("\0"):rep(16)))
check("GCM, 128 bits", '"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091" '
  .. '"5bc94fbc3221a5db94fae95ae7121a47"', both("gcm", bytes "feffe9928665731c6d6a8f9467308308", bytes "cafebabefacedbaddecaf888", data, text))
check("GCM, 256 bits", '"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" '
  .. '"76fc6ece0f4e1768cddf8853bb2d551b"',
  both("gcm", bytes "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", bytes "cafebabefacedbaddecaf888", data, text))
-- NIST SP 800-38C has no tag of 16 octets; its example 3 has the text, whose counter starts the same.
check("CCM", '"e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5"',
  (both("ccm", bytes "404142434445464748494a4b4c4d4e4f", bytes "101112131415161718191a1b", bytes "000102030405060708090a0b0c0d0e0f10111213",
    bytes "202122232425262728292a2b2c2d2e2f3031323334353637")))
check("empty", '""', (both("ccm", ("k"):rep(16), ("n"):rep(11), "data", "")))

-- MS-SMB2 4.7 (3.0): keys by their labels are 16 octets, each another one.
local state = { dialect = 0x0300, cipher = 1, SessionId = 7 }
local key = ("k"):rep(16)
local session = smb2crypt.keys(state, key)
check("keys", "16 16 true", #session.to_server, #session.of_server, session.to_server ~= session.of_server)
check("no cipher", "nil", smb2crypt.keys({ dialect = 0x0300 }, key))
for cipher = 1, 4 do
  for _, dialect in ipairs { 0x0300, 0x0311 } do
    local one = smb2crypt.keys({ dialect = dialect, cipher = cipher, SessionId = 7, preauth_hash_before = "hash" }, key)
    local other = smb2crypt.keys({ dialect = dialect, cipher = cipher, SessionId = 7, preauth_hash_before = "hash" }, key)
    other.to_server, other.of_server = other.of_server, other.to_server
    for _, message in ipairs { "", "\xfeSMB", ("x"):rep(1000) } do
      local packet = smb2crypt.encrypt(one, message)
      assert(smb2crypt.decrypt(other, packet) == message, "the server reads it")
      assert(packet ~= smb2crypt.encrypt(one, message), "no nonce is used twice")
      fuzz("packets", { packet }, function (damaged)
        local got = smb2crypt.decrypt(other, damaged)
        assert(got == nil or damaged == packet, "damaged")
      end)
    end
  end
end
