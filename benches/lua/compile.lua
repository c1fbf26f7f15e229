-- Compiling large sources of every kind of statement.
local parts = {}
for i = 1, 700 do
  parts[i] = ([[
local function f%d(a, b, ...)
  local t = { name = "entry%d", [a] = b, 1, 2, %d; nested = { x = a.b.c, y = not b } }
  for i = 1, #t do if t[i] > %d and a or b == nil then t[i] = t[i] + 1 elseif i %% 2 ~= 0 then break end end
  for k, v in pairs(t) do t[k] = function(z) return v .. z .. "text\n" end end
  while a < b do a = a * 2 + (b - 1) // 3 repeat b = b - 0.5 until b < 1e3 end
  return t, select("#", ...), a & b | 0xFF ~ %d
end
global.field%d = f%d
]]):format(i, i, i, i, i, i, i)
end
local total = 0
for round = 1, 80 do
  -- One function a chunk keeps below the limit of local variables.
  for i = 1, #parts, 100 do
    local source = table.concat(parts, "", i, i + 99)
    local chunk = assert(load(source, "=round" .. round))
    total = total + #source
    if round == 1 then total = total + #string.dump(chunk, true) // 1000000 end
  end
end
print(total)
