-- table.sort in its own order: integers, floats, strings; sorted, reversed and random.
local total, seed = 0, 42
local function random(n)
  seed = (seed * 1103515245 + 12345) % 2147483648
  return seed % n
end
for _ = 1, 10 do
  local ints, floats, strings, mixed = {}, {}, {}, {}
  for i = 1, 20000 do
    ints[i], floats[i] = random(1000000), random(1000000) / 7
    strings[i] = "host" .. random(100000)
    mixed[i] = i % 2 == 0 and random(1000) or random(1000) / 3
  end
  for _, t in ipairs { ints, floats, strings, mixed } do
    table.sort(t)
    table.sort(t)
  end
  total = total + ints[10] + floats[20000] + #strings[1] + mixed[300]
  local reversed = {}
  for i = 1, 20000 do reversed[i] = -i end
  table.sort(reversed)
  total = total + reversed[7]
end
print(string.format("%.4f", total))
