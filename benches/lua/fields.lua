-- Field access on records.
local points = {}
for i = 1, 100 do points[i] = { x = i, y = i * 2, z = i * 3 } end
local sum = 0
for _ = 1, 120000 do
  for i = 1, 100 do
    local p = points[i]
    p.x = p.x + p.y
    p.y = p.z - p.y
    sum = sum + p.x % 7
  end
end
print(sum)
