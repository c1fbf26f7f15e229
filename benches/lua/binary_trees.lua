-- Trees made, walked and dropped beside one that stays.
local function grow(depth)
  if depth == 0 then return { left = false, right = false } end
  return { left = grow(depth - 1), right = grow(depth - 1) }
end
local function count(tree)
  if not tree.left then return 1 end
  return 1 + count(tree.left) + count(tree.right)
end
local depth, total = 14, 0
local stays = grow(depth)
for level = 4, depth, 2 do
  local trees = 1 << (depth - level + 4)
  for _ = 1, trees do total = total + count(grow(level)) end
end
print(total, count(stays))
