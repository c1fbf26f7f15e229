nmap.registry.args = {}
local unittest = require "unittest"

check("testing", "false", unittest.testing())
nmap.registry.args = { "unittest.run" }
check("testing on demand", "true", unittest.testing())

local function both (good, bad) return (good()), (bad()) end
for name, cases in pairs({
  equal = { { 1, 1 }, { 1, 2 } }, not_equal = { { 1, 2 }, { 1, 1 } }, is_nil = { { nil }, { 1 } },
  not_nil = { { 1 }, { nil } }, is_true = { { true }, { 1 } }, is_false = { { false }, { nil } },
  lt = { { 1, 2 }, { 2, 2 } }, lte = { { 2, 2 }, { 3, 2 } }, length_is = { { "ab", 2 }, { {}, 1 } },
  type_is = { { "number", 1 }, { "number", "1" } },
  identical = { { { a = { 1 } }, { a = { 1 } } }, { { a = { 1 } }, { a = { 2 } } } },
  table_equal = { { { 1 }, { 1 } }, { { 1 }, { 1, 2 } } }, keys_equal = { { { a = 1 }, { a = 2 } }, { { 1 }, { 1, 2 } } },
}) do
  check(name, "true false", both(unittest[name](table.unpack(cases[1], 1, 2)), unittest[name](table.unpack(cases[2], 1, 2))))
end
check("expected_failure", "true false", both(unittest.expected_failure(unittest.is_nil(1)),
  unittest.expected_failure(unittest.is_nil(nil))))

local suite = unittest.TestSuite:new()
suite:add_test(unittest.equal(1, 1), "same")
check("passed", "true 0", (suite()), #select(2, suite()))
suite:add_test(unittest.equal(1, 2), "other")
suite:add_test(function () error("oops", 0) end, "throws")
check("failed", 'false {1="other: 1 is not 2",2="throws: oops"}', suite())
package.loaded["with.tests"] = { test_suite = suite }
check("run_tests", '{1="other: 1 is not 2",2="throws: oops"} nil', unittest.run_tests({ "with.tests" })["with.tests"],
  unittest.run_tests({ "string" }).string)
