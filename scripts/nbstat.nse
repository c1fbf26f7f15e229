local datafiles = require "datafiles"
local netbios = require "netbios"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Asks a host for its NetBIOS names and its hardware address (node status, RFC 1002, 4.2.18).

One of the names is the host's, and if the messenger service runs, one is that of the user who is logged on. With more
verbosity all names are shown with their suffixes, and the statistics.
]]

---
-- @usage
-- perilune -sU -p 137 --script nbstat TARGET
--
-- @output
-- Host script results:
-- |_nbstat: NetBIOS name: FILESRV, NetBIOS user: <unknown>, NetBIOS MAC: 02:00:5e:00:53:01 (unknown)
--
-- @output
-- Host script results:
-- | nbstat: NetBIOS name: FILESRV, NetBIOS user: <unknown>, NetBIOS MAC: 02:00:5e:00:53:01 (unknown)
-- | Names:
-- |   FILESRV<00>          Flags: <unique><active>
-- |   FILESRV<20>          Flags: <unique><active>
-- |_  LAB<00>              Flags: <group><active>
--
-- @xmloutput
-- <elem key="server_name">FILESRV</elem>
-- <elem key="user">&lt;unknown&gt;</elem>
-- <elem key="mac">02:00:5e:00:53:01 (unknown)</elem>
-- <table key="names">
--   <table>
--     <elem key="name">FILESRV</elem>
--     <elem key="suffix">0</elem>
--     <elem key="flags">1024</elem>
--   </table>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

-- A host that shares files is likely to have names; a closed port of the name service says that it has none.
local function is_open (host, number, protocol)
  local port = nmap.get_port_state(host, { number = number, protocol = protocol })
  return port ~= nil and (port.state == "open" or port.state == "open|filtered")
end

hostrule = function (host)
  if is_open(host, 137, "udp") then return true end
  return (is_open(host, 139, "tcp") or is_open(host, 445, "tcp"))
    and nmap.get_port_state(host, { number = 137, protocol = "udp" }) == nil
end

local function maker_of (mac)
  local found, makers = datafiles.parse_mac_prefixes()
  local prefix = string.upper(stdnse.tohex(string.sub(mac, 1, 3)))
  return found and makers[prefix] or "unknown"
end

-- Names may hold octets that no terminal shows.
local function printable (name)
  return (string.gsub(name, "[^\x20-\x7e]", function (c) return ("\\x%02x"):format(string.byte(c)) end))
end

action = function (host)
  local status, names, statistics = netbios.do_nbstat(host)
  if not status then
    stdnse.debug1("%s", tostring(names))
    return nil
  end
  nmap.set_port_state(host, { number = 137, protocol = "udp" }, "open")
  local result = stdnse.output_table()
  local found, server = netbios.get_server_name(host, names)
  result.server_name = found and printable(server) or "<unknown>"
  local _, user = netbios.get_user_name(host, names)
  result.user = user and printable(user) or "<unknown>"
  local mac = string.sub(statistics or "", 1, 6)
  -- Servers that do not know theirs, such as Samba, say zeros.
  local known = #mac == 6 and mac ~= ("\0"):rep(6)
  result.mac = known and ("%s (%s)"):format(stdnse.format_mac(mac), maker_of(mac)) or "<unknown> (unknown)"
  result.names = {}
  for i, entry in ipairs(names) do
    local one = stdnse.output_table()
    one.name, one.suffix, one.flags = printable(entry.name), entry.suffix, entry.flags
    result.names[i] = one
  end

  local lines = { ("NetBIOS name: %s, NetBIOS user: %s, NetBIOS MAC: %s"):format(result.server_name, result.user,
    result.mac) }
  if nmap.verbosity() >= 1 then
    lines[#lines + 1] = "Names:"
    for _, entry in ipairs(result.names) do
      local name = ("%s<%02x>"):format(entry.name, entry.suffix)
      -- Names with octets in hexadecimal are wider than the column.
      lines[#lines + 1] = ("  %-20s Flags: %s"):format(#name < 20 and name or name .. " ",
        netbios.flags_to_string(entry.flags))
    end
  end
  if nmap.verbosity() >= 2 then
    lines[#lines + 1] = "Statistics:"
    for at = 1, #statistics, 17 do
      lines[#lines + 1] = "  " .. stdnse.tohex(string.sub(statistics, at, at + 16), { separator = ":" })
    end
  end
  return result, table.concat(lines, "\n")
end
