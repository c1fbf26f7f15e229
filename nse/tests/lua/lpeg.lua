-- What LPeg 0.12 does, by example: limits, messages, corners that the generated cases do not reach.
local lpeg = require "lpeg"
local P, S, R, V, B = lpeg.P, lpeg.S, lpeg.R, lpeg.V, lpeg.B
local C, Ct, Cc, Cs, Cg, Cb, Cf, Cmt, Cp, Carg =
  lpeg.C, lpeg.Ct, lpeg.Cc, lpeg.Cs, lpeg.Cg, lpeg.Cb, lpeg.Cf, lpeg.Cmt, lpeg.Cp, lpeg.Carg

local function same(found, expected)
  if found ~= expected then
    error(("expected %s, found %s"):format(tostring(expected), tostring(found)), 2)
  end
end
local function results(...)
  local list = table.pack(...)
  for i = 1, list.n do list[i] = tostring(list[i]) end
  return table.concat(list, " ", 1, list.n)
end
local function fails(text, f, ...)
  local ok, message = pcall(f, ...)
  same(ok, false)
  if message ~= text then error(("expected %q, found %q"):format(text, tostring(message)), 2) end
end
local function expect(text, ...) same(results(...), text) end

-- The library.
same(lpeg.version(), "0.12")
same(lpeg.type(P"a"), "pattern")
same(lpeg.type("a"), nil)
fails("function only implemented in debug mode", lpeg.pcode, P"a")
local metatable = getmetatable(P"a")
same(metatable.__index, lpeg)
same(metatable.__name, "lpeg-pattern")
same(tostring(P"a"):match("^lpeg%-pattern: 0x%x+$") ~= nil, true)
same(metatable.__add("a", "b"):match("b"), 2)
same(metatable.__unm("a"):match("b"), 1)
same(P"a" == P"a", false)
local p = P"a"
same(P(p), p)

-- Numbers, booleans, functions become patterns.
expect("3 nil 1 1 nil", P(2):match("ab"), P(3):match("ab"), P(0):match(""), P(true):match(""), P(false):match(""))
expect("1 nil 1", P(-2):match("a"), P(-2):match("ab"), P(-1):match(""))
expect("1 2", P(1.5):match("abc"), P("1" + 0):match("abc"))
expect("2", P(function(s, i) return i + 1 end):match("abc"))
fails("bad argument #1 to 'lpeg.P' (value expected)", P)
fails("bad argument #1 to 'lpeg.P' (lpeg-pattern expected, got nil)", P, nil)
fails("bad argument #1 to 'lpeg.C' (lpeg-pattern expected, got no value)", C)
fails("bad argument #1 to 'lpeg.R' (range must have two characters)", R, "abc")
fails("bad argument #1 to 'lpeg.V' (non-nil value expected)", V, nil)
fails("bad argument #1 to 'lpeg.B' (pattern may not have fixed length)", B, P"a"^0)
fails("bad argument #1 to 'lpeg.B' (pattern may not have fixed length)", B, "")
fails("bad argument #1 to 'lpeg.B' (pattern have captures)", B, C"a")
fails("bad argument #1 to 'lpeg.B' (pattern too long to look behind)", B, 256)
fails("bad argument #1 to 'lpeg.Carg' (invalid argument index)", Carg, 0)
fails("bad argument #1 to 'lpeg.Carg' (invalid argument index)", Carg, 32768)
fails("bad argument #2 to 'lpeg.Cg' (string expected, got table)", Cg, "a", {})
fails("bad argument #2 to 'lpeg.Cmt' (function expected, got nil)", Cmt, "a", nil)
fails("bad argument #1 to 'lpeg.locale' (table expected, got number)", lpeg.locale, 1)
fails("loop body may accept empty string", function() return metatable.__pow("", 0) end and metatable.__pow, "", 0)
same(select(2, pcall(function() return P"" ^ 1 end)):match(":%d+: loop body may accept empty string$") ~= nil, true)
same(select(2, pcall(function() return P"a" / nil end)):match("invalid replacement value") ~= nil, true)
same(select(2, pcall(function() return P"a" / -1 end)):match("invalid number") ~= nil, true)
same(select(2, pcall(function() return P"a" / 32768 end)):match("invalid number") ~= nil, true)
expect("4 2 3", (P"a" ^ "2"):match("aaa"), (P"a" ^ -1):match("aaa"), (P"a" ^ "-2"):match("aaa"))

