-- Word counts and a Markov chain with a generator of its own.
local text = [[
It was a dark night and the rain fell in torrents except at times when it was checked by a wind
which swept up the streets for it was in the city that our scene lies and the wind was strong
and the rain was cold and the night was long and the streets of the city were dark]]

local words = {}
for word in text:gmatch("%a+") do words[#words + 1] = word:lower() end
local counts = {}
for _, word in ipairs(words) do counts[word] = (counts[word] or 0) + 1 end
local ranking = {}
for word in pairs(counts) do ranking[#ranking + 1] = word end
table.sort(ranking, function(a, b)
  if counts[a] ~= counts[b] then return counts[a] > counts[b] end
  return a < b
end)
for i = 1, 8 do print(("%-8s %2d %5.1f%%"):format(ranking[i], counts[ranking[i]], 100 * counts[ranking[i]] / #words)) end

local chain = setmetatable({}, { __index = function(t, k) local v = {} rawset(t, k, v) return v end })
for i = 1, #words - 2 do
  local successors = chain[words[i] .. " " .. words[i + 1]]
  successors[#successors + 1] = words[i + 2]
end
local seed = 42
local function random(n)
  seed = (seed * 6364136223846793005 + 1442695040888963407)
  return (seed >> 33) % n + 1
end
local w1, w2 = words[1], words[2]
local out = { w1, w2 }
for _ = 1, 40 do
  local successors = rawget(chain, w1 .. " " .. w2)
  if not successors then break end
  w1, w2 = w2, successors[random(#successors)]
  out[#out + 1] = w2
end
print(table.concat(out, " "))
print((text:gsub("(%w+) (%w+)", "%2 %1", 6):sub(1, 60):gsub("\n", "|")))
local longest = ""
for line in text:gmatch("[^\n]+") do if #line > #longest then longest = line end end
print(#longest, longest:match("^(%S+).-(%S+)$"))
print(text:find("wind"), text:find("wind", 120), text:find("w%a+d", -40), select("#", text:find("(w)(i)(n)(d)")))
