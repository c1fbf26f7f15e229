-- Varargs, select, pack and unpack.
local function sum(...)
  local s = 0
  for i = 1, select("#", ...) do s = s + (select(i, ...)) end
  return s
end
local function pass(...) return ... end
local total = 0
for i = 1, 1500000 do
  total = total + sum(pass(i, 2, 3, 4))
  local t = { pass(1, 2, i) }
  total = total + #t + table.unpack(t)
end
print(total)
