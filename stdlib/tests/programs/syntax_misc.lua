;;; local a = 1; ; print(a);
print((("nested")):upper(), #{ n = 1, 2, 3 }, ({ 1, 2, 3 })[2], nil == nil)

local t = { [1] = 1, [2] = 2; 3, 4, f = function(self) return self end, ["x y"] = 1, } print(t[1], t[2], t:f() == t, #t)
print"string call" print[[long call]] local function id(x) return x end
print(id{ 5 }[1], id"s")

local s = "method" print(s:rep(2):upper():lower():sub(1, 3))
print(("x"):rep(3), #"abc" + 1, -2 ^ 2, not nil == true)
local function multi() return 1, 2, 3 end
print(multi(), (multi()))
print(({ multi() })[3])

function t.a() return "a" end function t.b() return { c = {} } end t.sub = {} function t.sub.fn(x) return x end function t.sub:m(x) return self == t.sub, x end
print(t.a(), t.sub.fn(1), t.sub:m(2))
local longname_with_underscores_123 = 5 local _ = 6 print(longname_with_underscores_123, _) local function rec(n) return n == 0 and "done" or rec(n - 1) end
print(rec(100))
print(1--[[inline]]+--[==[another]==]2)
print(0xff, 0XA, 1e2, 1E-2, .5, 3., 0x.8p1)
print('a\z
     b', "tab\9", '\'')
print(#"\z   x") if nil then elseif false then else print("else") end
local x <const>, y <close> = 1, nil print(x, y) do end while false do end repeat until true for _ = 1, 0 do end return print("returned")
