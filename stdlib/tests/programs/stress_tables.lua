local t = {} for i = 1, 64 do t[i] = i end for i = 64, 33, -1 do t[i] = nil end
print(#t) for i = 1, 32, 2 do t[i] = nil end local n = 0 for _ in pairs(t) do n = n + 1 end
print(n) t = {} for i = 1, 50 do t[i * 3] = i t["k" .. i] = i t[i + 0.5] = i end n = 0 for _ in pairs(t) do n = n + 1 end
print(n) for i = 1, 50 do assert(t[i * 3] == i and t["k" .. i] == i and t[i + 0.5] == i) t[i * 3] = nil t["k" .. i] = nil end n = 0 for _ in pairs(t) do n = n + 1 end
print(n) local q, head, tail = {}, 1, 0 for i = 1, 200 do tail = tail + 1 q[tail] = i if i % 3 == 0 then q[head] = nil head = head + 1 end end local s = 0 for i = head, tail do s = s + q[i] end
print(s, head, tail) local keys = {} for i = 1, 30 do local k = {} keys[i] = k t[k] = i end s = 0 for i = 1, 30 do s = s + t[keys[i]] end
print(s) local m = {} m[1e15] = "a" m[-0.0] = "zero" m[2^53] = "b" print(m[1e15 // 1 | 0], m[0], m[2^53 | 0]) local a = { 1, 2, 3 } a[#a + 1] = 4 a[#a + 1] = 5 a[#a] = nil print(#a, a[4], a[5]) local r = { n = 0 } for i = 1, 10 do r[#r + 1] = i r.n = r.n + 1 end
print(#r, r.n) local fnkeys = { [print] = "p", [type] = "t" } print(fnkeys[print], fnkeys[type]) local bools = { [true] = 1, [false] = 0 } print(bools[true], bools[false], bools[1 == 1])
