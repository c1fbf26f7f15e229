---@meta openssl

---Hashes, ciphers and large numbers.
---@class openssllib
openssl = {}

---A number of any size. Numbers are not compared by `==`.
---@class Bignum
local Bignum = {}

---@param data string
---@return string digest Raw bytes.
function openssl.md4(data) end

---@param data string
---@return string digest Raw bytes.
function openssl.md5(data) end

---@param data string
---@return string digest Raw bytes.
function openssl.sha1(data) end

---@param data string
---@return string digest Raw bytes.
function openssl.ripemd160(data) end

---@param algorithm string
---@param data string
---@return string digest Raw bytes.
function openssl.digest(algorithm, data) end

---@param algorithm string
---@param key string
---@param data string
---@return string code Raw bytes.
function openssl.hmac(algorithm, key, data) end

---@return string[]
function openssl.supported_digests() end

---@return string[]
function openssl.supported_ciphers() end

---@param algorithm string
---@param key string
---@param iv? string
---@param data string
---@param padding? boolean
---@return string
function openssl.encrypt(algorithm, key, iv, data, padding) end

---@param algorithm string
---@param key string
---@param iv? string
---@param data string
---@param padding? boolean
---@return string
function openssl.decrypt(algorithm, key, iv, data, padding) end

---A DES key from seven bytes.
---@param data string
---@return string
function openssl.DES_string_to_key(data) end

---@param count integer
---@return string
function openssl.rand_bytes(count) end

---@param count integer
---@return string
function openssl.rand_pseudo_bytes(count) end

---@type userdata
openssl.nse_openssl_state = nil

---@param text string
---@return Bignum
function openssl.bignum_bin2bn(text) end

---@param text string
---@return Bignum
function openssl.bignum_dec2bn(text) end

---@param text string
---@return Bignum
function openssl.bignum_hex2bn(text) end

---@param bits integer
---@return Bignum
function openssl.bignum_rand(bits) end

---@param bits integer
---@return Bignum
function openssl.bignum_pseudo_rand(bits) end

---@param number Bignum
---@return string
function openssl.bignum_bn2bin(number) end

---@return string
function Bignum:tobin() end

---@param number Bignum
---@return string
function openssl.bignum_bn2mpi(number) end

---@return string
function Bignum:tompi() end

---@param number Bignum
---@return string
function openssl.bignum_bn2dec(number) end

---@return string
function Bignum:todec() end

---@param number Bignum
---@return string
function openssl.bignum_bn2hex(number) end

---@return string
function Bignum:tohex() end

---@param number Bignum
---@return integer
function openssl.bignum_num_bits(number) end

---@return integer
function Bignum:num_bits() end

---@param number Bignum
---@return integer
function openssl.bignum_num_bytes(number) end

---@return integer
function Bignum:num_bytes() end

---@param number Bignum
---@param bit integer
function openssl.bignum_set_bit(number, bit) end

---@param bit integer
function Bignum:set_bit(bit) end

---@param number Bignum
---@param bit integer
function openssl.bignum_clear_bit(number, bit) end

---@param bit integer
function Bignum:clear_bit(bit) end

---@param number Bignum
---@param bit integer
---@return boolean
function openssl.bignum_is_bit_set(number, bit) end

---@param bit integer
---@return boolean
function Bignum:is_bit_set(bit) end

---@param number Bignum
---@return boolean
function openssl.bignum_is_prime(number) end

---@return boolean
function Bignum:is_prime() end

---@param number Bignum
---@return boolean is_safe_prime
---@return boolean is_prime
function openssl.bignum_is_safe_prime(number) end

---@return boolean is_safe_prime
---@return boolean is_prime
function Bignum:is_safe_prime() end

---@param a Bignum
---@param b Bignum
---@return Bignum
function openssl.bignum_add(a, b) end

---@param base Bignum
---@param exponent Bignum
---@param modulus Bignum
---@return Bignum
function openssl.bignum_mod_exp(base, exponent, modulus) end

---@param dividend Bignum
---@param divisor Bignum
---@return Bignum quotient
---@return Bignum remainder
function openssl.bignum_div(dividend, divisor) end

return openssl
