local function gen(n) return coroutine.wrap(function() for i = 1, n do local captured = i coroutine.yield(function() captured = captured + n return captured end) end end) end local fs = {} for f in gen(3) do fs[#fs + 1] = f end
print(fs[1](), fs[1](), fs[2](), fs[3]()) local function tree(t) return coroutine.wrap(function() local function walk(n) if n then walk(n.l) coroutine.yield(n.v) walk(n.r) end end walk(t) end) end local vals = {} for v in tree({ v = 4, l = { v = 2, l = { v = 1 }, r = { v = 3 } }, r = { v = 6, l = { v = 5 } } }) do vals[#vals + 1] = v end
print(table.concat(vals, " ")) local function chain(...) local gens = { ... } return coroutine.wrap(function() for _, g in ipairs(gens) do for v in g do coroutine.yield(v) end end end) end local function range(a, b) return coroutine.wrap(function() for i = a, b do coroutine.yield(i) end end) end local s = 0 for v in chain(range(1, 3), range(10, 12)) do s = s + v end
print(s) local main = coroutine.running() local co co = coroutine.create(function()
print(coroutine.running() == co, coroutine.status(main)) local inner = coroutine.wrap(function()
print(coroutine.status(co), coroutine.isyieldable()) coroutine.yield() end) inner() return "ok" end)
print(coroutine.resume(co)) local function pingpong() local a, b a = coroutine.create(function(x) for i = 1, 3 do x = coroutine.yield(x + 1) end return "a done" end) local v = 0 local log = {} while true do local ok, r = coroutine.resume(a, v) log[#log + 1] = tostring(r) if coroutine.status(a) == "dead" then break end v = r * 2 end return table.concat(log, " ") end
print(pingpong()) local co2 = coroutine.wrap(function(...) local args = { ... } while true do args = { coroutine.yield(#args, table.unpack(args)) } end end)
print(co2(1, 2, 3))
print(co2())
print(co2(nil, nil)) local st = coroutine.create(function() local t = setmetatable({}, { __index = function(_, k) local v = coroutine.yield("need " .. k) return v end }) return t.alpha .. t.beta end)
print(coroutine.resume(st))
print(coroutine.resume(st, "A"))
print(coroutine.resume(st, "B")) local errs = coroutine.wrap(function() local ok, e = pcall(function() coroutine.yield("before") error({ msg = "tbl" }) end) coroutine.yield(ok, e.msg) error("final", 0) end)
print(errs())
print(errs())
print(pcall(errs))
print(pcall(errs))
