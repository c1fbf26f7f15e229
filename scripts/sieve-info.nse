local comm = require "comm"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows what a ManageSieve server tells in its greeting (RFC 5804): software, mechanisms, extensions, TLS.
]]

---
-- @usage
-- perilune -p 4190 --script sieve-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 4190/tcp open  sieve
-- | sieve-info:
-- |   IMPLEMENTATION: Dovecot Pigeonhole
-- |   SIEVE: fileinto reject envelope
-- |   SASL: PLAIN
-- |_  STARTTLS: yes

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service({ 4190, 2000 }, "sieve")

action = function (host, port)
  local status, greeting = comm.get_banner(host, port, { timeout = 5000, lines = 3 })
  if not status then
    stdnse.debug1("no greeting: %s", greeting)
    return nil
  end
  local result = stdnse.output_table()
  for line in string.gmatch(greeting, "[^\r\n]+") do
    local name, value = string.match(line, '^"([^"]+)"%s*(.*)$')
    if not name then break end
    result[string.upper(name)] = string.match(value, '^"(.*)"$') or "yes"
  end
  if not result.IMPLEMENTATION and not result.SIEVE then return nil end
  return result
end
