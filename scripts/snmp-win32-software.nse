local nmap = require "nmap"
local shortport = require "shortport"
local snmp = require "snmp"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Lists the software that is installed on a host and when it was, as its SNMP agent knows it (HOST-RESOURCES-MIB,
RFC 2790). Not only Windows tells: agents of Unix list packages.
]]

---
-- @args creds.snmp The community. Default: <code>public</code>.
--
-- @usage
-- perilune -sU -p 161 --script snmp-win32-software TARGET
--
-- @output
-- | snmp-win32-software:
-- |   7-Zip 23.01; 2025-11-02T09:12:40
-- |_  Notepad++ 8.6; 2025-12-24T10:00:01
--
-- @xmloutput
-- <table>
--   <elem key="name">7-Zip 23.01</elem>
--   <elem key="install_date">2025-11-02T09:12:40</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "snmp-brute" }

portrule = shortport.port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

local INSTALLED_ENTRY = "1.3.6.1.2.1.25.6.3.1"
local NAME, DATE = INSTALLED_ENTRY .. ".2", INSTALLED_ENTRY .. ".5"

-- DateAndTime of SNMPv2-TC: year, month, day, hour, minute, second and more; nil if it is none.
local function date_text (value)
  if type(value) ~= "string" or #value < 7 then return nil end
  return string.format("%04d-%02d-%02dT%02d:%02d:%02d", string.unpack(">I2BBBBB", value))
end

action = function (host, port)
  local helper = snmp.Helper:new(host, port)
  if not helper:connect() then return nil end
  local status, names = helper:walk(NAME)
  if not status then return nil end
  local _, dates = helper:walk(DATE)
  local by_id = {}
  for _, row in ipairs(type(dates) == "table" and dates or {}) do
    by_id[string.sub(row.oid, #DATE + 2)] = date_text(row.value)
  end
  local result, lines = {}, {}
  for _, row in ipairs(names) do
    if type(row.value) == "string" and row.value ~= "" then
      local item = stdnse.output_table()
      item.name = row.value
      item.install_date = by_id[string.sub(row.oid, #NAME + 2)]
      result[#result + 1] = item
    end
  end
  if #result == 0 then return nil end
  table.sort(result, function (a, b) return a.name < b.name end)
  for i, item in ipairs(result) do
    lines[i] = item.install_date and item.name .. "; " .. item.install_date or item.name
  end
  nmap.set_port_state(host, port, "open")
  return result, stdnse.format_output(true, lines)
end
