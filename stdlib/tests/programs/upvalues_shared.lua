local function make() local a, b = 1, 2 return { get = function() return a, b end, set = function(x, y) a, b = x, y end, swap = function() a, b = b, a end, nest = function() return function() a = a + 1 return a end end } end local o, p = make(), make() o.set(5, 6) o.swap()
print(o.get())
print(p.get())
print(o.nest()(), o.get())
local acc = {} for i = 1, 3 do local x = i * 10 acc[i] = { inc = function() x = x + 1 return x end, get = function() return x end } end acc[1].inc() acc[1].inc() acc[3].inc()
print(acc[1].get(), acc[2].get(), acc[3].get())
local co = coroutine.wrap(function() local v = 0 local f = function() v = v + 1 return v end coroutine.yield(f) coroutine.yield(v) return v end) local f = co() f() f()
print(co()) f()
print(co(), f())
local function outer(x) local function a() x = x + 1 return x end local function b() return a() + x end return b end
print(outer(1)(), outer(10)()) local fs = {} do local shared = 0 for i = 1, 2 do fs[i] = function() shared = shared + i return shared end end end
print(fs[1](), fs[2](), fs[1]())
local function params(a, b, ...) local c = a + b return function() a, b, c = b, c, a return a, b, c end end local g = params(1, 2)
print(g())
print(g()) local deep = function() local l1 = 1 return function() local l2 = 2 return function() local l3 = 3 return function() l1, l2, l3 = l1 + 1, l2 + 1, l3 + 1 return l1 + l2 + l3 end end end end local d = deep()()()
print(d(), d())
local t = {} for k, v in pairs({ a = 1 }) do t[1] = function() return k, v end end
print(t[1]()) local function selfref() local function me() return me end return me() == me end
print(selfref()) pcall(function() local x = 1 t[2] = function() x = x + 1 return x end error("e") end)
print(t[2](), t[2]())
