-- Permutations of an array and flips of its head: integer-keyed reads and writes.
local n, best, sum = 9, 0, 0
local order, count, work = {}, {}, {}
local function flips()
  for i = 1, n do work[i] = order[i] end
  local steps, first = 0, work[1]
  while first ~= 1 do
    local low, high = 1, first
    while low < high do
      work[low], work[high] = work[high], work[low]
      low, high = low + 1, high - 1
    end
    steps, first = steps + 1, work[1]
  end
  return steps
end
for _ = 1, 2 do
  for i = 1, n do order[i], count[i] = i, 0 end
  local i, sign = 1, 1
  while i <= n do
    if count[i] < i - 1 then
      local j = i % 2 == 1 and 1 or count[i] + 1
      order[i], order[j] = order[j], order[i]
      sign = -sign
      local steps = flips()
      sum = sum + sign * steps
      if steps > best then best = steps end
      count[i], i = count[i] + 1, 1
    else
      count[i], i = 0, i + 1
    end
  end
end
print(best, sum)
