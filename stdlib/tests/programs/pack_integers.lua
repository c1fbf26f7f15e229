-- string.pack: integers of all sizes, both byte orders, limits and overflow.
local function hex(s) return (s:gsub(".", function(c) return string.format("%02x ", c:byte()) end)) end

for _, order in ipairs { "<", ">", "=" } do
  for size = 1, 16 do
    for _, n in ipairs { 0, 1, -1, 127, -128, 100 } do
      local packed = string.pack(order .. "i" .. size, n)
      print(order, size, n, hex(packed), string.unpack(order .. "i" .. size, packed))
    end
  end
end
for size = 1, 7 do
  local top = 1 << (size * 8 - 1)
  for _, n in ipairs { top - 1, -top, top, -top - 1, 2 * top - 1, 2 * top } do
    for _, kind in ipairs { "i", "I" } do
      local ok, packed = pcall(string.pack, "<" .. kind .. size, n)
      print(kind, size, n, ok, ok and hex(packed) or packed)
    end
  end
end
for size = 8, 16 do
  for _, n in ipairs { math.maxinteger, math.mininteger, -1 } do
    for _, kind in ipairs { "i", "I" } do
      local packed = string.pack(">" .. kind .. size, n)
      print(kind, size, n, hex(packed), pcall(string.unpack, ">" .. kind .. size, packed))
    end
  end
end
print(hex(string.pack("bBhHlLjJTiI", -1, 255, -2, 65535, -3, 3, -4, 4, 5, -6, 6)))
print(string.unpack("bBhHlLjJTiI", string.pack("bBhHlLjJTiI", -1, 255, -2, 65535, -3, 3, -4, 4, 5, -6, 6)))
-- More than 8 bytes that don't fit.
for _, data in ipairs { ("\0"):rep(8) .. "\1", "\1" .. ("\0"):rep(8), ("\255"):rep(9), ("\255"):rep(8) .. "\127" } do
  for _, format in ipairs { "<i9", ">i9", "<I9", ">I9" } do
    print(format, hex(data), pcall(string.unpack, format, data))
  end
end
print(pcall(string.pack, "i", "12"), pcall(string.pack, "i", 3.0), pcall(string.pack, "i", "0x10"))
print(pcall(string.pack, "i", 3.5))
print(pcall(string.pack, "i", "x"))
print(pcall(string.pack, "i"))
print(pcall(string.pack, "i", {}))
print(pcall(string.pack, "iI", 1, nil))
