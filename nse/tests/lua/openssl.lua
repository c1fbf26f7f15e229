-- The library `openssl` by example: known digests and ciphertexts, messages, rules for numbers.
local openssl = require "openssl"

local function same(found, expected)
  if found ~= expected or math.type(found) ~= math.type(expected) then
    error(("expected %q, found %q"):format(expected, found), 2)
  end
end
local function fails(text, f, ...)
  local ok, message = pcall(f, ...)
  same(ok, false)
  if message ~= text then error(("expected %q, found %q"):format(text, tostring(message)), 2) end
end
local function hex(text) return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
local function results(...)
  local list = table.pack(...)
  for i = 1, list.n do list[i] = tostring(list[i]) end
  return table.concat(list, "|", 1, list.n)
end

-- Digests.
same(hex(openssl.md4("abc")), "a448017aaf21d8525fc10ae87aa6729d")
same(hex(openssl.md5("abc")), "900150983cd24fb0d6963f7d28e17f72")
same(hex(openssl.sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d")
same(hex(openssl.ripemd160("abc")), "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc")
same(hex(openssl.digest("SHA256", "abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
same(hex(openssl.digest("md5-sha1", "")), "d41d8cd98f00b204e9800998ecf8427eda39a3ee5e6b4b0d3255bfef95601890afd80709")
same(#openssl.digest("shake128", "") + #openssl.digest("shake256", ""), 48)
same(hex(openssl.md5(12)), hex(openssl.md5("12")))
same(hex(openssl.hmac("sha256", "", "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
same(hex(openssl.hmac("MD5", "key", "text")), hex(openssl.hmac("md5", "key", "text")))
fails("bad argument #2 to 'openssl.md5' (string expected, got no value)", openssl.md5)
fails("bad argument #2 to 'openssl.sha1' (string expected, got nil)", openssl.sha1, nil)
fails("bad argument #3 to 'openssl.hmac' (string expected, got no value)", openssl.hmac, "md5", "")
fails("Unknown digest algorithm: mdc2", openssl.digest, "mdc2", "")
fails("Unknown digest algorithm: ", openssl.hmac, "", "", "")
same(select(2, pcall(openssl.hmac, "shake128", "", "")):match("^OpenSSL error: error:%x+:") ~= nil, true)
local names = openssl.supported_digests()
same(#names, 56)
for i, name in ipairs(names) do
  same(i == 1 or names[i - 1] < name, true)
  same(#openssl.digest(name, "") > 0, true)
end

-- Ciphers.
local K, Y, D = ("k"):rep(16), ("y"):rep(16), ("d"):rep(16)
local function encrypts(expected, ...) same(hex(openssl.encrypt(...)), expected) end
encrypts("67680a58d097e7fe1511794ea129355c", "DES", "12345678", nil, "KGS!@#$%KGS!@#$%")
encrypts("67680a58d097e7fe67680a58d097e7fe", "des-ecb", "12345678", "", "KGS!@#$%KGS!@#$%")
encrypts("998a3e058213e353", "des-cbc", "12345678", nil, "1234567", true)
encrypts("feb959b7d4642fcb", "des-cbc", "12345678", nil, "", true)
encrypts("96d0028878d58c898e250d5f4c76644b", "DES-CBC", "12345678", nil, "12345678", true)
encrypts("0f43408636fdd42ab86aad70cb23a37a", "AES-128-CBC", ("x"):rep(16), "\0" .. ("1"):rep(15), Y)
encrypts("030b3430b25286a0c1a01395da5f7da1", "cast5-cbc", K, "CJalbert", D)
encrypts("0c2d79fc1d44a63dbcbd21ab63a7ebd1", "cast5-cbc", ("k"):rep(15), "CJalbert", D)
encrypts("0c75406b58834002d54e9a50465d79bb", "cast5-cbc", ("k"):rep(5), "CJalbert", D)
encrypts("96c023b6d0a8fa7b", "bf-cbc", K, nil, "dddddddd")
encrypts("f928f1fb8f2c744f", "rc2-cbc", K, nil, "dddddddd")
encrypts("bbf316e8d940af0ad3", "rc4", "Key", "", "Plaintext")
encrypts("", "aes-256-cbc", K .. K, nil, "")
same(openssl.decrypt("aes-128-ecb", K, "", openssl.encrypt("aes-128-ecb", K, "", "text", true), true), "text")
-- The lowest bit of a byte of a DES key means nothing.
encrypts(hex(openssl.encrypt("des-ecb", "ABCDEFGH", nil, "dddddddd")), "des-ecb", "@CBEDGFI", nil, "dddddddd")
same(openssl.encrypt("des-ede", K, nil, D), openssl.encrypt("des-ede-ecb", K, nil, D))
same(openssl.encrypt("des3", K .. "kkkkkkkk", nil, D), openssl.encrypt("DES-EDE3-CBC", K .. "kkkkkkkk", nil, D))
same(openssl.encrypt("rc4-40", "Key", nil, D), openssl.encrypt("rc4", "Key", nil, D))
fails("Unknown cipher algorithm: aes_128_cbc", openssl.encrypt, "aes_128_cbc")
fails("bad argument #2 to 'openssl.encrypt' (string expected, got no value)", openssl.encrypt, "des")
fails("bad argument #3 to 'openssl.encrypt' (string expected, got table)", openssl.encrypt, "des", "", {}, "")
fails("bad argument #4 to 'openssl.decrypt' (string expected, got nil)", openssl.decrypt, "des", "", "", nil)
local key_length = "OpenSSL error: error:03000082:digital envelope routines::invalid key length"
local block_length = "OpenSSL error: error:1C80006B:Provider routines::wrong final block length"
local bad_decrypt = "OpenSSL error: error:1C800064:Provider routines::bad decrypt"
fails(key_length, openssl.encrypt, "des", "1234567", "too long for it", "")
fails(key_length, openssl.encrypt, "bf", "", nil, "")
fails("Length of iv is 7; should be 8", openssl.encrypt, "des", "12345678", "1234567", "")
fails("Length of iv is 8; should be 0", openssl.encrypt, "des-ecb", "12345678", "12345678", "")
fails("Length of iv is 1; should be 0", openssl.decrypt, "rc4", "12345678", 1, "")
fails(block_length, openssl.encrypt, "des", "12345678", nil, "odd")
fails(block_length, openssl.decrypt, "des", "12345678", nil, "", true)
fails(block_length, openssl.decrypt, "des", "12345678", nil, "odd", true)
fails(bad_decrypt, openssl.decrypt, "des", "12345678", nil, "12345678", true)
for _, name in ipairs(openssl.supported_ciphers()) do
  same(pcall(openssl.encrypt, name, ("k"):rep(8), nil, "") or pcall(openssl.encrypt, name, K, nil, "")
    or pcall(openssl.encrypt, name, K .. "kkkkkkkk", nil, "") or pcall(openssl.encrypt, name, K .. K, nil, ""), true)
end

same(hex(openssl.DES_string_to_key("ABCDEFG")), "40a09068442a188e")
same(hex(openssl.DES_string_to_key(("\xff"):rep(7))), ("fe"):rep(8))
same(hex(openssl.DES_string_to_key("\1\2\3\4\5\6\7")), "008080604028180e")
fails("String must have length of 7 bytes.", openssl.DES_string_to_key, "")

-- Random bytes.
same(#openssl.rand_bytes(100) + #openssl.rand_pseudo_bytes("3") + #openssl.rand_bytes(0), 103)
same(openssl.rand_bytes(16) == openssl.rand_bytes(16), false)
fails("Couldn't allocate memory.", openssl.rand_bytes, -1)
fails("Couldn't allocate memory.", openssl.rand_pseudo_bytes, math.maxinteger)
fails("bad argument #1 to 'openssl.rand_bytes' (number has no integer representation)", openssl.rand_bytes, 1.5)

-- Numbers.
local dec, hexa, bin = openssl.bignum_dec2bn, openssl.bignum_hex2bn, openssl.bignum_bin2bn
same(hexa("abc"):tohex(), "0ABC")
for text, value in pairs { ["12abc"] = "12", abc = "0", ["+5"] = "0", [" 5"] = "0", ["- 5"] = "0", ["-5"] = "-5", [""] = "0", ["-0"] = "0", ["00012"] = "12" } do
  same(dec(text):todec(), value)
end
same(results(hexa("0x10"), hexa("-5"), hexa("Ff"), bin(""), bin("\0\1\0")), "0|-05|FF|0|0100")
for value, mpi in pairs { ["255"] = "0000000200ff", ["-128"] = "000000028080", ["-127"] = "00000001ff", ["0"] = "00000000", ["127"] = "000000017f", ["256"] = "000000020100" } do
  same(hex(dec(value):tompi()), mpi)
end
same(hex(dec("-258"):tobin()), "0102")
same(dec("0"):tobin(), "")
same(results(dec("0"):num_bits(), dec("255"):num_bits(), dec("-256"):num_bits(), dec("256"):num_bytes()), "0|8|9|2")
local number = dec("0")
number:set_bit(70)
same(number:tohex(), "400000000000000000")
number:set_bit(-1)
number:clear_bit(1000)
number:clear_bit(70)
same(number:tohex(), "0")
same(results(dec("5"):is_bit_set(0), dec("5"):is_bit_set(1), dec("5"):is_bit_set(-1), dec("5"):is_bit_set(1000)), "true|false|false|false")
local function mod_exp(a, p, m) return openssl.bignum_mod_exp(dec(a), dec(p), dec(m)):todec() end
same(results(mod_exp("-3", "5", "7"), mod_exp("3", "-5", "7"), mod_exp("3", "5", "-7"), mod_exp("2", "10", "1000")), "2|5|5|24")
same(results(mod_exp("5", "3", "0"), mod_exp("5", "3", "1"), mod_exp("0", "0", "7"), mod_exp("-7", "1", "7")), "0|0|1|0")
same(results(openssl.bignum_div(dec("-17"), dec("5"))), "-03|-02")
same(results(openssl.bignum_div(dec("17"), dec("-5"))), "-03|02")
same(results(openssl.bignum_div(dec("17"), dec("0"))), "0|0")
same(results(openssl.bignum_add(dec("-17"), dec("5"))), "-0C")
for _ = 1, 50 do
  same(openssl.bignum_rand(9):num_bits() <= 9, true)
  same(openssl.bignum_pseudo_rand(0):todec(), "0")
end
same(openssl.bignum_rand(-5):todec(), "0")
for value, expected in pairs { ["5"] = "true|true", ["7"] = "true|true", ["13"] = "false|true", ["3"] = "false|true", ["2"] = "false|true", ["9"] = "false|false", ["-7"] = "false|false", ["0"] = "false|false", ["1"] = "false|false", ["11"] = "true|true" } do
  same(results(dec(value):is_safe_prime()), expected)
end
same(dec("170141183460469231731687303715884105727"):is_prime(), true)
local oakley = hexa("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD"
  .. "3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF")
same(results(oakley:num_bits(), oakley:is_safe_prime()), "1024|true|true")
same(dec("5") == dec("5"), false)
same(getmetatable(dec("5")).__index, getmetatable(dec("5")))
same(getmetatable(dec("5")).__name, "BIGNUM")
fails("bad argument #1 to 'openssl.bignum_bn2hex' (BIGNUM expected, got number)", openssl.bignum_bn2hex, 5)
fails("bad argument #2 to 'openssl.bignum_add' (BIGNUM expected, got no value)", openssl.bignum_add, dec("1"))
local compared = select(2, pcall(function() return dec("1") < dec("2") end))
same((compared:gsub("^.-:%d+: ", "")), "attempt to compare two BIGNUM values")
-- What would take too long or too much is refused.
fails("Couldn't allocate memory.", openssl.bignum_set_bit, dec("1"), math.maxinteger)
fails("Couldn't allocate memory.", openssl.bignum_rand, 1 << 40)
fails("Couldn't allocate memory.", openssl.bignum_dec2bn, ("9"):rep(1000000))
fails("Couldn't allocate memory.", openssl.bignum_bin2bn, ("9"):rep(1000000))
local large = bin(("\xff"):rep(100000))
fails("Couldn't allocate memory.", openssl.bignum_mod_exp, large, large, large)
same(results(large:is_prime(), large:is_safe_prime()), "false|false|false")
same(type(openssl.nse_openssl_state), "userdata")
return "done"
