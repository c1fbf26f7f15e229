local function f(a, b, ...)
  local c = 3
  local info = debug.getinfo(1, "nSlutf")
  print(info.name, info.namewhat, info.short_src, info.source, info.what, info.currentline, info.linedefined, info.lastlinedefined, info.nups, info.nparams, info.isvararg, info.istailcall, info.func == f)
  for i = 1, 8 do local name, value = debug.getlocal(1, i) print(i, name, type(value)) end
  print(debug.getlocal(1, -1)) print(debug.getlocal(1, -2)) print(debug.getlocal(1, -3))
  print(debug.setlocal(1, 3, "changed"), c)
  return debug.traceback("msg"), c
end
print(f(1, 2, "va", "vb"))
print(debug.getinfo(print).what, debug.getinfo(print).short_src, debug.getinfo(1, "l").currentline, debug.getinfo(100))
local co = coroutine.create(function(x) local y = x coroutine.yield(y) error("oops") end)
print(coroutine.resume(co, 5))
print(debug.traceback(co)) print(debug.traceback(co, "m", 1)) print(debug.traceback(co, nil, 5))
print(debug.getinfo(co, 0, "S").what, debug.getinfo(co, 1, "l").currentline)
print(debug.getlocal(co, 1, 1)) print(debug.getlocal(co, 1, 2)) print(debug.setlocal(co, 1, 2, 99), debug.getlocal(co, 1, 2))
print(coroutine.resume(co)) print(debug.traceback(co))
local up1, up2 = 1, 2
local function g() return up1, up2 end
local function h() return up2, up1 end
print(debug.getupvalue(g, 1)) print(debug.getupvalue(g, 2)) print(debug.getupvalue(g, 3)) print(debug.setupvalue(g, 1, 10), up1)
print(debug.upvalueid(g, 1) == debug.upvalueid(h, 2), debug.upvalueid(g, 1) == debug.upvalueid(g, 2), debug.upvalueid(g, 5))
debug.upvaluejoin(g, 1, h, 1) print(g())
print(pcall(debug.upvaluejoin, g, 1, print, 1)) print(pcall(debug.upvaluejoin, g, 9, h, 1)) print(pcall(debug.getinfo, 1, "X")) print(pcall(debug.getinfo, 1, ">S")) print(pcall(debug.getlocal, 100, 1)) print(pcall(debug.getinfo, "x"))
for k in pairs(debug.getinfo(f, "L").activelines) do io = k end
local lines = {} for k in pairs(debug.getinfo(f, "L").activelines) do lines[#lines + 1] = k end table.sort(lines) print(table.concat(lines, " "))
print(debug.getlocal(f, 1), debug.getlocal(f, 2), debug.getlocal(f, 3)) print(debug.getlocal(print, 1))
debug.setmetatable(5, { __index = function(n, k) return k .. n end }) print((5).foo) debug.setmetatable(5, nil) print(debug.getmetatable("").__index == string)
local t = setmetatable({}, { __index = function(t, k) return debug.getinfo(1, "n").name .. ":" .. debug.getinfo(1, "n").namewhat end, __add = function() return debug.getinfo(1, "n").name end, __close = function() print(debug.getinfo(1, "n").name) end })
print(t.x, t + 1) do local z <close> = t end
for k in function() print(debug.getinfo(1, "n").name, debug.getinfo(1, "n").namewhat) end do end
local function tail() return debug.getinfo(1, "t").istailcall, (debug.traceback()) end print((function() return tail() end)())
print(pcall(error)) print(select("#", debug.getupvalue(string.gmatch("x", "x"), 1))) print(debug.traceback({}) ~= nil, debug.traceback(5), debug.traceback(nil), debug.traceback("x", 0))
print(debug.getregistry() ~= nil, debug.setcstacklimit(100), debug.getuservalue(5))
local mt = setmetatable({}, {__gc = true})
print(debug.getinfo(1, "S").what, debug.getinfo(2, "S") and debug.getinfo(2, "S").what, debug.getinfo(3))
