-- A small scheduler of coroutines with a virtual clock, as scripts have it.
local clock, ready, sleeping = 0, {}, {}

local function spawn(name, body, ...)
  local co = coroutine.create(body)
  ready[#ready + 1] = { name = name, co = co, args = table.pack(...) }
end

local function sleep(duration) return coroutine.yield("sleep", duration) end
local function wait(event) return coroutine.yield("wait", event) end

local waiting = {}
local function signal(event, ...)
  for _, task in ipairs(waiting[event] or {}) do
    task.args = table.pack(...)
    ready[#ready + 1] = task
  end
  waiting[event] = nil
end

local function step(task)
  local result = table.pack(coroutine.resume(task.co, table.unpack(task.args, 1, task.args.n)))
  if not result[1] then
    print(clock, task.name, "failed: " .. (type(result[2]) == "table" and "code " .. result[2].code or tostring(result[2])))
  elseif coroutine.status(task.co) == "dead" then
    print(clock, task.name, "done", table.unpack(result, 2, result.n))
  elseif result[2] == "sleep" then
    task.wake, task.args = clock + result[3], table.pack(clock)
    sleeping[#sleeping + 1] = task
  elseif result[2] == "wait" then
    local list = waiting[result[3]] or {}
    waiting[result[3]] = list
    list[#list + 1] = task
  end
end

local function run()
  while #ready > 0 or #sleeping > 0 do
    local batch = ready
    ready = {}
    for _, task in ipairs(batch) do step(task) end
    if #ready == 0 and #sleeping > 0 then
      table.sort(sleeping, function(a, b)
        if a.wake ~= b.wake then return a.wake < b.wake end
        return a.name < b.name
      end)
      local first = table.remove(sleeping, 1)
      clock = first.wake
      ready[1] = first
    end
  end
end

for i = 1, 3 do
  spawn("worker" .. i, function(count)
    for n = 1, count do
      sleep(i * 2)
      print(clock, "worker" .. i, n)
    end
    signal("finished", i)
    return i, nil, count
  end, 4 - i)
end
spawn("watcher", function()
  for _ = 1, 2 do print("saw", wait("finished")) end
  error({ code = 7 })
end)
spawn("thrower", function() sleep(1) local t = nil return t.field end)
spawn("closer", function()
  local guard <close> = setmetatable({}, { __close = function(_, e) print("closed", e) end })
  sleep(3)
  error("with guard", 0)
end)
local ok, message = pcall(run)
print(ok, type(message))
