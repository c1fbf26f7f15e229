-- Strings of the three kinds.
local function hex(s) return (s:gsub(".", function(c) return string.format("%02x ", c:byte()) end)) end

for _, format in ipairs { "z", "s", "s1", "s2", "<s3", ">s4", "s16", "c5", "c7", "c0" } do
  for _, text in ipairs { "", "hello", "with\0zero", 12, 1.5 } do
    local ok, packed = pcall(string.pack, format, text)
    print(format, ok, ok and hex(packed) or packed)
    if ok then print(string.unpack(format, packed)) end
  end
end
local long = ("x"):rep(300)
print(pcall(string.pack, "s1", long))
print(#string.pack("s2", long), #string.pack("z", long), #string.pack("c400", long))
print(pcall(string.pack, "c299", long))
print(pcall(string.pack, "z", {}))
print(pcall(string.pack, "s", nil))
print(pcall(string.pack, "c3"))
-- Data that is too short.
for _, case in ipairs {
  { "z", "abc" }, { "z", "" }, { "s1", "" }, { "s1", "\5abc" }, { "s2", "\5" }, { "<s4", "\255\255\255\255ab" }, { "c4", "abc" }, { "i4", "abc" },
  { "d", "1234567" }, { "<s9", "\1\0\0\0\0\0\0\0\1a" }, { ">s16", ("\255"):rep(16) }, { "<s8", ("\255"):rep(8) },
} do
  print(case[1], pcall(string.unpack, case[1], case[2]))
end
-- Positions.
local data = "abc\0def\0"
for _, pos in ipairs { 1, 2, 5, 8, 9, 10, 0, -1, -4, -8, -9, -100, math.maxinteger, math.mininteger } do
  print(pos, pcall(string.unpack, "z", data, pos))
  print(pos, pcall(string.unpack, "", data, pos))
end
print(pcall(string.unpack, "b", data, 1.5))
print(pcall(string.unpack, "b", data, "2"))
print(pcall(string.unpack, "b"))
print(pcall(string.unpack))
-- Many results, and too many.
print(select("#", string.unpack(("b"):rep(200), ("x"):rep(200))))
print(select("#", string.unpack(("b"):rep(20000), ("x"):rep(20000))))
print(pcall(string.unpack, ("b"):rep(1100000), ("x"):rep(1100000)))
-- A record at a time.
local list, at = {}, 1
local packed = table.concat { string.pack(">s2", "one"), string.pack(">s2", "two"), string.pack(">s2", "three") }
while at <= #packed do list[#list + 1], at = string.unpack(">s2", packed, at) end
print(table.concat(list, ","))
