---
-- Functions on lists in the manner of Lisp. A list is an array; none of the functions changes its arguments.
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local table = require "table"
_ENV = stdnse.module("listop", stdnse.seeall)

--- Tells whether a value is a list.
-- @param l The value.
-- @return True or false.
function is_list (l) return type(l) == "table" end

--- Tells whether a list has no items.
-- @param l The list.
-- @return True or false.
function is_empty (l) return #l == 0 end

--- Calls a function with the items of a list as arguments.
-- @param f The function.
-- @param l The list.
-- @return What the function returns.
function apply (f, l) return f(table.unpack(l)) end

--- Calls a function with each item.
-- @param f The function.
-- @param l The list.
-- @return The list of results.
function map (f, l)
  local results = {}
  for i, item in ipairs(l) do results[i] = f(item) end
  return results
end

--- Keeps the items for which a function says so.
-- @param f The function.
-- @param l The list.
-- @return A new list.
function filter (f, l)
  local kept = {}
  for _, item in ipairs(l) do
    if f(item) then kept[#kept + 1] = item end
  end
  return kept
end

--- The first item.
-- @param l The list.
-- @return The item, or nil.
function car (l) return l[1] end

--- All items but the first.
-- @param l The list.
-- @return A new list.
function cdr (l) return table.move(l, 2, #l, 1, {}) end

--- An item by its place.
-- @param l The list.
-- @param x The place, from 1.
-- @return The item, or nil.
function ncar (l, x) return l[x] end

--- All items from a place on; place 1 is the whole list.
-- @param l The list.
-- @param x The place.
-- @return A new list.
function ncdr (l, x) return table.move(l, x, #l, 1, {}) end

--- Makes a list of two values.
-- @param v1 The first one.
-- @param v2 The second one.
-- @return A new list.
function cons (v1, v2) return { v1, v2 } end

--- Puts one list behind another.
-- @param l1 The first list.
-- @param l2 The second one.
-- @return A new list.
function append (l1, l2) return table.move(l2, 1, #l2, #l1 + 1, table.move(l1, 1, #l1, 1, {})) end

--- The items in the opposite order.
-- @param l The list.
-- @return A new list.
function reverse (l)
  local back, len = {}, #l
  for i = 1, len do back[i] = l[len + 1 - i] end
  return back
end

--- Puts the items of lists within a list in their place, however deep they lie.
-- @param l The list.
-- @return A new list without lists in it.
function flatten (l)
  local flat, open = {}, { { list = l, at = 1 } }
  while #open > 0 do
    local level = open[#open]
    local item = level.list[level.at]
    level.at = level.at + 1
    if item == nil then
      open[#open] = nil
    elseif type(item) == "table" then
      open[#open + 1] = { list = item, at = 1 }
    else
      flat[#flat + 1] = item
    end
  end
  return flat
end

return _ENV
