-- Calls the library `openssl` with random arguments, and gives what came of it to a function, one case a line. Takes a
-- seed, the number of cases, and the function. Runs under Lua 5.3 and later.
local openssl = require "openssl"
local seed, count, emit = ...

local state = seed
local function random(n)
  state = state * 6364136223846793005 + 1442695040888963407
  return (state >> 33) % n + 1
end
local function pick(list) return list[random(#list)] end
local function bytes(len)
  local parts = {}
  for i = 1, len do parts[i] = string.char(random(256) - 1) end
  return table.concat(parts)
end
local function hex(text) return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
local function shuffle_case(name)
  return (name:gsub("%a", function(c) return random(2) == 1 and c:upper() or c:lower() end))
end
local function show(value)
  if type(value) == "string" then return hex(value) end
  if type(value) == "userdata" then return tostring(value) end
  return tostring(value)
end
local function call(name, ...)
  local results = table.pack(pcall(openssl[name], ...))
  if not results[1] then return "! " .. tostring(results[2]) end
  for i = 1, results.n do results[i] = show(results[i]) end
  return table.concat(results, " ", 2, results.n)
end

local digests = { "md4", "md5", "md5-sha1", "sha1", "sha224", "sha256", "sha384", "sha512", "sha512-224", "sha512-256",
  "sha3-224", "sha3-256", "sha3-384", "sha3-512", "ripemd160", "whirlpool", "sm3", "blake2b512", "blake2s256", "RSA-MD4",
  "md4WithRSAEncryption", "RSA-SHA1-2", "ssl3-md5", "rmd160", "ripemd", "RSA-SHA512/256", "sha512-224WithRSAEncryption",
  "id-rsassa-pkcs1-v1_5-with-sha3-256", "SHA2-256", "SHA-1", "SHA-512/224", "RIPEMD-160", "BLAKE2b-512",
  "1.2.840.113549.2.5", "2.16.840.1.101.3.4.2.8", "1.2.156.10197.1.401", "md2", "mdc2", "sha", "dss1", "nothing" }
local hashes = { "shake128", "shake256" }
for _, name in ipairs(digests) do hashes[#hashes + 1] = name end
local modes = { "cbc", "cfb", "ecb", "ofb" }
local ciphers = { "rc4", "rc4-40", "chacha20", "des", "des3", "des-ede", "des-ede3", "desx", "desx-cbc", "aes128", "aes256",
  "aria192", "camellia128", "bf", "blowfish", "cast", "cast-cbc", "rc2", "rc2-128", "rc2-40", "rc2-64-cbc", "sm4",
  "nothing", "aes-128" }
for _, name in ipairs { "aes-128", "aes-192", "aes-256", "aria-128", "aria-192", "aria-256", "camellia-128",
  "camellia-192", "camellia-256", "sm4", "des", "des-ede", "des-ede3", "bf", "cast5", "rc2" } do
  for _, mode in ipairs(modes) do ciphers[#ciphers + 1] = name .. "-" .. mode end
  if name:find "^a" or name:find "^cam" then
    for _, mode in ipairs { "cfb1", "cfb8", "ctr" } do ciphers[#ciphers + 1] = name .. "-" .. mode end
  elseif name == "des" or name == "des-ede3" then
    for _, mode in ipairs { "cfb1", "cfb8" } do ciphers[#ciphers + 1] = name .. "-" .. mode end
  end
end
local function key_len(name)
  local bits = name:match "^%a+%-?(%d%d%d)"
  if bits and not name:find "^rc2" then return bits // 8 end
  if name:find "^chacha" then return 32 end
  if name:find "^des%-ede3" or name == "des3" or name:find "^desx" then return 24 end
  if name:find "^des%-ede" or name:find "^sm4" then return 16 end
  if name:find "^des" then return 8 end
  return random(20)
end
local function iv_len(name)
  if name:find "ecb" or name:find "^rc4" or name == "des-ede" or name == "des-ede3" then return 0 end
  if name:find "^a" or name:find "^cam" or name:find "^sm4" or name:find "^cha" then return 16 end
  return 8
end
local function crypt_case()
  local name = pick(ciphers)
  local key = bytes(math.tointeger(random(10) == 1 and random(40) or key_len(name)))
  local iv = pick { false, "", bytes(iv_len(name)), bytes(iv_len(name)), bytes(iv_len(name)), bytes(random(20) - 1) }
  -- Nmap 7.93 takes a vector that begins with a zero for none; later versions do not.
  iv = iv and iv:gsub("^%z", "\1")
  local data = bytes(pick { random(60) - 1, 16 * (random(6) - 1), 8 * (random(6) - 1) })
  local what, pads = pick { "encrypt", "decrypt" }, pick { false, false, true }
  local line = table.concat({ what, name, hex(key), iv and hex(iv) or "nil", hex(data), tostring(pads) }, " ")
  local spelled = shuffle_case(name)
  line = line .. ": " .. call(what, spelled, key, iv or nil, data, pads):gsub(spelled, name, 1)
  -- What was encrypted is decrypted, so that padding is seen as well.
  local ok, packed = pcall(openssl.encrypt, name, key, iv or nil, data, true)
  if ok then line = line .. " / " .. call("decrypt", name, key, iv or nil, packed, pads) end
  return line
end

local function big_text(digits, len)
  local parts = { pick { "", "", "", "-" } }
  for i = 1, len do local at = random(#digits) parts[i + 1] = digits:sub(at, at) end
  return table.concat(parts)
end
local function number()
  local hex_text = big_text("0123456789abcdefABCDEF", pick { 0, 1, 2, 7, 8, 9, 15, 16, 17, 32, 40, 64, random(80) })
  return openssl.bignum_hex2bn(hex_text), hex_text
end
local one_number = { "bn2bin", "bn2dec", "bn2hex", "num_bits", "num_bytes", "is_prime", "is_safe_prime" }
local function bignum_case()
  local kind = random(9)
  local a, a_text = number()
  local b, b_text = number()
  if kind == 1 then
    local text = big_text("0123456789", random(60)) .. pick { "", "x", " 1", "abc", "-", "\0" }
    text = pick { "", "", "", " ", "+", "-" } .. text
    local function parsed(name) return tostring(openssl["bignum_" .. name](text)) end
    return "parse " .. hex(text) .. ": " .. parsed "dec2bn" .. " " .. parsed "hex2bn"
  elseif kind == 2 then
    local text = bytes(random(40) - 1)
    return "bin2bn " .. hex(text) .. ": " .. call("bignum_bin2bn", text)
  elseif kind <= 4 then
    local name = pick(one_number)
    return name .. " " .. a_text .. ": " .. call("bignum_" .. name, a)
  elseif kind == 5 then
    local bit, name = random(300) - 10, pick { "set_bit", "clear_bit" }
    local set = call("bignum_is_bit_set", a, bit)
    openssl["bignum_" .. name](a, bit)
    return name .. " " .. a_text .. " " .. bit .. ": " .. set .. " " .. tostring(a)
  elseif kind == 6 then
    local m, m_text = number()
    return table.concat({ "mod_exp", a_text, b_text, m_text }, " ") .. ": " .. call("bignum_mod_exp", a, b, m)
  elseif kind == 7 then
    return "div " .. a_text .. " " .. b_text .. ": " .. call("bignum_div", a, b)
  elseif kind == 8 then
    return "add " .. a_text .. " " .. b_text .. ": " .. call("bignum_add", a, b)
  end
  -- Small numbers are often prime.
  local small = openssl.bignum_dec2bn(tostring(random(3000) - 1))
  return "small " .. small:todec() .. ": " .. call("bignum_is_prime", small) .. " " .. call("bignum_is_safe_prime", small)
end

for case = 1, count do
  local kind, line = random(8), nil
  if kind == 1 then
    local name, text = pick(hashes), bytes(pick { 0, 1, random(300), random(300) })
    line = "digest " .. name .. " " .. hex(text) .. ": " .. call("digest", random(2) == 1 and name or name:upper(), text)
    line = line:gsub("algorithm: .*", "algorithm")
  elseif kind == 2 then
    local name, key, text = pick(digests), bytes(random(200) - 1), bytes(random(100) - 1)
    line = "hmac " .. name .. " " .. hex(key) .. " " .. hex(text) .. ": " .. call("hmac", name, key, text)
  elseif kind <= 5 then
    line = crypt_case()
  elseif kind == 6 and random(4) == 1 then
    local text = bytes(pick { 7, 7, 7, random(9) - 1 })
    line = "key " .. hex(text) .. ": " .. call("DES_string_to_key", text)
  else
    line = bignum_case()
  end
  emit(case .. " " .. line)
end
