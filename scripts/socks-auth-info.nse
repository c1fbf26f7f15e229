local shortport = require "shortport"
local socks = require "socks"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Shows which ways to authenticate a SOCKS 5 proxy accepts (RFC 1928, 3): each is offered alone.
]]

---
-- @usage
-- perilune -p 1080 --script socks-auth-info TARGET
--
-- @output
-- 1080/tcp open  socks
-- | socks-auth-info:
-- |   No authentication
-- |_  Username and password
--
-- @xmloutput
-- <table>
--   <elem key="name">No authentication</elem>
--   <elem key="method">0</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 1080, 9050 }, { "socks", "socks5", "tor-socks" })

action = function (host, port)
  local result, names = {}, {}
  for method = socks.AuthMethod.NONE, socks.AuthMethod.USERPASS do
    local helper = socks.Helper:new(host, port, { timeout = 5000 })
    local status, response = helper:connect(method)
    helper:close()
    if status and response.method == method then
      local name = helper:authNameByNumber(method)
      local item = stdnse.output_table()
      item.name = name
      item.method = method
      result[#result + 1], names[#names + 1] = item, "  " .. name
    elseif response ~= "The server accepts none of the methods" then
      stdnse.debug1("method %d: %s", method, tostring(response))
    end
  end
  if #result == 0 then return nil end
  return result, "\n" .. table.concat(names, "\n")
end
