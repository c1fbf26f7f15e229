-- Tables by scattered integer keys, negative and float ones among them.
local total = 0
for _ = 1, 45 do
  local t, key = {}, 12345
  for i = 1, 60000 do
    key = (key * 1103515245 + 12345) % 2147483648
    t[key] = i
  end
  key = 12345
  for _ = 1, 60000 do
    key = (key * 1103515245 + 12345) % 2147483648
    total = total + t[key]
  end
  for i = -200, 200 do t[i * 1000003] = i end
  for i = 1, 60000 do
    local v = t[(i % 401 - 200) * 1000003]
    if v then total = total + v end
    if t[i + 0.5] then total = total + 1 end
  end
end
print(total)
