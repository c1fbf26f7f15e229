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
