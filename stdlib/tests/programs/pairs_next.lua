local t = {} for i = 1, 20 do t[i] = i end for i = 1, 20 do t["s" .. i] = i end local sum, n = 0, 0 for k, v in pairs(t) do sum = sum + v n = n + 1 end
print(sum, n) for k in pairs(t) do t[k] = nil end
print(next(t)) for i = 1, 5 do t[i] = i end for k, v in next, t do t[k] = v * 2 end
print(t[1], t[5])
for k, v in pairs({}) do print("never") end local order = {} for i, v in ipairs({ 1, 2, nil, 4 }) do order[#order + 1] = v end
print(#order)
print(pcall(pairs))
print(select("#", pcall(pairs, nil)))
print(select("#", pcall(ipairs, nil)))
print(pcall(next, nil))
print(pcall(next, {}, 1))
print(next({}, nil), type(next({ 5 }, nil)))
local seen = {} for k, v in pairs({ 10, 20, 30, x = 1, y = 2, [2.5] = 3, [true] = 4 }) do seen[#seen + 1] = tostring(k) .. "=" .. tostring(v) end table.sort(seen)
print(table.concat(seen, " ")) local cnt = 0 for k, v in pairs({ nil, nil, 3 }) do cnt = cnt + 1 print(k, v) end for a, b, c in pairs({ 1 }) do print(a, b, c) end
for i, v in ipairs(setmetatable({}, { __index = function(_, i) if i <= 3 then return i * 100 end end })) do print(i, v) end local ch = { a = 1, b = 2, c = 3 } for k in pairs(ch) do ch[k] = nil end
print(next(ch)) local s = 0 for _, row in ipairs({ { 1, 2 }, { 3, 4 } }) do for _, v in ipairs(row) do s = s + v end end
print(s) local rev = {} for k, v in pairs({ a = "x", b = "y" }) do rev[v] = k end
print(rev.x, rev.y)
local big = {} for i = 1, 300 do big[i * 7] = i end local c2, k2 = 0, nil repeat k2 = next(big, k2) if k2 then c2 = c2 + 1 end until not k2 print(c2) for i = 1, 3 do local it, st, ctl = pairs({ i })
print(it == next, type(st), ctl) end
