for i = 1, 3 do io = i end
print(io) io = nil for i = 3, 1, -1 do print(i) end for i = 1, 0 do print("never") end for i = 1, 2, 0.5 do print(i) end
for i = 1.0, 3 do print(i) end for i = math.maxinteger - 1, math.maxinteger do print(i) end for i = math.mininteger, math.mininteger + 1 do print(i) end
for i = 1, math.huge do if i > 3 then break end
print(i) end for i = -1, -math.huge, -1 do if i < -2 then break end
print(i) end
print(pcall(function() for i = 1, 10, 0 do end end))
print(pcall(function() for i = "a", 2 do end end))
print(pcall(function() for i = 1, {} do end end))
print(pcall(function() for i = 1, 2, {} do end end))
local n = 0 while true do n = n + 1 if n > 5 then break end if n % 2 == 0 then goto continue end
print("odd", n) ::continue:: end
repeat local done = n > 8 n = n + 1 until done print(n)
for i = 1, 3 do for j = 1, 3 do if j == 2 then goto next_i end
print(i, j) end ::next_i:: end
do local k = 0 ::top:: k = k + 1 if k < 3 then goto top end
print(k) end
local function classify(x) if x < 0 then return "neg" elseif x == 0 then return "zero" elseif x < 10 then return "small" else return "big" end end
print(classify(-1), classify(0), classify(5), classify(50))
print(1 and 2, nil and 1, false or "d", nil or false, 1 or error("no"), not nil, not 0, 1 == 1 and "y" or "n", nil == false)
local a = nil local b = a and a.x or "default" print(b)
print((nil or 1) + 1, 5 > 3 == true, "x" == "x" ~= false)
print(2 ^ 3 ^ 2, -2 ^ 2, not 1 == 2, 1 .. 2 .. 3, 2 * 3 + 4 * 5, (2 + 3) * 4, 7 - 3 - 2, 2 ^ -1, 1 << 2 + 1, 5 & 3 | 8, 1 | 2 ~ 3)
for i, v in (function(t, i) i = i + 1 if t[i] then return i, t[i] end end), { "a", "b" }, 0 do print(i, v) end
do local closed = {} for i = 1, 3 do local x <close> = setmetatable({}, { __close = function() closed[#closed + 1] = i end }) if i == 2 then break end end
print(table.concat(closed, ",")) end
print(load("goto x"))
print(load("break"))
print(load("do ::a:: end goto a"))
print(load("::a:: ::a::"))
print(load("goto f; local x ::f:: print(x)"))
