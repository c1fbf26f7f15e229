local nmap = require "nmap"
local shortport = require "shortport"
local snmp = require "snmp"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Lists the processes of a host, as its SNMP agent knows them (HOST-RESOURCES-MIB, RFC 2790).
]]

---
-- @args creds.snmp The community. Default: <code>public</code>.
--
-- @usage
-- perilune -sU -p 161 --script snmp-processes TARGET
--
-- @output
-- | snmp-processes:
-- |   1:
-- |     Name: init
-- |     Path: /sbin/init
-- |   814:
-- |     Name: sshd
-- |     Path: /usr/sbin/sshd
-- |_    Params: -D
--
-- @xmloutput
-- <table key="1">
--   <elem key="Name">init</elem>
--   <elem key="Path">/sbin/init</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "snmp-brute" }

portrule = shortport.port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

local RUN_ENTRY = "1.3.6.1.2.1.25.4.2.1"
-- Columns, in the order in which they are shown.
local COLUMNS = { { 2, "Name" }, { 4, "Path" }, { 5, "Params" } }

action = function (host, port)
  local helper = snmp.Helper:new(host, port)
  if not helper:connect() then return nil end
  local result = stdnse.output_table()
  for _, column in ipairs(COLUMNS) do
    local base = RUN_ENTRY .. "." .. column[1]
    local status, rows = helper:walk(base)
    if not status then return nil end
    for _, row in ipairs(rows) do
      local id = string.sub(row.oid, #base + 2)
      if type(row.value) == "string" and row.value ~= "" then
        if not result[id] then result[id] = stdnse.output_table() end
        result[id][column[2]] = row.value
      end
    end
  end
  if #result == 0 then return nil end
  nmap.set_port_state(host, port, "open")
  return result
end
