local t = { 1, 2, x = 3, [4] = 5, ["y"] = 6, f() }
t.x, t[1], t[t] = t.y, t[2], t.x.z
t.a.b.c = nil
t:method(1, ...)
t[300], t[-1] = true, false
return { ... }
