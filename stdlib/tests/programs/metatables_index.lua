local base = { greet = function(self) return "hi " .. self.name end, kind = "base" }
local obj = setmetatable({ name = "bob" }, { __index = base }) print(obj:greet(), obj.kind, obj.missing, rawget(obj, "kind"))
local chain = setmetatable({}, { __index = setmetatable({ a = 1 }, { __index = setmetatable({ b = 2 }, { __index = function(_, k) return k .. "!" end }) }) }) print(chain.a, chain.b, chain.c)
local log = {} local t = setmetatable({}, { __newindex = function(t, k, v) log[#log + 1] = k rawset(t, k, v) end }) t.x = 1 t.x = 2 t.y = 3 print(table.concat(log, ","), t.x, t.y)
local store = {} local proxy = setmetatable({}, { __index = store, __newindex = store }) proxy.v = 5 print(rawget(proxy, "v"), store.v, proxy.v)
local def = setmetatable({}, { __index = function(t, k) local v = k * 2 t[k] = v return v end }) print(def[4], rawget(def, 4), def[5])
local Animal = {} Animal.__index = Animal function Animal.new(n) return setmetatable({ n = n }, Animal) end function Animal:speak() return self.n .. " makes a sound" end
local Dog = setmetatable({}, { __index = Animal }) Dog.__index = Dog function Dog.new(n) local d = Animal.new(n) return setmetatable(d, Dog) end function Dog:speak() return Animal.speak(self) .. ": woof" end
print(Animal.new("cat"):speak(), Dog.new("rex"):speak(), getmetatable(Dog.new("x")) == Dog)
print(getmetatable("x").__index == string, ("x").upper == string.upper, #("abc"), ("abc"):len())
print(pcall(function() local x = 5 return x.y end)) print(pcall(function() local s = "str" return s.y.z end)) print(pcall(function() nothing.x = 1 end))
print(getmetatable(setmetatable({}, { __metatable = "locked" })), pcall(setmetatable, setmetatable({}, { __metatable = 1 }), {}))
local cyc = {} setmetatable(cyc, { __index = cyc }) print(pcall(function() return cyc.x end))
local loopa, loopb = {}, {} setmetatable(loopa, { __index = loopb }) setmetatable(loopb, { __index = loopa }) print(pcall(function() return loopa.zzz end))
local ro = setmetatable({}, { __index = { a = 1 }, __newindex = function(_, k) error("read-only field " .. k, 2) end }) print(ro.a, pcall(function() ro.b = 1 end))
local arr = setmetatable({}, { __index = function(_, i) return i end }) print(arr[1], arr[100], arr.x) for i, v in ipairs(setmetatable({}, { __index = function(_, i) if i < 4 then return i * i end end })) do print(i, v) end
