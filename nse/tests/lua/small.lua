-- The libraries `lfs`, `bit` and `bin` by example.
local lfs, bit, bin = require "lfs", require "bit", require "bin"

local function same(found, expected)
  if found ~= expected or math.type(found) ~= math.type(expected) then
    error(("expected %q, found %q"):format(expected, found), 2)
  end
end
local function fails(text, f, ...)
  local ok, message = pcall(f, ...)
  same(ok, false)
  same(message, text)
end
local function results(...)
  local list = table.pack(...)
  for i = 1, list.n do list[i] = tostring(list[i]) end
  return table.concat(list, "|", 1, list.n)
end

-- lfs
local folder = os.tmpname()
os.remove(folder)
same(results(lfs.mkdir(folder)), "true")
same(results(lfs.mkdir(folder)), "nil|File exists")
same(results(lfs.mkdir(folder .. "/no/such")), "nil|No such file or directory")
same(results(lfs.mkdir(folder .. "/one")), "true")
io.open(folder .. "/file", "w"):close()
same(results(lfs.link(folder .. "/file", folder .. "/hard")), "true")
same(results(lfs.link("file", folder .. "/soft", true)), "true")
same(results(lfs.link(folder .. "/missing", folder .. "/x")), "nil|No such file or directory|2")
local names = {}
for name in lfs.dir(folder) do names[#names + 1] = name end
table.sort(names)
same(table.concat(names, " "), ". .. file hard one soft")
same(results(lfs.rmdir(folder)), "nil|Directory not empty")
same(results(lfs.rmdir(folder .. "/file")), "nil|Not a directory")
local next_name, directory = lfs.dir(folder)
same(next_name(directory), ".")
same(directory:next(), "..")
same(results(directory:close()), "")
fails("bad argument #1 to '?' (closed directory)", next_name, directory)
next_name, directory = lfs.dir(folder .. "/one")
same(results(next_name(directory), next_name(directory), next_name(directory)), ".|..|nil")
fails("bad argument #1 to '?' (closed directory)", next_name, directory)
same(tostring(directory):match("^directory metatable: 0x%x+$") ~= nil, true)
fails("cannot open /no/such: No such file or directory", lfs.dir, "/no/such")
for _, name in ipairs { "hard", "soft", "file" } do os.remove(folder .. "/" .. name) end
same(results(lfs.rmdir(folder .. "/one"), lfs.rmdir(folder)), "true|true")
same(lfs.get_path_separator() .. lfs._VERSION, "/LuaFileSystem 1.5.0")
same(lfs.attributes, nil)

-- bit
same(bit.band(0xff, 0x0f, 7), 7)
same(bit.band(5), 5)
same(bit.bor(1, 2, 4), 7)
same(bit.bxor(1, 3, 7), 5)
same(bit.bnot(0), -1)
same(bit.lshift(1, 63), math.mininteger)
same(results(bit.lshift(1, 64), bit.lshift(-1, -60), bit.rshift(-1, 60), bit.rshift(1, -4)), "0|15|15|16")
same(results(bit.arshift(-8, 1), bit.arshift(-1, 100), bit.arshift(8, 2), bit.arshift(1, -3)), "-4|-1|2|8")
same(results(bit.mod(7, 3), bit.mod(-7, 3), bit.mod(7, -3), bit.mod(math.mininteger, -1)), "1|-1|1|0")
same(results(bit.band(3.9, 255), bit.band("12", 4), bit.bor(-1.9, 0)), "3|4|-1")
same(results(bit.lshift(1, math.mininteger), bit.rshift(1, math.mininteger), bit.arshift(4, math.mininteger)), "0|0|0")
fails("bad argument #1 to 'bit.band' (number expected, got no value)", bit.band)
fails("bad argument #2 to 'bit.band' (number expected, got nil)", bit.band, 1, nil)
fails("attempt to perform 'n%%0'", bit.mod, 1, 0)

-- bin
local function hex(text) return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
same(hex(bin.pack(">CSIL", 1, 2, 3, 4)), "01" .. "0002" .. "00000003" .. "0000000000000004")
same(hex(bin.pack("<csil", -1, -2, -3, -4)), "ff" .. "feff" .. "fdffffff" .. "fcffffffffffffff")
same(hex(bin.pack("<C3", 1, 2, 300)), "01022c")
same(bin.pack("AzAx2", "a", "b", "c"), "ab\0c\0\0")
same(hex(bin.pack(">pPa", "x", "yz", "w")), "0178" .. "0002797a" .. "0000000177")
same(hex(bin.pack("H", "0a 0B-c")), "0a0bc0")
same(hex(bin.pack("BB", "10000001", "101")), "81a0")
same(hex(bin.pack("<fdn", 1.5, -2, 0.5)), "0000c03f" .. "00000000000000c0" .. "000000000000e03f")
same(hex(bin.pack("<L", 2^63)), "0000000000000080")
same(results(bin.unpack(">CSIL", "\1\0\2\0\0\0\3\0\0\0\0\0\0\0\4")), "16|1.0|2.0|3.0|4.0")
same(results(bin.unpack("<csil", "\xff\xfe\xff\xfd\xff\xff\xff\xfc\xff\xff\xff\xff\xff\xff\xff")), "16|-1.0|-2.0|-3.0|-4.0")
same(results(bin.unpack("<I", "\xff\xff\xff\xff")), "5|4294967295.0")
same(results(bin.unpack("A2zA", "abcd\0e")), "7|ab|cd|e")
same(results(bin.unpack(">pPa", "\1x\0\2yz\0\0\0\1w")), "12|x|yz|w")
same(results(bin.unpack("H3B", "\1\171\255\5")), "5|01ABFF|00000101")
same(results(bin.unpack("CxC", "\1\2\3")), "4|1.0|3.0")
same(results(bin.unpack("C2", "\1\2\3", 2)), "4|2.0|3.0")
same(results(bin.unpack(">CI", "\1\2\3")), "2|1.0")
same(results(bin.unpack("p", "\5ab")), "1")
same(results(bin.unpack("A5", "abc")), "1")
same(results(bin.unpack("z", "abc")), "1")
same(results(bin.unpack("C", "", 10)), "1")
same(results(bin.unpack("a", "\255\255\255\255x")), "1")
same(results(bin.unpack("<fd", bin.pack("<fd", 1.5, -2))), "13|1.5|-2.0")
fails("bad argument #1 to 'bin.pack' (bad code `Q')", bin.pack, "Q", 1)
fails("bad argument #1 to 'bin.unpack' (bad code `Q')", bin.unpack, "Q", "abc")
return "done"
