local pop3 = require "pop3"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Shows the capabilities of a POP3 server (RFC 2449).
]]

---
-- @usage
-- perilune -p 110,995 --script pop3-capabilities TARGET
--
-- @output
-- PORT    STATE SERVICE
-- 110/tcp open  pop3
-- |_pop3-capabilities: CAPA PIPELINING RESP-CODES SASL(PLAIN LOGIN) STLS TOP UIDL USER

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 110, 995 }, { "pop3", "pop3s" })

action = function (host, port)
  local capabilities, err = pop3.capabilities(host, port)
  if not capabilities then
    stdnse.debug1("no capabilities: %s", err)
    return nil
  end
  local list = {}
  for name, parameters in pairs(capabilities) do
    if name ~= "capa" then
      list[#list + 1] = #parameters > 0 and ("%s(%s)"):format(name, table.concat(parameters, " ")) or name
    end
  end
  if #list == 0 then return nil end
  table.sort(list)
  return table.concat(list, " ")
end
