---
-- Helpers for structured output: how a table shows, while its values stay what they are.
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local table = require "table"
_ENV = stdnse.module("outlib", stdnse.seeall)

-- Keys of different types have no order of their own.
local function by_key (a, b)
  if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
  return tostring(a) < tostring(b)
end

--- Makes a view of a table in which <code>pairs</code> visits the keys in order.
-- @param t The table.
-- @param sortfunc A function as for <code>table.sort</code>. Default: ascending.
-- @return A table to put into the output.
function sorted_by_key (t, sortfunc)
  return setmetatable({}, {
    __index = t,
    __newindex = t,
    __len = function () return #t end,
    __pairs = function ()
      local keys = {}
      for key in pairs(t) do keys[#keys + 1] = key end
      table.sort(keys, sortfunc or by_key)
      local at = 0
      return function ()
        at = at + 1
        local key = keys[at]
        if key ~= nil then return key, t[key] end
      end
    end,
  })
end

--- Makes a list show in one line; in XML it stays a list.
-- @param t The list, whose metatable is set.
-- @param sep What stands between two items. Default: a comma and a space.
function list_sep (t, sep)
  local meta = getmetatable(t) or {}
  meta.__tostring = function (list)
    local texts = {}
    for i, item in ipairs(list) do texts[i] = tostring(item) end
    return table.concat(texts, sep or ", ")
  end
  setmetatable(t, meta)
end

return _ENV
