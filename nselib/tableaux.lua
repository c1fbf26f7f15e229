---
-- Helpers for tables: copies, inversion, keys and search.
--
-- @copyright MIT OR Apache-2.0

local ipairs = ipairs
local pairs = pairs
local type = type
local _ENV = {}

--- Copies a table and every table inside it.
--
-- A table that occurs more than once, or inside itself, is copied once and keeps that shape. Metatables are not
-- copied; keys are taken as they are.
-- @param t The table.
-- @return The copy.
function tcopy (t)
  local copies = {}
  local function copy (from)
    local to = {}
    copies[from] = to
    for key, value in pairs(from) do
      if type(value) == "table" then
        to[key] = copies[value] or copy(value)
      else
        to[key] = value
      end
    end
    return to
  end
  return copy(t)
end

--- Copies the first level of a table.
-- @param t The table.
-- @return A new table with the same keys and values.
function shallow_tcopy (t)
  local to = {}
  for key, value in pairs(t) do to[key] = value end
  return to
end

--- Swaps keys and values.
--
-- When two keys share a value, it is unspecified which of them wins.
-- @param t The table.
-- @return A new table that maps each value of <code>t</code> to its key.
function invert (t)
  local to = {}
  for key, value in pairs(t) do to[value] = key end
  return to
end

--- Lists the keys of a table, in the order of <code>pairs</code>.
-- @param t The table.
-- @return An array of keys.
function keys (t)
  local list = {}
  for key in pairs(t) do list[#list + 1] = key end
  return list
end

--- Looks for a value in a table.
-- @param t The table.
-- @param item The value.
-- @param array True to look at the array part only.
-- @return True or false.
-- @return The key the value was found at, or nil.
function contains (t, item, array)
  local iterate = array and ipairs or pairs
  for key, value in iterate(t) do
    if value == item then return true, key end
  end
  return false, nil
end

return _ENV
