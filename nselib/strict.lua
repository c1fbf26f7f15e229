---
-- Checks the use of global variables that were never declared.
--
-- The library returns one function. Called with a table, an environment, it arms that table and returns it: a name becomes
-- declared when a main chunk (or native code) assigns it; reading or assigning any other name from Lua code is an
-- error, so that a misspelt or leaked global is found where it happens. A metatable the environment already has
-- keeps working: its <code>__index</code> is asked first.
--
-- <code>rawget</code> and <code>rawset</code> see through the check.
--
-- @usage local _ENV = require "strict" {}
--
-- @copyright MIT OR Apache-2.0

local debug = require "debug"
local error = error
local getmetatable = getmetatable
local rawset = rawset
local setmetatable = setmetatable
local type = type

-- What kind of code touched the armed table: "main", "Lua" or "C". Level 3 is whoever ran the metamethod.
local function caller_kind ()
  local info = debug.getinfo(3, "S")
  return info and info.what or "C"
end

local function arm (env)
  local meta = getmetatable(env)
  if not meta then
    meta = {}
    setmetatable(env, meta)
  end
  local old_index, old_newindex = meta.__index, meta.__newindex
  local declared = {}

  meta.__index = function (t, name)
    if old_index ~= nil then
      local value
      if type(old_index) == "function" then
        value = old_index(t, name)
      else
        value = old_index[name]
      end
      if value ~= nil then return value end
    end
    if not declared[name] and caller_kind() ~= "C" then
      error(("variable '%s' is not declared"):format(name), 2)
    end
    return nil
  end

  meta.__newindex = function (t, name, value)
    if type(old_newindex) == "function" then old_newindex(t, name, value) end
    if not declared[name] then
      if caller_kind() == "Lua" then
        error(("assign to undeclared variable '%s'"):format(name), 2)
      end
      declared[name] = true
    end
    rawset(t, name, value)
  end

  return env
end

return arm
