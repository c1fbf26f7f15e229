local function run(a, b, c) local t = {} for i = a, b, c do t[#t + 1] = tostring(i) if #t > 6 then break end end
print(table.concat(t, " ")) end
run(1, 3, 1) run(3, 1, -1) run(1, 3, 2) run(math.maxinteger - 2, math.maxinteger, 2) run(math.mininteger + 2, math.mininteger, -2) run(1, 0, 1) run(1, 1.5, 1) run(1, -1.5, -1) run(1.0, 2, 0.25) run(0.1, 0.35, 0.1)
run(math.maxinteger, math.maxinteger + 1.0, 1) run(math.mininteger, -math.huge, -1) run(1, math.huge, math.maxinteger) run(-1, -math.huge, math.mininteger) run(3, 2^53, 2^51 | 0) run(1, 0/0, 1) run("1", "3", 1 )
local n = 0 for i = 1, 10 do local j = i i = i * 2 n = n + i end
print(n) for i = 3, 1 do error("no") end for i = 0, -0.0 do print(i) end
local f = {} for i = 1, 3 do f[i] = function() return i end end
print(f[1](), f[2](), f[3]())
