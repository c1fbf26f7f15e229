-- pairs, ipairs and next.
local t, list = {}, {}
for i = 1, 200 do t["key" .. i] = i list[i] = i end
local sum = 0
for _ = 1, 50000 do
  for _, v in pairs(t) do sum = sum + v end
  for i, v in ipairs(list) do sum = sum + i * v end
end
print(sum)
