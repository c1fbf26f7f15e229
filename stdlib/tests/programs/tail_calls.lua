local function count(n) if n > 0 then return count(n - 1) end return "bottom" end
print(count(100000)) local t = setmetatable({}, { __call = function(self, n) if n == 0 then return "called" end return self(n - 1) end })
print(t(1000)) local function a(n, f) return f(n) end
print(a(5, function(x) return x * 2 end), a(1, tostring), select("#", a(nil, print))) local function v(...) return select("#", ...) end local function w(...) return v(...) end
print(w(), w(1, nil), w(table.unpack({}, 1, 30)))
print(pcall(function() return error("tail", 0) end)) local function st(s) local states = { a = function(n) if n == 0 then return "end a" end return st("b", n - 1) end } return states end
print((function() return (function() return 1, 2, 3 end)() end)()) local function paren() return (w(1, 2)) end
print(paren()) local obj = { m = function(self, x) return self.v + x end, v = 10 } local function callm() return obj:m(5) end
print(callm())
print((function(...) return ... end)(1, 2, nil))
