local datetime = require "datetime"
local math = require "math"
local nmap = require "nmap"
local shortport = require "shortport"
local snmp = require "snmp"
local table = require "table"

description = [[
Shows how an SNMP agent describes its system, and since when it runs.

Both are in the system group of MIB-II (RFC 3418), which agents usually let everybody read.
]]

---
-- @args creds.snmp The community. Default: <code>public</code>.
--
-- @usage
-- perilune -sU -p 161 --script snmp-sysdescr TARGET
--
-- @output
-- PORT    STATE SERVICE
-- 161/udp open  snmp
-- | snmp-sysdescr: Linux gate 6.1.0 #1 SMP x86_64
-- |_  System uptime: 1d06h14m09.21s (10884921 timeticks)

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "snmp-brute" }

portrule = shortport.port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

local SYS_DESCR, SYS_UP_TIME = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.3.0"

action = function (host, port)
  local helper = snmp.Helper:new(host, port)
  if not helper:connect() then return nil end
  local status, response = helper:get({}, SYS_DESCR)
  if not status or not response[1] then return nil end
  nmap.set_port_state(host, port, "open")
  local lines = { tostring(response[1][1]) }

  status, response = helper:get({}, SYS_UP_TIME)
  local ticks = status and response[1] and response[1][1]
  if math.type(ticks) == "integer" then
    lines[2] = ("  System uptime: %s (%d timeticks)"):format(datetime.format_time(ticks, 100), ticks)
  end
  return table.concat(lines, "\n")
end
