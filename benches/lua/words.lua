-- Tables by computed string keys: counts, look-ups that miss, removals.
local words = {}
for i = 1, 3000 do words[i] = "w" .. (i * 7919 % 2003) .. "x" end
local total = 0
for round = 1, 1300 do
  local counts = {}
  for i = 1, #words do
    local word = words[i]
    counts[word] = (counts[word] or 0) + i % 5
  end
  for i = 1, #words, 3 do
    local word = words[i]
    if counts[word] then
      total = total + counts[word]
      counts[word] = nil
    end
    if not counts["absent"] then total = total + 1 end
  end
  for i = 1, 900 do
    local key = "key" .. (i + round) % 450
    counts[key] = i
    total = total + #key + counts[key] % 3
  end
end
print(total)
