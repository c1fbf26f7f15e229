-- Integer arithmetic in nested loops.
local x, hits = 0, 0
for i = 1, 30000 do
  for j = 1, 1000 do
    x = (x * 31 + i ~ j) & 0xffffff
    if x % 3 == 0 then hits = hits + 1 end
  end
end
print(x, hits)
