-- Modular exponentiation with 2048 bits, many times.
local openssl = require "openssl"
local m = openssl.bignum_hex2bn(("F123456789ABCDEF"):rep(32))
local p = openssl.bignum_hex2bn(("8765432190FEDCBB"):rep(32))
local a = openssl.bignum_hex2bn("2")
for _ = 1, 100 do a = openssl.bignum_mod_exp(a, p, m) end
print(a)
