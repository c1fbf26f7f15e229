local nmap = require "nmap"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Lists the ports of a host by state, as ranges.
]]

---
-- @usage
-- perilune --script port-states TARGET
--
-- @output
-- Host script results:
-- | port-states:
-- |   tcp:
-- |     open: 22,80
-- |_    closed: 1-21,23-79
--
-- @xmloutput
-- <table key="tcp">
--   <elem key="open">22,80</elem>
--   <elem key="closed">1-21,23-79</elem>
-- </table>

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "safe" }

local PROTOCOLS = { "tcp", "udp", "sctp" }
local STATES = { "open", "open|filtered", "filtered", "unfiltered", "closed", "closed|filtered" }

hostrule = function (host) return true end

-- The numbers of a state, ascending.
local function ports_of (host, protocol, state)
  local numbers = {}
  local port = nmap.get_ports(host, nil, protocol, state)
  while port do
    numbers[#numbers + 1] = port.number
    port = nmap.get_ports(host, port, protocol, state)
  end
  table.sort(numbers)
  return numbers
end

local function ranges (numbers)
  local parts, from = {}, nil
  for i, number in ipairs(numbers) do
    from = from or number
    if numbers[i + 1] ~= number + 1 then
      parts[#parts + 1] = from == number and tostring(number) or from .. "-" .. number
      from = nil
    end
  end
  return #parts > 0 and table.concat(parts, ",") or nil
end

action = function (host)
  local out = stdnse.output_table()
  for _, protocol in ipairs(PROTOCOLS) do
    local states = stdnse.output_table()
    for _, state in ipairs(STATES) do states[state] = ranges(ports_of(host, protocol, state)) end
    if #states > 0 then out[protocol] = states end
  end
  return #out > 0 and out or nil
end
