local function counter() local n = 0 return function() n = n + 1 return n end, function() return n end end
local inc, get = counter() inc() inc()
print(get(), inc(), get())
local fs = {} for i = 1, 3 do fs[i] = function() i = i + 1 return i end end
print(fs[1](), fs[1](), fs[2](), fs[3]())
local w = {} local j = 0 while j < 3 do j = j + 1 local k = j w[j] = function() k = k + 10 return k end end
print(w[1](), w[1](), w[3]())
local function fact(n) if n <= 1 then return 1 end return n * fact(n - 1) end
print(fact(20))
local function outer() local x = 1 local function mid() local function inner() x = x + 1 return x end return inner end return mid() end
local f = outer()
print(f(), f(), outer()())
local shared = {} do local v = 0 shared.set = function(n) v = n end shared.get = function() return v end end shared.set(42)
print(shared.get())
local rep = {} local r = 0 repeat local z = r rep[#rep + 1] = function() return z end r = r + 1 until z >= 2 print(rep[1](), rep[2](), rep[3]())
print((function(...) return select("#", ...) end)(nil, nil), (function(a, b, ...) return ... end)(1, 2, 3, 4))
local function curry(f, a) return function(...) return f(a, ...) end end
print(curry(math.max, 5)(3, 9), curry(string.rep, "ab")(2))
local t = {} for i = 1, 5 do local a = i for k = 1, 2 do local b = a * k t[#t + 1] = function() return a + b end end end
local s = 0 for _, g in ipairs(t) do s = s + g() end
print(s)
local up1, up2, up3 = 1, 2, 3 local function many() up1, up2, up3 = up3, up1, up2 return up1, up2, up3 end
print(many())
print(many())
local function y(f) return (function(x) return x(x) end)(function(x) return f(function(...) return x(x)(...) end) end) end
print(y(function(self) return function(n) return n == 0 and 1 or n * self(n - 1) end end)(10))
