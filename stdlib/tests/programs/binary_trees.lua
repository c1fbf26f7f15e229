-- Many small tables that live and die.
local function bottom_up(depth)
  if depth == 0 then return {} end
  return { bottom_up(depth - 1), bottom_up(depth - 1) }
end

local function count(tree)
  return tree[1] and 1 + count(tree[1]) + count(tree[2]) or 1
end

local max_depth = 8
print("stretch", max_depth + 1, count(bottom_up(max_depth + 1)))
local long_lived = bottom_up(max_depth)
for depth = 4, max_depth, 2 do
  local iterations = 1 << (max_depth - depth + 2)
  local check = 0
  for _ = 1, iterations do check = check + count(bottom_up(depth)) end
  print(iterations, depth, check)
end
print("long lived", count(long_lived))
