local nsedebug = require "nsedebug"

equal(nsedebug.tostr("x"), '"x"\n', "a string")
equal(nsedebug.tostr(nil, 2), "  nil\n", "nothing")
equal(nsedebug.tostr({ a = { b = 2 } }, 1), " a:\n   b: 2\n", "tables")
local loop = {}
loop[1] = loop
check("a table inside itself ends", "true", #nsedebug.tostr(loop) < 10000)
local lines = {}
local printed = print
_G.print = function (text) lines[#lines + 1] = text end
nsedebug.print_hex("abc\0def0123456789xyz")
_G.print = printed
equal(lines, {
  "00000000 61 62 63 00 64 65 66 30 31 32 33 34 35 36 37 38    abc.def012345678",
  "00000010 39 78 79 7a                                        9xyz",
  "         Length: 20 [0x14]",
}, "bytes")
