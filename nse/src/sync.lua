-- Mutexes and condition variables.
--
-- They are Lua because all they do is keep lists of threads. The engine parks and wakes threads by number, and calls
-- `ended` with the number of a thread that is over.

local park, wake, thread_id, register = ...
local error, ipairs, next, setmetatable, tostring, type = error, ipairs, next, setmetatable, tostring, type
local format, running, remove = string.format, coroutine.running, table.remove

--- What is to be done when a thread ends: functions by its number. With each goes the mutex or condition variable that
-- it belongs to, which so stays the same one as long as a thread has it locked, waits for it or has asked for it.
local on_end = {}

local function at_end(id, action, owner)
  register()
  on_end[id] = on_end[id] or {}
  on_end[id][action] = owner
end

local function forget(id, action)
  if on_end[id] then on_end[id][action] = nil end
end

--- Functions by object: the same one as long as somebody has it.
local mutexes, condvars = setmetatable({}, { __mode = "kv" }), setmetatable({}, { __mode = "kv" })

local function check_object(object, name)
  local kind = type(object)
  if kind == "nil" or kind == "boolean" or kind == "number" then
    error(("bad argument #1 to 'nmap.%s' (object expected)"):format(name), 3)
  end
end

local function bad_option(op)
  if type(op) ~= "string" then
    error("bad argument #1 to '?' (string expected, got " .. (op == nil and "no value" or type(op)) .. ")", 3)
  end
  error("bad argument #1 to '?' (invalid option '" .. tostring(op) .. "')", 3)
end

--- What messages call the mutex or condition variable of an object.
local function name_of(kind, object)
  if type(object) == "string" then return kind .. " " .. object end
  return format("%s of %s: %p", kind, type(object), object)
end

--- @param name what messages call it
local function new_mutex(name)
  local owner, owner_id, queue = nil, nil, {}
  local release, call

  local function take(co, id)
    owner, owner_id = co, id
    at_end(id, release, call)
  end

  function release()
    forget(owner_id, release)
    local heir = remove(queue, 1)
    owner, owner_id = nil, nil
    if heir then
      take(heir.co, heir.id)
      wake(heir.id)
    end
  end

  function call(op)
    local co, id = running(), thread_id()
    if op == "lock" then
      if not owner then take(co, id) return end
      local waiter = { co = co, id = id }
      queue[#queue + 1] = waiter
      local function leave()
        for at, other in ipairs(queue) do
          if other == waiter then remove(queue, at) return end
        end
      end
      at_end(id, leave, call)
      park(name, owner_id)
      forget(id, leave)
    elseif op == "trylock" then
      if owner then return false end
      take(co, id)
      return true
    elseif op == "done" then
      if owner ~= co then error("do not have a lock on this mutex", 2) end
      release()
    elseif op == "running" then
      return owner
    else
      bad_option(op)
    end
  end
  return call
end

local function new_condvar(name)
  local waiters = {}
  local function broadcast()
    local woken = waiters
    waiters = {}
    for _, id in ipairs(woken) do wake(id) end
  end
  local function call(op)
    if op == "wait" then
      waiters[#waiters + 1] = thread_id()
      park(name)
    elseif op == "signal" then
      -- One that was killed while it waited takes no signal.
      repeat
        local id = remove(waiters)
      until not id or wake(id)
    elseif op == "broadcast" then
      broadcast()
    else
      bad_option(op)
    end
  end
  return call, broadcast
end

local broadcasts = setmetatable({}, { __mode = "k" })

local function mutex(object)
  check_object(object, "mutex")
  local found = mutexes[object] or new_mutex(name_of("mutex", object))
  mutexes[object] = found
  return found
end

local function condvar(object)
  check_object(object, "condvar")
  local found = condvars[object]
  if not found then
    local broadcast
    found, broadcast = new_condvar(name_of("condition variable", object))
    condvars[object], broadcasts[found] = found, broadcast
  end
  at_end(thread_id(), broadcasts[found], found)
  return found
end

local function ended(id)
  local actions = on_end[id]
  on_end[id] = nil
  while actions and next(actions) do
    local action = next(actions)
    actions[action] = nil
    action()
  end
end

return mutex, condvar, ended
