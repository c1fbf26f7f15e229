local listop = require "listop"

local list = { 1, 2, 3 }
check("tests", "true false true false", listop.is_list(list), listop.is_list(3), listop.is_empty({}), listop.is_empty(list))
check("apply", "3", listop.apply(math.max, list))
equal(listop.map(tostring, list), { "1", "2", "3" }, "map")
equal(listop.filter(function (n) return n > 1 end, list), { 2, 3 }, "filter")
check("car, ncar", "1 2 nil", listop.car(list), listop.ncar(list, 2), listop.ncar(list, 9))
equal(listop.cdr(list), { 2, 3 }, "cdr")
equal(listop.ncdr(list, 3), { 3 }, "ncdr")
equal(listop.cons(1, { 2 }), { 1, { 2 } }, "cons")
equal(listop.append({ 1 }, { 2, 3 }), { 1, 2, 3 }, "append")
equal(listop.reverse(list), { 3, 2, 1 }, "reverse")
equal(listop.flatten({ 1, { 2, { 3, {} } }, 4 }), { 1, 2, 3, 4 }, "flatten")
local deep = { 1 }
for _ = 1, 100000 do deep = { deep } end
equal(listop.flatten(deep), { 1 }, "flatten a deep list")
