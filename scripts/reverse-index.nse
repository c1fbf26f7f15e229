local ipOps = require "ipOps"
local nmap = require "nmap"
local outlib = require "outlib"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Lists, for each open port of the scan, the hosts that have it open.
]]

---
-- @args reverse-index.mode <code>horizontal</code> for one line a port (default), <code>vertical</code> for one a host
--                         and port.
-- @args reverse-index.names Given as a word, names of services are shown in place of numbers of ports.
--
-- @usage
-- perilune --script reverse-index TARGETS
--
-- @output
-- Post-scan script results:
-- | reverse-index:
-- |   22/tcp: 192.0.2.1, 192.0.2.7
-- |_  80/tcp: 192.0.2.1
--
-- @xmloutput
-- <table key="22/tcp">
--   <elem>192.0.2.1</elem>
--   <elem>192.0.2.7</elem>
-- </table>

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "safe" }

local KEY = "reverse-index"

hostrule = function (host) return true end
postrule = function () return nmap.registry[KEY] ~= nil end

local function collect (host)
  local names = stdnse.get_script_args(SCRIPT_NAME .. ".names") ~= nil
  local index = nmap.registry[KEY] or {}
  for _, protocol in ipairs({ "tcp", "udp", "sctp" }) do
    local port = nmap.get_ports(host, nil, protocol, "open")
    while port do
      local shown = names and port.service and port.service .. "/" .. protocol or port.number .. "/" .. protocol
      local entry = index[shown] or { protocol = protocol, number = port.number, hosts = {} }
      index[shown] = entry
      -- A service may have several ports.
      if entry.hosts[#entry.hosts] ~= host.ip then table.insert(entry.hosts, host.ip) end
      port = nmap.get_ports(host, port, protocol, "open")
    end
  end
  if next(index) ~= nil then nmap.registry[KEY] = index end
end

local function sorted (index)
  local keys = {}
  for key in pairs(index) do keys[#keys + 1] = key end
  table.sort(keys, function (a, b)
    local x, y = index[a], index[b]
    if x.protocol ~= y.protocol then return x.protocol < y.protocol end
    if x.number ~= y.number then return x.number < y.number end
    return a < b
  end)
  return keys
end

local function report ()
  local is_vertical = stdnse.get_script_args(SCRIPT_NAME .. ".mode") == "vertical"
  local out = stdnse.output_table()
  for _, key in ipairs(sorted(nmap.registry[KEY])) do
    local hosts = nmap.registry[KEY][key].hosts
    ipOps.ip_sort(hosts)
    outlib.list_sep(hosts, is_vertical and "\n    " or ", ")
    out[key] = hosts
  end
  return out
end

local ACTIONS = { hostrule = collect, postrule = report }

action = function (...) return ACTIONS[SCRIPT_TYPE](...) end
