local a, b, c = 1, 2 print(a, b, c) a, b = b, a print(a, b) local x, y = (function() return 1, 2, 3 end)()
print(x, y)
local i, t = 1, {} i, t[i] = i + 1, 20 print(i, t[1], t[2])
local p = { 1, 2, 3 } local k = 1 k, p[k], p[k + 1] = 2, "a", "b" print(k, p[1], p[2], p[3])
do local a = 5 local a = a + 1 print(a) end
print(a)
local function f() return 1, 2 end local m, n, o = f(), 10 print(m, n, o) local q, r, s = 0, f()
print(q, r, s)
t = { f(), f() } print(#t) t = { [f()] = "v" } print(t[1]) t.x, t.y = 1 print(t.x, t.y)
local const <const> = 10 local str <const> = "s" print(const + 1, str .. "x", const * const)
print(load("local x <const> = 1; x = 2"))
print(load("local x <foo> = 1"))
print(load("local a <close>, b <close> = 1, 2"))
local g1 <const>, g2 = 5, 6 g2 = g2 + g1 print(g1, g2) local function usesconst() return const + g1 end
print(usesconst())
_G.glob = 3 print(glob, _ENV.glob, _G["glob"]) glob = nil print(glob)
do local _ENV = { print = print } y = 5 print(y, _ENV.y) end
print(rawget(_G, "y"))
local function env() local _ENV <const> = { z = 9 } return z end
print(env())
local s1, s2 = "a" .. "b", ("x"):upper()
print(s1, s2) local z = { a = { b = {} } } z.a.b.c = 7 z.a.b["d"] = 8 print(z.a.b.c + z.a.b.d)
local aa = { 1, 2 } aa[1], aa[2] = aa[2], aa[1] print(aa[1], aa[2])
