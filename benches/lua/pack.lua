-- string.pack and unpack of packet headers and strings with lengths.
local pack, unpack = string.pack, string.unpack
local total = 0
for i = 1, 650000 do
  local header = pack(">BBI2I2I2BBI2I4I4", 0x45, 0, 40 + i % 100, i % 65536, 0x4000, 64, 6, 0, i, i * 3 % 4294967296)
  local version, _, length, id, _, ttl, protocol, _, source, target = unpack(">BBI2I2I2BBI2I4I4", header)
  total = total + version + length + id + ttl + protocol + source % 7 + target % 11
  local record = pack("<i4s2zd", -i, "value", "name", i / 2)
  local a, b, c, d = unpack("<i4s2zd", record)
  total = total + a + #b + #c + d
end
print(total)