-- Sets, ranges, classes.
expect("nil 2 nil 2 nil", S"":match("a"), S"ab":match("b"), R():match("a"), R("az", "09"):match("5"), R"za":match("b"))
expect("2 nil 2", (S"abc" - "b"):match("a"), (S"abc" - "b"):match("b"), (P(1) - "b"):match("\0"))
local classes = lpeg.locale()
local counts = { alnum = 62, alpha = 52, cntrl = 33, digit = 10, graph = 94, lower = 26, print = 95, punct = 32,
  space = 6, upper = 26, xdigit = 22 }
for name, count in pairs(counts) do
  local found = 0
  for byte = 0, 255 do if classes[name]:match(string.char(byte)) then found = found + 1 end end
  same(found, count)
end
local given = { alpha = 1, own = 2 }
same(lpeg.locale(given), given)
same(lpeg.type(given.alpha) .. given.own, "pattern2")

-- Start positions.
expect("nil 2 4 3 2", P(1):match("abc", 0), P(1):match("abc", 1), P(1):match("abc", -1), P(1):match("abc", 2), P(1):match("abc", -9))
expect("4 4 1", P"":match("abc", 100), P"":match("abc", math.maxinteger), P"":match("abc", math.mininteger))
fails("bad argument #2 to 'lpeg.match' (string expected, got nil)", lpeg.match, P"a", nil)
same(select(2, pcall(function() return p:match(nil) end)):match("bad argument #1 to 'match' %(string expected, got nil%)$") ~= nil, true)
same(lpeg.match("a", 12), nil)
same(lpeg.match("1", 12), 2)

