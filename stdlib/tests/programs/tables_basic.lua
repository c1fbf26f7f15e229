local t = { 1, 2, 3, nil, 5, n = 10, [10] = "ten", ["key with space"] = true, [1.0] = "one" }
print(t[1], t[4], t[5], t.n, t[10], t["key with space"], #{ 1, 2, 3 }, #{})
t[2^53] = "big" print(t[2^53], t[9007199254740992])
t.x = nil print(t.x, t["x"], rawget(t, "n"), rawlen({ 1, 2 }), rawequal(t, t), rawequal(1, 1.0))
local nested = { a = { b = { c = "deep" } } } print(nested.a.b.c, nested["a"]["b"].c)
local f = { f = function() return 1, 2, 3 end } local u = { f.f(), f.f() } print(#u, u[1], u[2], u[4])
local v = { f.f(), (f.f()) } print(#v) local w = { [1] = "a", "b" } print(w[1])
print(next({}), next({ 10 }), type(next), select("#", next({})))
print(pcall(function() t[nil] = 1 end))
print(pcall(function() t[0 / 0] = 1 end))
print(t[nil])
local count = 0 for k, val in pairs({ 1, 2, 3, a = 4, b = 5 }) do count = count + val end
print(count)
local big = {} for i = 1, 1000 do big[i] = i end for i = 1, 1000, 2 do big[i] = nil end
local n = 0 for _ in pairs(big) do n = n + 1 end
print(n)
for i = 1000, 1, -1 do big[i] = i end
print(#big, big[500])
local s = {} for i = 10, 1, -1 do s[i] = i end
print(#s)
local e = {} e[1] = 1 e[2] = 2 e[4] = 4 print(e[3], e[4]) e[3] = 3 print(#e)
local neg = { [-1] = "m", [0] = "z" } print(neg[-1], neg[0], #neg)
print(#"x" + #{ 1, 2 }, ({ 5, 6 })[2], ({ a = 1 }).a, (function() return { 7 } end)()[1])
local keys = {} for k in pairs({ x = 1, y = 2 }) do keys[#keys + 1] = k end table.sort(keys)
print(table.concat(keys, ","))
t = {} for i = 1, 100 do t["k" .. i] = i end for i = 1, 100 do assert(t["k" .. i] == i) end
for k in pairs(t) do t[k] = nil end
print(next(t))
