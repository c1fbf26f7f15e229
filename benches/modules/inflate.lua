-- Decompresses about 1 MB of text, many times.
local zlib = require "zlib"
local parts, n = {}, 1
for i = 1, 150000 do
  n = (n * 1103515245 + 12345) % 2147483648
  parts[i] = ("%x "):format(n // 65536 % 5000)
end
local text = table.concat(parts)
local packed = zlib.compress(text, 6)
local total = 0
for _ = 1, 60 do total = total + #zlib.decompress(packed) end
print(total, ("%d"):format(zlib.adler32(1, text)))
