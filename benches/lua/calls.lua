-- Calls of Lua functions with zero to five arguments and one or two results, tail calls among them.
local function zero() return 1 end
local function one(a) return a + 1 end
local function two(a, b) return a - b, b end
local function five(a, b, c, d, e) return a + c + e, b + d end
local function countdown(n, acc)
  if n == 0 then return acc end
  return countdown(n - 1, acc + n % 3)
end
local total = 0
for i = 1, 5000000 do
  local x = one(i) + zero()
  local d, y = two(x, i)
  local p, q = five(x, y, d, 1, 2)
  total = (total + p - q) % 1000000007
end
for _ = 1, 120 do total = total + countdown(50000, 0) end
print(total)
