-- Short-lived objects: binary trees and small tables.
local function tree(depth)
  if depth == 0 then return {} end
  return { tree(depth - 1), tree(depth - 1) }
end
local function check(t)
  if not t[1] then return 1 end
  return 1 + check(t[1]) + check(t[2])
end
local total = 0
local long_lived = tree(15)
for _ = 1, 120 do total = total + check(tree(12)) end
for i = 1, 3500000 do
  local p = { x = i, y = i + 1 }
  total = total + p.x - p.y
end
print(total, check(long_lived))
