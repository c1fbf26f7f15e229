-- Alignment, padding, sizes and what is wrong with formats.
local function hex(s) return (s:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end
local function size(format) print(format, pcall(string.packsize, format)) end

for _, format in ipairs {
  "", " ", "b", "!4 bi", "!bi8", "!2 bi8", "!1bi8", "!8 b Xh i4 i8 c1 Xi8", "!16 b Xi16", "!4 bXd", "bXi8", "! xXi16", "c0", "c10x",
  "<>=!", "!4 i4 i3", "!3 i4", "!4 i3", "i3", "!i3", "!2 i6", "!16 i16 b i16", "jjTnfd", "i1i2i3i4i5", "xxx", "!8xd", "!8 b c3 d",
  "!4 b Xs i4", "!4 b Xz", "!4 b Xx i4", "X", "Xc1", "X ", "X<", "X!", "XX", "Xi17", "b X", "c", "ci4", "c-1", "i0", "i17", "I17", "i99",
  "s17", "!0", "!17", "!16", "y", "\255", "%", "i4k", "z", "s", "s4 b", "i4294967296", "c2147483647", "c2147483639", "c2147483639 c8",
  "c2147483639 c9", "c21474836390", "c4294967295", "i1234567890123", "b\0y", "b\0",
} do size(format) end
for i = 1, 16 do
  for _, align in ipairs { 1, 2, 4, 8, 16 } do
    local format = "!" .. align .. " b i" .. i
    print(format, pcall(string.packsize, format))
  end
end
print(hex(string.pack("!4 b i4 b i2 Xi4 b", 1, 2, 3, 4, 5)))
print(hex(string.pack(">!4 c3 c4 c2 z i4 c5 c2 Xi4", "abc", "abcd", "xz", "hello", 5, "world", "xy")))
print(string.unpack(">!4 c3 c4 c2 z i4 c5 c2 Xi4", string.pack(">!4 c3 c4 c2 z i4 c5 c2 Xi4", "abc", "abcd", "xz", "hello", 5, "world", "xy")))
print(hex(string.pack("<i2 >i2 =i2 <i4", 1, 2, 3, 4)))
print(hex(string.pack("x b x b xx", 1, 2)))
print(hex(string.pack("!8 b Xd d", 7, 1.0)))
print(string.unpack("<!4 i4", "\0\0\0\0\1\0\0\0", 2))
print(pcall(string.unpack, "!4 i4", "\0\0\0\1\0\0\0", 2))
print(string.unpack("<!4 b i4", "\9\1\0\0\0\1\0\0\0", 1))
print(pcall(string.unpack, "<!4 b i4", "\9\1\0\0\0\1\0"))
for _, format in ipairs { "y", "X", "i0", "c", "!3 i4", "Xc1" } do
  print(format, pcall(string.pack, format, 1))
  print(format, pcall(string.unpack, format, "abcdefgh"))
end
print(pcall(string.packsize))
print(pcall(string.packsize, {}))
print(pcall(string.packsize, 4))
print(pcall(function() return ("i"):packsize() end), pcall(function() return ("y"):packsize() end))
print(pcall(function() string.pack("i17", 1) end))
print(pcall(function() string.pack("i1", 1000) end))
