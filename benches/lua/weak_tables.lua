-- Weak keys and values, ephemerons among them: caches that lose what nobody holds.
local total = 0
for _ = 1, 50 do
  local cache = setmetatable({}, { __mode = "v" })
  local facts = setmetatable({}, { __mode = "k" })
  local kept = {}
  for i = 1, 20000 do
    local object = { n = i }
    cache[i] = object
    facts[object] = { about = object, size = i % 10 }
    if i % 8 == 0 then kept[#kept + 1] = object end
  end
  collectgarbage()
  local alive = 0
  for _, object in pairs(cache) do alive = alive + facts[object].size end
  total = total + alive + #kept
end
print(total)
