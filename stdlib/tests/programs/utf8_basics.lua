-- Encoding, decoding, counting and walking valid text.
local function hex(s) return (s:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end

for _, code in ipairs { 0, 0x41, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdfff, 0xe000, 0xffff, 0x10000, 0x10ffff, 0x110000, 0x1fffff, 0x200000,
  0x3ffffff, 0x4000000, 0x7fffffff } do
  local text = utf8.char(code)
  print(string.format("%x", code), hex(text), pcall(utf8.codepoint, text), pcall(utf8.codepoint, text, 1, 1, true))
  print(utf8.len(text), utf8.len(text, 1, -1, true))
end
print(hex(utf8.charpattern), #utf8.charpattern)
print(utf8.char(), utf8.char(72, 228, 8364, 128512, 33), utf8.char("65", 66.0))
local text = "aé€😀z"
for pos, code in utf8.codes(text) do io.write(pos, ":", code, " ") end
print()
for char in text:gmatch(utf8.charpattern) do io.write(#char, ":", char, " ") end
print()
print(utf8.codepoint(text, 1, -1))
print(utf8.codepoint(text, 2), utf8.codepoint(text, -1), utf8.codepoint(text, 4, 7))
print(utf8.codepoint(text, 5, 4), utf8.codepoint("", 1, 0))
print(#text, utf8.len(text), utf8.len(text, 2), utf8.len(text, -1), utf8.len(text, 4, 6), utf8.len(text, 12), utf8.len(""), utf8.len("", 1), utf8.len(text, 5, 2))
for n = -6, 7 do io.write(tostring(utf8.offset(text, n)), " ") end
print()
for i = 1, #text + 1 do
  print(i, pcall(utf8.offset, text, 0, i))
  print(i, pcall(utf8.offset, text, 1, i))
  print(i, pcall(utf8.offset, text, -1, i))
  print(i, pcall(utf8.offset, text, 2, i))
end
print(utf8.offset("", 0), utf8.offset("", 1), utf8.offset("", 2), utf8.offset("", -1))
local n = 0
for _ in utf8.codes("") do n = n + 1 end
print(n)
local step, subject, start = utf8.codes("xy")
print(subject, start, step(subject, 0))
print(step(subject, 1))
print(step(subject, 2))
print(step(subject, 99), step(subject, -1))
print(select("#", step(subject, 2)), step("é", 1), step("é", "0"))
local parts = {}
for _, code in utf8.codes(("日本語"):rep(3)) do parts[#parts + 1] = code end
print(utf8.char(table.unpack(parts)))
