-- Building strings: concatenation, table.concat, conversions.
local n = 0
for i = 1, 700000 do
  local s = "item " .. i .. " of " .. (i * 2) .. "\n"
  n = n + #s
end
for _ = 1, 70 do
  local parts = {}
  for i = 1, 20000 do parts[#parts + 1] = "field" .. i end
  n = n + #table.concat(parts, ", ")
end
print(n)
