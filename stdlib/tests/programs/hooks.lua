-- Events of hooks, what the hook sees of the functions, and hooks that fail, yield, or set hooks.
local trace

local function collect(event, line)
  local info = debug.getinfo(2, "nSltr")
  local passed = {}
  for idx = info.ftransfer, info.ftransfer + info.ntransfer - 1 do
    local _, value = debug.getlocal(2, idx)
    passed[#passed + 1] = type(value) == "number" and value or type(value)
  end
  trace[#trace + 1] = string.format("%s %s: %s %s %s %d %s (%s)", event, line, info.name, info.namewhat, info.what,
    info.currentline, info.istailcall, table.concat(passed, ", "))
end

local function run(mask, f, ...)
  trace = {}
  debug.sethook(collect, mask)
  f(...)
  debug.sethook()
  print("--", mask)
  print(table.concat(trace, "\n"))
end

local object = setmetatable({}, {
  __index = function(_, key) return key end,
  __add = function() return 1 end,
  __call = function() return 3 end,
  __eq = function() return true end,
  __lt = rawequal,
  __close = function() end,
  __concat = select,
})

local function body(...)
  local t = object.x
  t = object + 1
  t = object(2, 3)
  t = object == setmetatable({}, getmetatable(object))
  t = object < object
  do
    local x <close> = object
    t = 5
  end
  t = 1 .. object
  for i, v in ipairs { 1, 2 } do t = i end
  for i, v in pairs { 1, 2 } do t = i end
  for i = 1, 2 do t = i
  end
  while t > 0 do t = t - 1 end
  repeat
    t = t + 1
    if t == 2 then
      goto continue
    end
    ::continue::
  until t > 3
  pcall(error, 'x')
  xpcall(error, function(m) return m end, 'x')
  table.sort({ 3, 2, 1 }, function(a, b) return a < b end)
  string.gsub("abc", ".", function(a) return a end)
  local c = coroutine.wrap(function() coroutine.yield(1) end)
  c() c()
  collectgarbage()
  select('#', ...)
  tostring(setmetatable({}, { __tostring = function() return "x" end }))
  return math.max(1,
    2)
end

run("lcr", body, 1, 2, 3)
run("l", body)
run("c", body)
run("r", body)

local co = coroutine.create(function(a)
  coroutine.yield(a)
  local x = a
  error("end")
end)
trace = {}
debug.sethook(co, collect, "lcr")
print(debug.gethook(co) == collect, select(2, debug.gethook(co)))
print(debug.gethook())
for _ = 1, 3 do print(coroutine.resume(co, 10)) end
print(table.concat(trace, "\n"))

-- Instructions are our own, so only the order of magnitude is the same.
local count = 0
debug.sethook(function() count = count + 1 end, "", 100)
for i = 1, 10000 do end
debug.sethook()
print(count > 50 and count < 1000, debug.gethook())

print(pcall(function()
  debug.sethook(function(event) error("stop " .. event, 0) end, "", 1000)
  while true do end
end))
print(debug.gethook() ~= nil)
debug.sethook()
print(pcall(debug.sethook, 1, 2))
print(pcall(debug.sethook, print))
print(pcall(debug.sethook, print, {}))

debug.sethook(function()
  print(pcall(coroutine.yield))
  debug.sethook()
end, "l")
local x = 1
print(x)
