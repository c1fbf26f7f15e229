-- Array reads and writes: a sieve and a matrix product.
local function sieve(n)
  local flags, count = {}, 0
  for i = 2, n do flags[i] = true end
  for i = 2, n do
    if flags[i] then
      count = count + 1
      for j = i * i, n, i do flags[j] = false end
    end
  end
  return count
end
local total = 0
for _ = 1, 12 do total = total + sieve(1000000) end
local n, a, b = 120, {}, {}
for i = 1, n do
  a[i], b[i] = {}, {}
  for j = 1, n do a[i][j], b[i][j] = i + j, i - j end
end
for i = 1, n do
  local row = a[i]
  for j = 1, n do
    local s = 0
    for k = 1, n do s = s + row[k] * b[k][j] end
    total = total + s
  end
end
print(total)
