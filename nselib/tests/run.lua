-- Runs all tests of the libraries on a plain Lua interpreter, from the repository's root.

package.path = "./nselib/tests/?.lua;" .. package.path
local stub = require "stub"

for _, name in ipairs({ "strict", "stdnse", "tables_strings", "url", "datetime", "shortport", "http" }) do
  dofile("nselib/tests/test_" .. name .. ".lua")
end
os.exit(stub.finish())
