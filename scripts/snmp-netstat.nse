local nmap = require "nmap"
local shortport = require "shortport"
local snmp = require "snmp"
local stdnse = require "stdnse"
local string = require "string"
local target = require "target"

description = [[
Lists a host's connections and listening ports, as its SNMP agent knows them (TCP-MIB, RFC 1213; UDP-MIB).

With argument <code>newtargets</code> the other ends are scanned, too.
]]

---
-- @args creds.snmp The community. Default: <code>public</code>.
--
-- @usage
-- perilune -sU -p 161 --script snmp-netstat TARGET
--
-- @output
-- | snmp-netstat:
-- |   TCP  0.0.0.0:22           0.0.0.0:0
-- |   TCP  192.0.2.10:22        192.0.2.77:53311
-- |_  UDP  0.0.0.0:161          *:*

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "snmp-brute" }

portrule = shortport.port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

-- The state of each TCP connection and the address of each UDP listener: what is wanted stands in their names.
local TCP_STATE, UDP_ADDRESS = "1.3.6.1.2.1.6.13.1.1", "1.3.6.1.2.1.7.5.1.1"

local ADDRESS = "(%d+%.%d+%.%d+%.%d+)%.(%d+)"

local function tcp_lines (rows, lines)
  for _, row in ipairs(rows) do
    local from, from_port, to, to_port = string.match(row.oid, ADDRESS .. "%." .. ADDRESS .. "$", #TCP_STATE + 2)
    if from then
      if to_port == "0" then to = "0.0.0.0" end
      lines[#lines + 1] = ("TCP  %-20s %s:%s"):format(from .. ":" .. from_port, to, to_port)
      if target.ALLOW_NEW_TARGETS and to ~= "0.0.0.0" and not string.find(to, "^127%.") then target.add(to) end
    end
  end
end

local function udp_lines (rows, lines)
  for _, row in ipairs(rows) do
    local address, port = string.match(row.oid, ADDRESS .. "$", #UDP_ADDRESS + 2)
    if address then lines[#lines + 1] = ("UDP  %-20s *:*"):format(address .. ":" .. port) end
  end
end

action = function (host, port)
  local helper = snmp.Helper:new(host, port)
  if not helper:connect() then return nil end
  local lines = {}
  local status, rows = helper:walk(TCP_STATE)
  if status then tcp_lines(rows, lines) end
  local status2, rows2 = helper:walk(UDP_ADDRESS)
  if status2 then udp_lines(rows2, lines) end
  if not status and not status2 then return nil end
  nmap.set_port_state(host, port, "open")
  return stdnse.format_output(true, lines)
end
