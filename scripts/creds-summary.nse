local creds = require "creds"

description = [[
Lists the accounts that scripts found on all hosts of the scan.
]]

---
-- @usage
-- perilune --script auth,brute,creds-summary TARGET
--
-- @output
-- Post-scan script results:
-- | creds-summary:
-- |   192.0.2.1:
-- |     21/ftp:
-- |_      test:test - Valid credentials
--
-- @xmloutput
-- <table key="192.0.2.1">
--   <table key="21/ftp">
--     <table>
--       <elem key="username">test</elem>
--       <elem key="password">test</elem>
--       <elem key="state">Valid credentials</elem>
--     </table>
--   </table>
-- </table>

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "auth", "default", "safe" }

postrule = function () return true end

action = function () return creds.Credentials:new(creds.ALL_DATA):getTable() end
