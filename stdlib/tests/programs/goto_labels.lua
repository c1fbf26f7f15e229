do local i = 1 ::loop:: if i <= 3 then print(i) i = i + 1 goto loop end end
for i = 1, 3 do for j = 1, 3 do if (i + j) % 2 == 0 then goto skip end
print(i, j) ::skip:: end end
do goto done local x ::done:: end
print("after") local function f(n) if n > 2 then goto big end do return "small" end ::big:: return "big" end
print(f(1), f(3))
do local fns = {} local k = 0 ::again:: local captured = k fns[#fns + 1] = function() captured = captured + 1 return captured end k = k + 1 if k < 3 then goto again end
print(fns[1](), fns[1](), fns[2](), fns[3]()) end
while true do do break end end repeat if true then break end until false for _ = 1, 2 do goto cont ::cont:: end
do ::a:: do goto b end ::b:: end do local t = {} for i = 1, 10 do if i % 3 ~= 0 then goto continue end t[#t + 1] = i ::continue:: end
print(table.concat(t, " ")) end
print(load("do goto l end; local a ::l:: print(a)"))
print(load("repeat if x then goto cont end local xuxu = 10 ::cont:: until xuxu < x"))
print(load("goto undefined"))
local function nested() for i = 1, 3 do while true do if i == 2 then goto out end break end end ::out:: return "out" end
print(nested())
do local x = 0 ::top:: x = x + 1 local y <const> = x if y < 5 then goto top end
print(x, y) end ::l1:: do ::l1_inner:: end ; ; print("end")
