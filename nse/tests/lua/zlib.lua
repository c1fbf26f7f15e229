-- lzlib's interface by example.
local zlib = require "zlib"

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
local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
local function results(...)
  local list = table.pack(...)
  for i = 1, list.n do list[i] = tostring(list[i]) end
  return table.concat(list, "|", 1, list.n)
end

-- Checksums are floats.
same(zlib.crc32(0, "123456789"), 3421780262.0)
same(zlib.adler32(1, "Wikipedia"), 300286872.0)
same(results(zlib.adler32(), zlib.crc32()), "1.0|0.0")
same(zlib.crc32(zlib.crc32(0, "1234"), "56789"), 3421780262.0)
same(zlib.crc32((1 << 32) + 0.0, "123456789"), 3421780262.0)
fails("bad argument #1 to 'zlib.crc32' (number has no integer representation)", zlib.crc32, 1.5, "")
fails("bad argument #2 to 'zlib.adler32' (string expected, got no value)", zlib.adler32, 1)

-- Whole strings.
local text = "hello hello hello hello"
local data, status = zlib.compress(text)
same(hex(data), "789ccb48cdc9c957c8402701680308b1")
same(status, 1.0)
same(results(zlib.compress(text, 10)), "nil|-2.0")
same(results(zlib.compress(text, 6, 7)), "nil|-2.0")
same(results(zlib.compress(text, 6, 8, 16)), "nil|-2.0")
same(results(zlib.compress(text, 6, 8, 15, 10)), "nil|-2.0")
same(results(zlib.compress(text, 6, 8, 15, 9, 5)), "nil|-2.0")
same(zlib.decompress(data), text)
same(zlib.decompress(data .. "more"), text)
same(zlib.decompress(data, 47), text)
same(zlib.decompress(data, 15, 5), "hello")
same(zlib.decompress(data, 15, 0), "")
same(zlib.decompress(data, 15, -1), "")
fails("failed to process zlib stream", zlib.decompress, data, 31)
fails("failed to process zlib stream", zlib.decompress, data, -15)
fails("failed to process zlib stream", zlib.decompress, data:sub(1, 10))
fails("failed to process zlib stream", zlib.decompress, data:sub(1, -2))
fails("failed to process zlib stream", zlib.decompress, "")
fails("failed to initialize zstream structures", zlib.decompress, data, 48)
fails("failed to initialize zstream structures", zlib.decompress, data, 1)
fails("failed to initialize zstream structures", zlib.decompress, data, -16)
local gzip, raw = zlib.compress(text, 9, 8, 31), zlib.compress(text, 9, 8, -15)
same(gzip:sub(1, 2), "\x1f\x8b")
same(zlib.decompress(gzip, 31), text)
same(zlib.decompress(gzip, 47), text)
same(zlib.decompress(raw, -15), text)

-- Streams that decompress.
local function inflate(...) return zlib.inflate(...):read("*a") end
for _, packed in ipairs { data, gzip, gzip .. "junk", gzip .. gzip, data .. data } do same(inflate(packed), text) end
same(inflate(gzip, 31), text)
same(inflate(raw, -15), text)
same(inflate(data, 0), text)
local stream = zlib.inflate(data)
same(results(stream:read(5, 1, 3)), "hello| |hel")
same(results(stream:read(0), stream:read(100), stream:read(1), stream:read(0), stream:read("*a"), stream:read("*l")), "|lo hello hello|nil|nil||nil")
same(results(zlib.inflate(data):read(100, 1, 1)), text .. "|nil")
same(stream:adler(), zlib.adler32(1, text))
same(tostring(stream):match("^zlib inflate stream %(0x%x+%)$") ~= nil, true)
same(stream:close(), true)
same(stream:close(), true)
same(tostring(stream), "zlib stream (closed)")
fails("bad argument #1 to '?' (attempt to use invalid zlib stream)", stream.read, stream, 1)
fails("bad argument #1 to '?' (attempt to use invalid zlib stream)", stream.write, zlib.inflate(data), "x")
same(select(2, pcall(function() stream:read() end)):match("calling 'read' on bad self %(attempt to use invalid zlib stream%)$") ~= nil, true)
local gz = zlib.inflate(gzip)
gz:read("*a")
same(gz:adler(), zlib.crc32(0, text))

