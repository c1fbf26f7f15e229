local V = {} V.__index = V local function vec(x, y) return setmetatable({ x = x, y = y }, V) end
V.__add = function(a, b) return vec(a.x + b.x, a.y + b.y) end V.__sub = function(a, b) return vec(a.x - b.x, a.y - b.y) end
V.__mul = function(a, b) if type(a) == "number" then return vec(a * b.x, a * b.y) elseif type(b) == "number" then return vec(a.x * b, a.y * b) end return a.x * b.x + a.y * b.y end
V.__unm = function(a) return vec(-a.x, -a.y) end V.__eq = function(a, b) return a.x == b.x and a.y == b.y end V.__lt = function(a, b) return a.x < b.x end V.__le = function(a, b) return a.x <= b.x end
V.__len = function(a) return 2 end V.__tostring = function(a) return "(" .. a.x .. "," .. a.y .. ")" end V.__concat = function(a, b) return tostring(a) .. tostring(b) end V.__call = function(self, k) return self[k] end
V.__idiv = function() return "idiv" end V.__div = function() return "div" end V.__mod = function() return "mod" end V.__pow = function() return "pow" end
V.__band = function() return "band" end V.__bor = function() return "bor" end V.__bxor = function() return "bxor" end V.__shl = function() return "shl" end V.__shr = function() return "shr" end V.__bnot = function() return "bnot" end
local a, b = vec(1, 2), vec(3, 4)
print(tostring(a + b), tostring(a - b), a * b, tostring(2 * a), tostring(a * 2), tostring(-a), a == b, a == vec(1, 2), a ~= b, a < b, a <= b, a > b, a >= b, #a, a .. b, a .. "s", "s" .. a, 1 .. a, a("y"))
print(a // 1, 1 // a, a / 1, a % 1, a ^ 1, 2 ^ a, a & 1, 1 | a, a ~ 1, a << 1, 1 >> a, ~a, 5 + 0 == 5)
print(pcall(function() return a < 1 end))
print(pcall(function() return {} < {} end))
print(pcall(function() return {} .. "x" end))
print(pcall(function() return -{} end))
print(pcall(function() return #5 end))
print(pcall(function() return {} & 1 end))
print(pcall(function() return 1.5 & 1 end))
print(pcall(function() return "a" | 1 end))
local callable = setmetatable({}, { __call = function(self, ...) return select("#", ...), ... end })
print(callable(1, nil, 3))
print(pcall(callable, "x"))
local nested = setmetatable({}, { __call = callable })
print(nested("z") == 2)
print(pcall(function() local t = {} t() end))
print(pcall(function() undefinedfn() end))
print(pcall(function() local t = {} t.x.y() end))
print(pcall(function() local t = {} t:nomethod() end))
local eqcount = 0 local E = { __eq = function() eqcount = eqcount + 1 return true end } local e1, e2 = setmetatable({}, E), setmetatable({}, E)
print(e1 == e2, e1 ~= e2, e1 == e1, rawequal(e1, e2), eqcount, e1 == 1)
print(10 - setmetatable({}, { __sub = function(a, b) return type(a) .. type(b) end }), setmetatable({}, { __add = function(a, b) return b end }) + 5, 5 + setmetatable({}, { __add = function(a, b) return a end }))
local cmp = setmetatable({}, { __lt = function() return nil end, __le = function() return 1 end })
print(cmp < cmp, cmp <= cmp, cmp > 1, 1 >= cmp)
print(setmetatable({}, { __name = "MyType" }) == nil, (tostring(setmetatable({}, { __name = "MyType" })):gsub("0x%x+", "PTR")))
local cat = setmetatable({}, { __concat = function(a, b) return (type(a) == "table" and "T" or a) .. "+" .. (type(b) == "table" and "T" or b) end })
print("a" .. "b" .. cat .. "c" .. "d", cat .. cat, 1 .. cat .. 2)
for k, v in pairs(setmetatable({}, { __pairs = function(t) return function(_, k) k = (k or 0) + 1 if k <= 2 then return k, k * k end end, t, nil end })) do print(k, v) end
print(#setmetatable({ 1, 2, 3 }, { __len = function() return "len" end }), rawlen(setmetatable({ 1, 2, 3 }, { __len = function() return 9 end })))
