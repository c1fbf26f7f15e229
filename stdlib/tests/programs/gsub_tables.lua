-- gsub, gmatch and find with every kind of replacement and anchor.
print(("hello world"):gsub("o", "0"))
print(("hello world"):gsub("%w+", "<%0>"))
print(("hello world"):gsub("(%w+) (%w+)", "%2 %1"))
print(("hello"):gsub("", "-"))
print(("hello"):gsub(".", { h = "H", l = false, o = 0 }))
print(("hello"):gsub("l+", function(s) return #s end))
print(("hello"):gsub("(h)(e)", function(a, b) return b .. a end))
print(("abc"):gsub("%w", "%%%0"))
print(("abc abc"):gsub("abc", "x", 1))
print(("abc"):gsub("^a", "x"))
print(("aaa"):gsub("^a", "x"))
print(("a,b,,c"):gsub(",", ";"))
print(("  trim  "):gsub("^%s*(.-)%s*$", "[%1]"))
print(("x = $y + $z"):gsub("%$(%w+)", { y = "1", z = "2" }))
print(("nested (a(b)c) d"):gsub("%b()", string.upper))
print(("THE (quick) fox"):find("%((%a+)%)"))
print(("one;two;;four"):gsub(";;", ";nil;"))
print(("abc"):gsub("b*", "-"))
print(("a.b.c"):gsub("%.", "%%"))
print(("\0a\0"):gsub("%z", "Z"), ("\0a\0"):gsub("\0", "N"))
for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do print(k, v) end
for pos, word in ("the cat"):gmatch("()(%a+)") do print(pos, word) end
for s in ("abc"):gmatch("") do print(#s) end
for a in ("aXbXc"):gmatch("%f[%w]%l") do print(a) end
print(("key = value"):match("^(%w+)%s*=%s*(%w+)$"))
print(("2024-01-15"):match("(%d+)-(%d+)-(%d+)"))
print(("[[nested]]"):match("%[(%[.*%])%]"), ("f(a,b)"):match("%((.-)%)"))
print(("abcabc"):find("b", 3), ("abcabc"):find("b", -2), ("abc"):find("", 10), ("abc"):find("", 4))
print(("a+b"):find("+", 1, true), ("a+b"):find("a+", 1), ("a.b"):find(".", 2, true))
print(pcall(string.gsub, "x", "(", "y"))
print(pcall(string.gsub, "x", "%", "y"))
print(pcall(string.gsub, "x", "[a", "y"))
print(pcall(string.gsub, "x", "x", "%2"))
print(pcall(string.gsub, "x", "x", "%"))
print(pcall(string.gsub, "x", "(x", "y"))
print(pcall(string.gsub, "x", "x)", "y"))
print(pcall(string.gsub, "x", "%f", "y"))
print(pcall(string.gsub, "x", "%b", "y"))
print(pcall(string.gsub, "x", "%1", "y"))
print(pcall(string.gsub, "x", "x", {}, "y"))
print(pcall(string.gsub, "x", "x", true))
print(pcall(string.gsub, "x", "x", function() return {} end))
print(pcall(string.rep, "x", 1e10))
print(pcall(string.find, ("a"):rep(300000), (".-"):rep(300000) .. "b"))
print(pcall(string.match, "x", ("(x)"):rep(40)))
print(("x"):rep(3, ", "), ("x"):rep(0), ("x"):rep(-1), (""):rep(100), ("ab"):rep(1, "sep"))
-- Nothing replaced: the same string, also from a number.
print(("x"):gsub("x", { x = false }), ("xyz"):gsub(".", function() end), (string.gsub(55, "6", "7")))
print(("aaa"):gsub("^a", function() return "x" end))
-- A comparison as a key of a table that is an upvalue.
local flags = { [true] = "yes", [false] = "no" }
local function flag(n) return flags[n > 1], flags[not n], flags[n == 1 or n > 5] end
print(flag(2), flag(1))
-- The collector is not asked by its own finalisers.
local answer = "unset"
setmetatable({}, { __gc = function() answer = collectgarbage() end })
collectgarbage()
print(answer)