-- Truncated data gives what there is, corrupt data an error.
local long = {}
for i = 1, 5000 do long[i] = tostring(i * 7919 % 1000) end
long = table.concat(long, " ")
local packed = zlib.compress(long)
for _, len in ipairs { 0, 1, 2, 3, 100, #packed // 2, #packed - 5, #packed - 1 } do
  local part = zlib.inflate(packed:sub(1, len))
  local got = part:read("*a")
  same(got, long:sub(1, #got))
  same(part:read(10), nil)
  same(part:read("*a"), "")
end
same(zlib.inflate(""):read("*a"), "")
same(zlib.inflate(""):read(10), nil)
local corrupt = zlib.inflate("no zlib data")
fails("failed to decompress [-3]", corrupt.read, corrupt, "*a")
same(tostring(corrupt), "zlib stream (closed)")
local wrong = zlib.inflate(gzip:sub(1, -9) .. "\0\0\0\0" .. gzip:sub(-4))
fails("failed to decompress [-3]", wrong.read, wrong, "*a")

-- A bomb is read in small pieces.
local bomb = zlib.compress(("x"):rep(2000000), 9)
local small = zlib.inflate(bomb)
same(#small:read(1000), 1000)
same(#small:read("*a"), 1999000)

-- Lines.
local lines = zlib.inflate((zlib.compress("one\ntwo\r\nthree\rfour\n\nsix")))
same(results(lines:read(), lines:read("*l"), lines:read("*line"), lines:read(), lines:read(), lines:read(), lines:read()), "one|two|three|four||six|nil")
local seen = {}
for line in zlib.inflate((zlib.compress("a\r\n\rb"))):lines() do seen[#seen + 1] = line end
same(table.concat(seen, "|"), "a||b")
fails("bad argument #2 to '?' (invalid format)", stream.read, zlib.inflate(data), "x")
fails("bad argument #2 to '?' (invalid format)", stream.read, zlib.inflate(data), nil)
fails("bad argument #2 to '?' (invalid format)", stream.read, zlib.inflate(data), "*x")
fails("bad argument #2 to '?' (invalid option)", stream.read, zlib.inflate(data), "xyz")

-- Other sources.
local function pieces(size, from)
  local at = 1
  return function(n)
    same(n, 8192)
    local piece = from:sub(at, at + size - 1)
    at = at + size
    return piece ~= "" and piece or nil
  end
end
for _, size in ipairs { 1, 4, 100, 10000 } do
  same(zlib.inflate(pieces(size, packed)):read("*a"), long)
  same(zlib.inflate(pieces(size, packed)):read(20), long:sub(1, 20))
end
local next_piece = pieces(50, packed)
same(zlib.inflate { read = function(_, n) return next_piece(n) end }:read("*a"), long)
local rest = packed .. "what follows"
local peeker = { peek = function(_, n) return rest:sub(1, 64) end, read = function(_, n) rest = rest:sub(n + 1) end }
same(zlib.inflate(peeker):read("*a"), long)
same(rest, "what follows")
fails("deflate callback must return string or nil", function(...) return stream.read(...) end and getmetatable(stream).read, zlib.inflate(function() return {} end), 1)
fails("thrown", getmetatable(stream).read, zlib.inflate(function() error("thrown", 0) end), 1)
fails("bad argument #1 to 'zlib.inflate' (input parameter must be a string, function, table or userdata value)", zlib.inflate, nil)
fails("bad argument #1 to 'zlib.inflate' (input parameter does not provide :read function)", zlib.inflate, {})
fails("call to inflateInit2 failed", zlib.inflate, data, 5)
fails("call to inflateInit2 failed", zlib.inflate, data, 48)
local co = coroutine.wrap(function()
  return pcall(getmetatable(stream).read, zlib.inflate(function() coroutine.yield() end), 1)
end)
same(results(co()), "false|attempt to yield across a C-call boundary")

-- Streams that compress.
local out = {}
local function sink(piece) out[#out + 1] = piece end
local deflating = zlib.deflate(sink)
same(tostring(deflating):match("^zlib deflate stream %(0x%x+%)$") ~= nil, true)
same(deflating:write("hello ", "hello ", 12), true)
same(deflating:adler(), zlib.adler32(1, "hello hello 12"))
same(deflating:flush(), true)
same(inflate(table.concat(out)), "hello hello 12")
same(deflating:flush("full"), true)
same(deflating:write(("z"):rep(600000)), true)
same(deflating:close(), true)
same(deflating:close(), true)
same(zlib.decompress(table.concat(out)), "hello hello 12" .. ("z"):rep(600000))
fails("bad argument #1 to '?' (attempt to use invalid zlib stream)", deflating.write, deflating, "x")
local object = { parts = {}, write = function(self, piece) self.parts[#self.parts + 1] = piece end }
local other = zlib.deflate(object, 9, 8, 31)
same(other:write(long), true)
same(other:flush("finish"), true)
same(results(other:write("more")), "false|failed to compress [-2]")
same(other:close(), true)
same(inflate(table.concat(object.parts)), long)
fails("bad argument #2 to '?' (invalid option 'x')", deflating.flush, zlib.deflate(sink), "x")
fails("bad argument #1 to 'zlib.deflate' (output parameter must be a function, table or userdata value)", zlib.deflate, "x")
fails("bad argument #1 to 'zlib.deflate' (output parameter does not provide :write function)", zlib.deflate, {})
fails("call to deflateInit2 failed", zlib.deflate, sink, 99)
fails("thrown", deflating.close, zlib.deflate(function() error("thrown", 0) end))

-- Dictionaries.
out = {}
local with = zlib.deflate(sink, 9, 8, 15, 8, 0, "hello hello")
with:write(text)
with:close()
local packed_with = table.concat(out)
same(inflate(packed_with, 15, "hello hello"), text)
fails("no inflate dictionary provided", getmetatable(stream).read, zlib.inflate(packed_with), 1)
fails("call to inflateSetDictionnary failed", getmetatable(stream).read, zlib.inflate(packed_with, 15, "other"), 1)
same(inflate(data, 15, "unused"), text)

same(zlib.GZIP_WINDOWBITS + zlib.RAW_WINDOWBITS + zlib.DEFAULT_COMPRESSION, 14)
same(zlib._VERSION .. zlib._COPYRIGHT, "lzlib 0.4-work3Copyright (C) 2003-2010 Tiago Dionizio")
same(getmetatable(zlib.inflate("")).__name, "zlib:zstream")
return "done"
