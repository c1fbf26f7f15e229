local function f(...) local a, b = ... return a, b, select("#", ...) end
print(f())
print(f(1))
print(f(1, 2, 3))
print((f(1, 2)))
local function g(...) return ... end
print(g(1, nil, 3), g())
print(#{ g(1, 2, 3) }, #{ g(1, 2), 5 }, #{ 5, g(1, 2) })

print(select(-1, 1, 2, 3), select(2, "a", "b", "c"))
print(pcall(select, 0, 1))
print(pcall(select, -5, 1))
local function sum(...) local s = 0 for _, v in ipairs({ ... }) do s = s + v end return s end
print(sum(), sum(1, 2, 3))
local function tail(n, ...) if n == 0 then return ... end return tail(n - 1, n, ...) end
print(tail(5))
local function pack2(...) return { n = select("#", ...), ... } end local p = pack2(nil, nil, 3)
print(p.n, p[3])
print(math.max(g(3, 9, 2)), (g(3, 9, 2)), string.char(g(72, 105)))
local function va(a, ...) a = a or "default" local x, y = ... return a, x, y end
print(va())
print(va(1, 2))
print(va(nil, 2, 3, 4))
print(type(load("return ...")))
print(load("return ...")(7, 8))
print(load("local a, b = ... return b, a")(1, 2))
local t = {} function t:m(...) return self == t, ... end
print(t:m(1, 2))
print(t.m(t, 3))
local function count(...) return select("#", ...) end
print(count(table.unpack({}, 1, 250)), count(nil), count(g()), count(g(), g()))
print(string.format("%s %s", g("a", "b")), #g("hello"), -g(5), not g(nil))
local function deep(n, ...) if n > 0 then return deep(n - 1, n, ...) else return select("#", ...) end end
print(deep(100))
