-- table.sort with and without a comparator.
local seed = 42
local function random()
  seed = (seed * 1103515245 + 12345) & 0x7fffffff
  return seed
end
local sum = 0
for _ = 1, 11 do
  local t = {}
  for i = 1, 50000 do t[i] = random() end
  table.sort(t, function(a, b) return a > b end)
  sum = sum + t[1] - t[#t]
  for i = 1, 50000 do t[i] = random() end
  table.sort(t)
  sum = sum + t[100]
end
print(sum)
