local outlib = require "outlib"

local source = { b = 1, a = 2, c = 3 }
local function keys (t)
  local list = {}
  for key in pairs(t) do list[#list + 1] = key end
  return table.concat(list, ",")
end
local view = outlib.sorted_by_key(source)
check("in order", '"a,b,c" 2', keys(view), view.a)
check("in the opposite order", '"c,b,a"', keys(outlib.sorted_by_key(source, function (a, b) return a > b end)))
check("keys of several types", '"1,a"', keys(outlib.sorted_by_key({ a = 1, [1] = 2 })))
local list = { 1, "x" }
outlib.list_sep(list)
check("list_sep", '"1, x"', tostring(list))
outlib.list_sep(list, "/")
check("list_sep with another separator", '"1/x"', tostring(list))
