-- CRC-32, FNV-1a and Adler-32 with integer bit operators.
local crc_table = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do c = c & 1 == 1 and 0xEDB88320 ~ (c >> 1) or c >> 1 end
  crc_table[i] = c
end
local function crc32(s)
  local c = 0xFFFFFFFF
  for i = 1, #s do c = crc_table[(c ~ s:byte(i)) & 0xFF] ~ (c >> 8) end
  return ~c & 0xFFFFFFFF
end
local function fnv(s)
  local h = 0x811C9DC5
  for i = 1, #s do h = ((h ~ s:byte(i)) * 0x01000193) & 0xFFFFFFFF end
  return h
end
local function rotate(s)
  local a, b = 1, 0
  for i = 1, #s do
    a = (a + s:byte(i)) % 65521
    b = (b << 3 | b >> 29) & 0xFFFFFFFF ~ a
  end
  return b
end
local data, total = ("The quick brown fox \0\1\2"):rep(400), 0
for _ = 1, 500 do
  total = total + crc32(data) + fnv(data) + rotate(data)
end
print(total)
