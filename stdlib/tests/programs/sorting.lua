-- table.sort and sorts written in Lua.
local function random_list(n, seed)
  local list, x = {}, seed
  for i = 1, n do
    x = (x * 1103515245 + 12345) % 2147483648
    list[i] = x % 1000
  end
  return list
end

local function is_sorted(list, less)
  less = less or function(a, b) return a < b end
  for i = 2, #list do
    if less(list[i], list[i - 1]) then return false end
  end
  return true
end

for _, n in ipairs { 0, 1, 2, 3, 10, 100, 500 } do
  local list = random_list(n, n + 1)
  table.sort(list)
  local descending = random_list(n, n + 7)
  local function greater(a, b) return a > b end
  table.sort(descending, greater)
  print(n, is_sorted(list), is_sorted(descending, greater))
end

local function merge_sort(list)
  if #list <= 1 then return list end
  local middle = #list // 2
  local left = merge_sort { table.unpack(list, 1, middle) }
  local right = merge_sort { table.unpack(list, middle + 1) }
  local out, i, j = {}, 1, 1
  while left[i] and right[j] do
    if left[i] <= right[j] then out[#out + 1] = left[i] i = i + 1
    else out[#out + 1] = right[j] j = j + 1 end
  end
  table.move(left, i, #left, #out + 1, out)
  table.move(right, j, #right, #out + 1, out)
  return out
end
print(table.concat(merge_sort(random_list(20, 3)), " "))

local words = {}
for word in ("the quick brown fox jumps over the lazy dog The Quick"):gmatch("%a+") do words[#words + 1] = word end
table.sort(words)
print(table.concat(words, " "))
table.sort(words, function(a, b)
  local x, y = a:lower(), b:lower()
  if x ~= y then return x < y end
  return a < b
end)
print(table.concat(words, " "))
local mixed = { 3, 1.5, -2, 2^53, math.mininteger, 0.1 }
table.sort(mixed)
for _, v in ipairs(mixed) do print(v) end

print(pcall(table.sort, { 1, "x", 2 }))
print(pcall(table.sort, { {}, {} }))
print(pcall(table.sort, { 3, 2, 1 }, function() error("in comparator", 0) end))
print(pcall(table.sort, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, function() return true end))
print(pcall(table.sort, { 1, 2 }, "not a function"))
print(pcall(table.sort))
local Version = { __lt = function(a, b) return a.n < b.n end }
local versions = {}
for i, n in ipairs { 3, 1, 2 } do versions[i] = setmetatable({ n = n }, Version) end
table.sort(versions)
print(versions[1].n, versions[2].n, versions[3].n)
