local nmap = require "nmap"
local rpc = require "rpc"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Lists the programs that a host's port mapper knows, with their versions, ports and names (RFC 1833).

Ports of the scan that belong to one of them get its name and versions.
]]

---
-- @usage
-- perilune -p 111 --script rpcinfo TARGET
--
-- @output
-- 111/tcp open  rpcbind 2-4 (RPC #100000)
-- | rpcinfo:
-- |   program version    port/proto  service
-- |   100000  2,3,4        111/tcp   rpcbind
-- |   100000  2,3,4        111/udp   rpcbind
-- |   100003  3,4         2049/tcp   nfs
-- |_  100005  1,3        20048/tcp   mountd
--
-- @xmloutput
-- <table key="100003">
--   <table key="tcp">
--     <elem key="port">2049</elem>
--     <table key="version"><elem>3</elem><elem>4</elem></table>
--   </table>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "default", "safe", "version" }

portrule = shortport.version_port_or_service(111, "rpcbind", { "tcp", "udp" })

local function sorted_keys (list)
  local keys = {}
  for key in pairs(list) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- A port that the scan found open and that has no better name gets the program's.
local function set_version (host, number, protocol, program, versions)
  local port = nmap.get_port_state(host, { number = number, protocol = protocol })
  if not port or port.state ~= "open" and port.state ~= "open|filtered" then return end
  local name = rpc.Util.ProgNumberToName(program)
  if not name then return end
  port.version = port.version or {}
  if port.version.service_dtype == "probed" and port.version.product then return end
  port.version.name = name
  local low, high = versions[1], versions[#versions]
  port.version.version = low == high and tostring(low) or ("%d-%d"):format(low, high)
  port.version.extrainfo = ("RPC #%d"):format(program)
  nmap.set_port_version(host, port, "hardmatched")
  if port.state == "open|filtered" then nmap.set_port_state(host, port, "open") end
end

action = function (host, port)
  local status, programs = rpc.Helper.RpcInfo(host, port)
  if not status then
    stdnse.debug1("%s", tostring(programs))
    return nil
  end
  if port.protocol == "udp" then nmap.set_port_state(host, port, "open") end
  local result = stdnse.output_table()
  local lines = { "program version    port/proto  service" }
  for _, number in ipairs(sorted_keys(programs)) do
    local entries = stdnse.output_table()
    for _, protocol in ipairs(sorted_keys(programs[number])) do
      local entry = programs[number][protocol]
      entries[protocol] = { port = entry.port, version = entry.version, addr = entry.addr, owner = entry.owner }
      if entry.port then
        if #protocol == 3 then set_version(host, entry.port, protocol, number, entry.version) end
        local where = ("%5d/%s"):format(entry.port, protocol)
        lines[#lines + 1] = ("%-7d %-10s %-10s  %s"):format(number, table.concat(entry.version, ","), where,
          rpc.Util.ProgNumberToName(number) or "")
      end
    end
    result[tostring(number)] = entries
  end
  return result, stdnse.format_output(true, lines)
end
