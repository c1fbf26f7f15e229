-- AES-128 in cipher block chaining, both ways, over a megabyte, many times.
local openssl = require "openssl"
local key, iv = "0123456789abcdef", "fedcba9876543210"
local text = ("some text 123456"):rep(65536)
for _ = 1, 150 do
  text = openssl.encrypt("aes-128-cbc", key, iv, text)
  text = openssl.decrypt("aes-128-cbc", key, "FEDCBA9876543210", text)
end
print((openssl.md5(text):gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
