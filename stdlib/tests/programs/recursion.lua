local function ack(m, n) if m == 0 then return n + 1 elseif n == 0 then return ack(m - 1, 1) else return ack(m - 1, ack(m, n - 1)) end end
print(ack(2, 3))
local function hanoi(n, a, b, c) if n == 0 then return 0 end return hanoi(n - 1, a, c, b) + 1 + hanoi(n - 1, c, b, a) end
print(hanoi(10, "a", "b", "c"))
local function even(n) if n == 0 then return true end return odd(n - 1) end function odd(n) if n == 0 then return false end return even(n - 1) end
print(even(100), odd(7))
local function loop(n, acc) if n == 0 then return acc end return loop(n - 1, acc + n) end
print(loop(200000, 0))
local function deep(n) if n == 0 then return 0 end return 1 + deep(n - 1) end
print(deep(15000))
print(pcall(string.gsub, ("x"):rep(10), "x", function(c) return c:upper() end))
local function perms(a, n, out) n = n or #a if n <= 1 then out[#out + 1] = table.concat(a) else for i = 1, n do a[n], a[i] = a[i], a[n] perms(a, n - 1, out) a[n], a[i] = a[i], a[n] end end return out end
print(table.concat(perms({ "a", "b", "c" }, nil, {}), " "))
local function gcd(a, b) if b == 0 then return a end return gcd(b, a % b) end
print(gcd(48, 18), gcd(17, 5)) local memo = {} local function fib(n) if n < 3 then return 1 end if not memo[n] then memo[n] = fib(n - 1) + fib(n - 2) end return memo[n] end
print(fib(80))
local function flat(t, out) out = out or {} for _, v in ipairs(t) do if type(v) == "table" then flat(v, out) else out[#out + 1] = v end end return out end
print(table.concat(flat({ 1, { 2, { 3, { 4 } }, 5 } }), ","))
local function nest(n) return n == 0 and {} or { nest(n - 1) } end local d, t = 0, nest(50) while t[1] do t = t[1] d = d + 1 end
print(d)
local ok, e = pcall(function() local function f() return f() + 1 end return f() end)
print(ok, (e:gsub("^.-:%d+: ", ""):match("^stack overflow")))
local mt = {} mt.__index = function(t, k) return setmetatable({}, mt)[k] end
print(pcall(function() return setmetatable({}, mt).x end) == false)
local s = string.rep("(", 100) .. "1" .. string.rep(")", 100)
print(load("return " .. s)())
