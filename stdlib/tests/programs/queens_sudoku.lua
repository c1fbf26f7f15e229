local function queens(n) local count, cols, d1, d2 = 0, {}, {}, {} local function place(r) if r > n then count = count + 1 return end for c = 1, n do if not cols[c] and not d1[r + c] and not d2[r - c + n] then cols[c], d1[r + c], d2[r - c + n] = true, true, true place(r + 1) cols[c], d1[r + c], d2[r - c + n] = nil, nil, nil end end end place(1) return count end
for n = 1, 6 do print(n, queens(n)) end
local life = {} for y = 1, 8 do life[y] = {} for x = 1, 8 do life[y][x] = 0 end end for _, p in ipairs { { 2, 3 }, { 3, 4 }, { 4, 2 }, { 4, 3 }, { 4, 4 } } do life[p[1]][p[2]] = 1 end
local function step(g) local r = {} for y = 1, 8 do r[y] = {} for x = 1, 8 do local n = 0 for dy = -1, 1 do for dx = -1, 1 do if not (dy == 0 and dx == 0) then n = n + g[(y + dy - 1) % 8 + 1][(x + dx - 1) % 8 + 1] end end end r[y][x] = (n == 3 or (n == 2 and g[y][x] == 1)) and 1 or 0 end end return r end
for _ = 1, 4 do life = step(life) end for y = 1, 8 do print(table.concat(life[y])) end
