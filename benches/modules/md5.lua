-- md5 of a megabyte, many times.
local openssl = require "openssl"
local text = ("0123456789abcdef"):rep(65536)
local sum = ""
for _ = 1, 400 do sum = openssl.digest("md5", sum .. text) end
print((sum:gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
