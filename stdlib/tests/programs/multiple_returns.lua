local function r0() end local function r1() return 1 end local function r3() return 1, 2, 3 end
print(r0(), r1(), r3())
print((r3()))
print(r3(), r3())
print(#{ r3(), r3() }, #{ r0(), r0() })

local a, b, c, d = r3()
print(a, b, c, d) local x, y = r0()
print(x, y) local t = { r3(), r3(), x = r3() } print(#t, t.x)
print(math.max(r3()), select("#", r0()), select("#", r3(), r0())) local function pass(...) return ... end
print(pass(r3(), 10), pass(10, r3())) if r0() then print("no") else print("nil is false") end
print(r1() + r3(), r3() .. "", #t, not r0()) local function rnil() return nil, nil end
print(select("#", rnil()), rnil()) t[r1()] = "set" print(t[1]) for i, j, k in (function() local done return function() if not done then done = true return r3() end end end)() do print(i, j, k) end
print(pcall(type, r0()))
