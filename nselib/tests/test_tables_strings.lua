local stub = require "stub"
local check = stub.check
local match = require "match"
local stringaux = require "stringaux"
local tableaux = require "tableaux"

check("contains", "true 2", tableaux.contains({ "a", "b" }, "b"))
check("contains key", 'true "x"', tableaux.contains({ x = "a" }, "a"))
check("contains in the array", "false nil", tableaux.contains({ x = "a" }, "a", true))
check("invert, keys", '{"a"=1} {1="a"}', tableaux.invert({ "a" }), tableaux.keys({ a = 1 }))
local loop = { 1, { 2 } }
loop.self = loop
local copy = tableaux.tcopy(loop)
check("tcopy", "true true 2", copy.self == copy, copy ~= loop, copy[2][1])
local inner = {}
check("shallow_tcopy", "true", tableaux.shallow_tcopy({ inner })[1] == inner)

check("strsplit", '{1="a",2="b",3="",4="c",5=""}', stringaux.strsplit(",%s*", "a, b,,c,"))
check("strsplit nothing", '{1=""} {1="abc"}', stringaux.strsplit(",", ""), stringaux.strsplit("x", "abc"))
check("strsplit empty pattern", "false", (pcall(stringaux.strsplit, "", "abc")))
check("strjoin", '"1,2,c" ""', stringaux.strjoin(",", { 1, 2, "c" }), stringaux.strjoin(",", {}))
check("ipattern", '"[aA][bB]1%d[x]" "%a[a-z][xX]" "[^]a][bB]%bxy"', stringaux.ipattern("aB1%d[x]"),
  stringaux.ipattern("%a[a-z]x"), stringaux.ipattern("[^]a]b%bxy"))
check("filename_escape", '"a%2fb%20c.d-e_" "%2e%2e"', stringaux.filename_escape("a/b c.d-e_"),
  stringaux.filename_escape(".."))

check("numbytes", "nil", match.numbytes(4)("abc"))
check("numbytes there", "4 4", match.numbytes(4)("abcdef"))
check("numbytes 0", "0 0", match.numbytes(0)(""))
check("pattern_limit", "3 4", match.pattern_limit("\r\n", 10)("ab\r\nc"))
check("pattern_limit more", "nil", match.pattern_limit("\r\n", 10)("abc"))
check("pattern_limit over", "3 3", match.pattern_limit("\r\n", 3)("abcdef"))