-- Grammars.
fails("grammar has no initial rule", P, {})
fails("grammar has no initial rule", P, { "a" })
fails("initial rule 'a' is not a pattern", P, { "a", a = "b" })
fails("initial rule '1' is not a pattern", P, { {} })
fails("rule 'b' is not a pattern", P, { P"a", b = "b" })
fails("rule 'b' undefined in given grammar", P, { V"b" })
fails("rule '(a table)' undefined in given grammar", P, { V{} })
fails("rule '1' may be left recursive", P, { V(1) })
fails("rule 'a' may be left recursive", P, { "a", a = P"x"^0 * V"a" })
fails("rule 'a' may be left recursive", P, { "a", a = #(P"x" * V"b") * -P(function() end) * V"a", b = P"c" })
fails("empty loop in rule 'a'", P, { "a", a = V"b"^0, b = P"x"^-1 })
local many = { V"1" }
for i = 1, 200 do many[tostring(i)] = P"x" end
fails("bad argument #1 to 'lpeg.P' (grammar has too many rules)", P, many)
many["200"] = nil
same(P(many):match("x"), 2)
fails("rule 'a' used outside a grammar", lpeg.match, V"a", "")
fails("rule '(a boolean)' used outside a grammar", lpeg.match, V(true) * 1, "")
same(P{ [1] = V"b", b = P{ "b", b = P"x" } * V"c", c = P"y" }:match("xy"), 3)
same(P{ 2, [2] = P"x" * V(true), [true] = P"y" }:match("xy"), 3)
same(P{ "S", S = "a" * V"S" * "b" + "" }:match("aaabbb"), 7)

-- How deep recursion may go at the default limit.
local function depth(pattern, open, close)
  local low, high = 1, 100001
  while high - low > 1 do
    local middle = (low + high) // 2
    local text = open:rep(middle) .. close:rep(middle)
    local ok, answer = pcall(pattern.match, pattern, text)
    if not ok then same(answer, "too many pending calls/choices") end
    if ok and answer then low = middle else high = middle end
  end
  return low
end
same(depth(P{ "S", S = "(" * V"S" * ")" + "" }, "(", ")"), 49)
same(depth(P{ "S", S = "(" * V"S"^0 * ")" }, "(", ")"), 99)
same(depth(P{ "S", S = "(" * V"S"^-1 * ")" }, "(", ")"), 99)
same(depth(P{ "S", S = "x" * V"S" + "" }, "x", ""), 100000)
same(depth(P{ "x" * V(1) + "" }, "x", ""), 100000)
same(P{ P"z" + 1 * V(1) }:match(("x"):rep(200000) .. "z"), 200002)
lpeg.setmaxstack(5)
same(depth(P{ "S", S = "(" * V"S"^0 * ")" }, "(", ")"), 99)
lpeg.setmaxstack(1000)
same(depth(P{ "S", S = "(" * V"S"^0 * ")" }, "(", ")"), 999)
expect("", lpeg.setmaxstack())
same(depth(P{ "S", S = "(" * V"S"^0 * ")" }, "(", ")"), 99)

-- Captures.
expect("1", P"":match("x"))
expect("abc a bc", C(C(1) * C(2)):match("abc"))
expect("1 2 3", (Cp() * 1 * Cp() * 1 * Cp()):match("ab"))
expect("nil", Cc(nil):match(""))
expect("1 nil 3", Cc(1, nil, 3):match(""))
expect("1", Cc():match(""))
expect("x y", (Carg(1) * Carg(2)):match("", 1, "x", "y"))
fails("reference to absent argument #3", lpeg.match, Carg(3), "", 1, "x", "y")
expect("nil", Carg(2):match("", 1, "x", nil))
expect("a", (Cg("a", "n") * Cb"n"):match("a"))
expect("2", Cg("a", "n"):match("a"))
expect("a b a b", (Cg(C"a" * C"b", 1) * Cb(1) * Cb"1"):match("ab"))
fails("back reference 'n' not found", lpeg.match, Ct(Cg("a", "n")) * Cb"n", "a")
expect("b", (Cg("a", "n") * Cg("b", "n") * Cb"n"):match("ab"))
local t = Ct(C(1) * Cg(C(1) * C(1), "pair") * Cc(nil) * C(1)):match("abcd")
expect("a b nil d", t[1], t.pair, t[2], t[3])
expect("0", #Ct("abc"):match("abc"))
local add = function(a, b) return a .. b end
expect("abc", Cf(C(1)^1, add):match("abc"))
expect("a", Cf(C(1), add):match("abc"))
fails("no initial value for fold capture", lpeg.match, Cf(P(1), add), "a")
fails("no initial value for fold capture", lpeg.match, Cf(Cc(1) / 0 * C(1), add), "a")
local set = Cf(Ct"" * Cg(C(1) * P"=" * C(1))^1, rawset):match("a=bc=d")
expect("b d", set.a, set.c)
expect("<a>-b", Cs((C"a" / "<%1>" + P"-" + 1)^0):match("a-b"))
expect("1x", Cs(Cc(1) * P"x"):match("x"))
expect("a", Cs(P"a" / function() end):match("a"))
fails("invalid replacement value (a nil)", lpeg.match, Cs(P"a" / function() return nil end), "a")
fails("invalid replacement value (a table)", lpeg.match, Cs(Ct"a"), "a")
expect("xax%b\0", (C"a" / "x%1x%%b%"):match("a"))
expect("q", (P"a" / "%q"):match("a"))
fails("invalid capture index (1)", lpeg.match, P"a" / "%1", "a")
fails("no values in capture index 1", lpeg.match, (P"a" / function() end) / "%1", "a")
fails("invalid capture value (a table)", lpeg.match, Ct"a" / "%1", "a")
expect("abab|a|b", (C(C"a" * C"b") / "%0%1|%2|%3"):match("ab"))
expect("c", (Cc("a", "b", "c") / 3):match(""))
expect("1", (C"a" / 0 * ""):match("a") and 1)
fails("no capture '2'", lpeg.match, C"a" / 2, "a")
expect("1 false 2", (P"a" / { a = 1 }):match("a"), (P"b" / { b = false }):match("b"), (P"c" / {}):match("c"))
expect("c!", (P"c" / setmetatable({}, { __index = function(_, k) return k .. "!" end })):match("c"))
expect("a b 3", (P"x" / function() return "a", "b", 3 end):match("x"))
expect("x", (P"x" / function(...) return ... end):match("x"))
expect("1", (#C"a"):match("a"))
expect("b", (-C"a" * C(1)):match("b"))

-- Match-time captures.
expect("x y", Cmt(C"a", function(s, i, a) return true, "x", "y" end):match("a"))
expect("2 nil nil", P(Cmt("a", function() return true end)):match("a"), Cmt("a", function() end):match("a"), Cmt("a", function() return nil, 1 end):match("a"))
expect("3", Cmt("a", function(s, i) return i + 1 end):match("ab"))
expect("3", Cmt("a", function(s, i) return tostring(i + 1) end):match("ab"))
for _, bad in ipairs { 1, 4, {}, "x", -1, 2^53 } do
  fails("invalid position returned by match-time capture", lpeg.match, Cmt("a", function() return bad end), "ab")
end
fails("thrown", lpeg.match, Cmt("a", function() error("thrown", 0) end) + "a", "a")
local seen = {}
local note = Cmt(C(1), function(_, _, c) seen[#seen + 1] = c return true, c end)
expect("b", (note * "x" + 1 * note):match("ab"))
expect("ab", table.concat(seen))
expect("a a", (Cg(C"a", "n") * Cmt(Cb"n", function(s, i, n) return true, n, n end)):match("a"))
expect("b", Cs(Cmt("a", function() return true, "b" end)):match("a"))
local nested = P{ "L", L = "(" * Cmt(V"L"^0, function(_, i, ...) return true, select("#", ...) end) * ")" }
expect("1", nested:match("((()))"))
same(select(2, pcall(function() return P"a":match(("a"):rep(3), 2, table.unpack({}, 1, 50)) end)), 3)
local reentrant = P(function(s, i) return (P"b"^1):match(s, i) end)
expect("5", (P"a" * reentrant * "c"):match("abbc"))
local co = coroutine.wrap(function() return pcall(lpeg.match, P"a" / function() coroutine.yield(1) end, "a") end)
expect("false attempt to yield across a C-call boundary", co())

-- Large things.
local long = ("x"):rep(100000)
same(P(long):match(long), 100001)
local sum = P"a"
for _ = 1, 2000 do sum = sum * "a" end
same(sum:match(("a"):rep(2001)), 2002)
same((P"a" ^ 5000):match(("a"):rep(5000)), 5001)
same((P"ab" ^ -5000):match(("ab"):rep(4999)), 9999)
same(#Ct(C(1)^0):match(long), 100000)
same(#Cs((P(1) / "yy")^0):match(long), 200000)
fails("pattern too large", metatable.__pow, "a", 1e9)
fails("pattern too large", metatable.__pow, "ab", -1e9)
same(select("#", (C(1)^0):match(("x"):rep(200))), 200)
local deep = C"a"
for _ = 1, 300 do deep = Ct(deep) end
local value, levels = deep:match("a"), 0
while type(value) == "table" do value, levels = value[1], levels + 1 end
same(levels, 300)
same((-(-P"a" * 1)^0):match("b"), nil)
return "done"
