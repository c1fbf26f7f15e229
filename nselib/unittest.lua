---
-- Tests inside libraries, made and run on demand.
--
-- @usage
-- if not unittest.testing() then return _ENV end
-- test_suite = unittest.TestSuite:new()
-- test_suite:add_test(unittest.equal(1 + 1, 2), "a sum")
-- return _ENV
--
-- @args unittest.run Given as a word, libraries make their tests.
-- @args unittest.tests Names of the libraries whose tests are run.
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("unittest", stdnse.seeall)

--- Tells whether tests are wanted.
-- @return True or false.
function testing () return stdnse.get_script_args("unittest.run") ~= nil end

-- Comparing ---------------------------------------------------------------------------------------------------------

-- Both hold the same, also in the tables inside them; the first difference otherwise.
local function difference (a, b, where, open)
  if a == b or open[a] then return nil end
  if type(a) ~= "table" or type(b) ~= "table" then
    return string.format("%s: %s is not %s", where, tostring(a), tostring(b))
  end
  open[a] = true
  for key, value in pairs(a) do
    local found = difference(value, b[key], where .. "." .. tostring(key), open)
    if found then return found end
  end
  for key in pairs(b) do
    if a[key] == nil then return string.format("%s: no %s", where, tostring(key)) end
  end
  open[a] = nil
  return nil
end

-- Suites ------------------------------------------------------------------------------------------------------------

--- A list of tests.
-- @class table
-- @name TestSuite
TestSuite = {}
TestSuite.__index = TestSuite

--- Makes a suite.
-- @name TestSuite.new
-- @return The suite.
function TestSuite:new () return setmetatable({ tests = {} }, self) end

--- Runs before the tests; a suite may replace it.
-- @name TestSuite.setup
-- @return True to go on.
function TestSuite:setup () return true end

--- Runs after the tests; a suite may replace it.
-- @name TestSuite.teardown
-- @return True.
function TestSuite:teardown () return true end

--- Adds a test.
-- @name TestSuite.add_test
-- @param test A function that gets the suite and returns true, or false and a message.
-- @param description What it tests.
function TestSuite:add_test (test, description)
  self.tests[#self.tests + 1] = { test = test, description = description }
end

--- Runs the tests.
-- @return True if all passed, else false.
-- @return An array of messages.
function TestSuite:__call ()
  local failures = {}
  local ok, message = self:setup()
  if not ok then return false, { "setup: " .. tostring(message) } end
  for _, one in ipairs(self.tests) do
    local status, passed, note = pcall(one.test, self)
    if not status or not passed then
      failures[#failures + 1] = string.format("%s: %s", tostring(one.description), tostring(status and note or passed))
    end
  end
  self:teardown()
  return #failures == 0, failures
end

--- Makes a function that makes tests.
-- @param test A function of some arguments that returns true, or false and arguments for the format.
-- @param fmt Format of the message.
-- @return A function of the same arguments that returns a test.
function make_test (test, fmt)
  return function (...)
    local arguments = table.pack(...)
    return function (suite)
      local passed, note = test(table.unpack(arguments, 1, arguments.n))
      if passed then return true end
      if note then return false, note end
      for i = 1, arguments.n do arguments[i] = tostring(arguments[i]) end
      return false, string.format(fmt, table.unpack(arguments, 1, arguments.n))
    end
  end
end

--- A test for nil.
-- @name is_nil
-- @class function
-- @param value The value.
-- @return A test.
is_nil = make_test(function (value) return value == nil end, "%s is not nil")
--- A test for anything but nil.
-- @name not_nil
-- @class function
-- @param value The value.
-- @return A test.
not_nil = make_test(function (value) return value ~= nil end, "%s is nil")
--- A test for true.
-- @name is_true
-- @class function
-- @param value The value.
-- @return A test.
is_true = make_test(function (value) return value == true end, "%s is not true")
--- A test for false.
-- @name is_false
-- @class function
-- @param value The value.
-- @return A test.
is_false = make_test(function (value) return value == false end, "%s is not false")
--- A test for equality.
-- @name equal
-- @class function
-- @param a One value.
-- @param b The other.
-- @return A test.
equal = make_test(function (a, b) return a == b end, "%s is not %s")
--- A test for inequality.
-- @name not_equal
-- @class function
-- @param a One value.
-- @param b The other.
-- @return A test.
not_equal = make_test(function (a, b) return a ~= b end, "%s is %s")
--- A test for "less than".
-- @name lt
-- @class function
-- @param a One value.
-- @param b The other.
-- @return A test.
lt = make_test(function (a, b) return a < b end, "%s is not less than %s")
--- A test for "at most".
-- @name lte
-- @class function
-- @param a One value.
-- @param b The other.
-- @return A test.
lte = make_test(function (a, b) return a <= b end, "%s is more than %s")
--- A test for a length.
-- @name length_is
-- @class function
-- @param t The value.
-- @param l The length.
-- @return A test.
length_is = make_test(function (t, l) return #t == l end, "the length of %s is not %s")
--- A test for a type.
-- @name type_is
-- @class function
-- @param typ The type.
-- @param value The value.
-- @return A test.
type_is = make_test(function (typ, value) return type(value) == typ end, "expected type %s of %s")

--- A test for two tables with the same keys and values, also in the tables inside.
-- @name identical
-- @class function
-- @param a One table.
-- @param b The other.
-- @return A test.
identical = make_test(function (a, b)
  local found = difference(a, b, "value", {})
  return not found, found
end, "%s and %s differ")

--- A test for two tables with the same keys and values.
-- @name table_equal
-- @class function
-- @param a One table.
-- @param b The other.
-- @return A test.
table_equal = identical

--- A test for two tables with the same keys.
-- @name keys_equal
-- @class function
-- @param a One table.
-- @param b The other.
-- @return A test.
keys_equal = make_test(function (a, b)
  for key in pairs(a) do
    if b[key] == nil then return false, "no " .. tostring(key) .. " in the second table" end
  end
  for key in pairs(b) do
    if a[key] == nil then return false, "no " .. tostring(key) .. " in the first table" end
  end
  return true
end, "%s and %s differ")

--- Turns a test around.
-- @param test A test that is known to fail.
-- @return A test that passes as long as it does.
function expected_failure (test)
  return function (suite)
    if test(suite) then return false, "passed unexpectedly" end
    return true
  end
end

--- Runs the tests of libraries.
-- @param to_test Names of the libraries, or one name.
-- @return A table from name to what failed: nothing of those whose tests all passed.
function run_tests (to_test)
  local results = stdnse.output_table()
  if type(to_test) ~= "table" then to_test = { to_test } end
  for _, name in ipairs(to_test) do
    local ok, library = pcall(require, name)
    if not ok then
      results[name] = "cannot be loaded: " .. tostring(library)
    else
      local suite = type(library) == "table" and rawget(library, "test_suite")
      if suite then
        local passed, failures = suite()
        if not passed then results[name] = failures end
      else
        stdnse.debug1("library %s has no tests", name)
      end
    end
  end
  return results
end

return _ENV
