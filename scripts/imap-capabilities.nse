local imap = require "imap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Shows the capabilities of an IMAP server.
]]

---
-- @usage
-- perilune -p 143,993 --script imap-capabilities TARGET
--
-- @output
-- PORT    STATE SERVICE
-- 143/tcp open  imap
-- |_imap-capabilities: AUTH=PLAIN ENABLE ID IDLE IMAP4rev1 LITERAL+ STARTTLS

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe" }

portrule = shortport.port_or_service({ 143, 993 }, { "imap", "imaps" })

action = function (host, port)
  local helper = imap.Helper:new(host, port)
  local status, err = helper:connect()
  if not status then
    stdnse.debug1("could not connect: %s", err)
    return nil
  end
  local capabilities
  status, capabilities = helper:capabilities()
  helper:close()
  if not status then
    stdnse.debug1("no capabilities: %s", capabilities)
    return nil
  end
  local names = {}
  for name in pairs(capabilities) do names[#names + 1] = name end
  if #names == 0 then return nil end
  table.sort(names)
  return table.concat(names, " ")
end
