local datafiles = require "datafiles"
local math = require "math"
local nmap = require "nmap"
local shortport = require "shortport"
local snmp = require "snmp"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local target = require "target"

description = [[
Lists the network interfaces of a host, as its SNMP agent knows them (IF-MIB, RFC 2863; IP-MIB, RFC 4293).

With argument <code>newtargets</code> the addresses are scanned, too.
]]

---
-- @args creds.snmp The community. Default: <code>public</code>.
--
-- @usage
-- perilune -sU -p 161 --script snmp-interfaces TARGET
--
-- @output
-- | snmp-interfaces:
-- |   eth0
-- |     IP address: 192.0.2.10  Netmask: 255.255.255.0
-- |     MAC address: 02005e005301 (Unknown)
-- |     Type: ethernetCsmacd  Speed: 1 Gbps
-- |     Status: up
-- |_    Traffic stats: 1.06 Gb sent, 8.01 Gb received

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "snmp-brute" }

portrule = shortport.port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

local IF_ENTRY, IP_ENTRY = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.4.20.1"
-- Columns of the two tables.
local DESCR, TYPE, SPEED, PHYS_ADDRESS, OPER_STATUS, IN_OCTETS, OUT_OCTETS = 2, 3, 5, 6, 8, 10, 16
local IP_IF_INDEX, IP_NETMASK = 2, 3

-- IANAifType-MIB.
local TYPES = {
  [1] = "other", [2] = "regular1822", [5] = "rfc877x25", [6] = "ethernetCsmacd", [7] = "iso88023Csmacd",
  [9] = "iso88025TokenRing", [15] = "fddi", [16] = "lapb", [17] = "sdlc", [18] = "ds1", [20] = "basicISDN",
  [22] = "propPointToPointSerial", [23] = "ppp", [24] = "softwareLoopback", [28] = "slip", [30] = "ds3",
  [32] = "frameRelay", [37] = "atm", [39] = "sonet", [48] = "modem", [49] = "aal5", [53] = "propVirtual",
  [62] = "fastEther", [63] = "isdn", [69] = "fastEtherFX", [71] = "ieee80211", [94] = "adsl", [95] = "radsl",
  [96] = "sdsl", [97] = "vdsl", [117] = "gigabitEthernet", [131] = "tunnel", [135] = "l2vlan", [136] = "l3ipvlan",
  [142] = "ipForward", [150] = "mplsTunnel", [161] = "ieee8023adLag", [166] = "mpls", [209] = "bridge",
  [237] = "ieee80216WMAN", [244] = "wwanPP2",
}
local STATES = { "up", "down", "testing", "unknown", "dormant", "notPresent", "lowerLayerDown" }

local function by_column (rows, base)
  local columns = {}
  for _, row in ipairs(rows) do
    local column, index = string.match(row.oid, "^(%d+)%.(.+)$", #base + 2)
    if column then
      column = tonumber(column)
      columns[column] = columns[column] or {}
      columns[column][index] = row.value
    end
  end
  return columns
end

local function scaled (value, unit, base)
  local letters = { "", "K", "M", "G", "T", "P" }
  local at = 1
  while value >= base and at < #letters do
    value = value / base
    at = at + 1
  end
  return value, letters[at] .. unit
end

local function speed_text (bits)
  local value, unit = scaled(bits, "bps", 1000)
  if bits < 1000 then value, unit = bits / 1000, "Kbps" end
  return ("%d %s"):format(value // 1, unit)
end

local function traffic_text (octets)
  local value, unit = scaled(octets, "b", 1000)
  if octets < 1000 then value, unit = octets / 1000, "Kb" end
  return ("%.2f %s"):format(value, unit)
end

local function describe (columns, index, addresses, makers)
  local function get (column) return columns[column] and columns[column][index] end
  local name = get(DESCR)
  local entry = { name = type(name) == "string" and string.gsub(name, "%z+$", "") or ("Interface " .. index) }
  for _, address in ipairs(addresses[tonumber(index)] or {}) do
    entry[#entry + 1] = ("IP address: %s  Netmask: %s"):format(address[1], address[2] or "unknown")
  end
  local mac = get(PHYS_ADDRESS)
  if type(mac) == "string" and #mac == 6 and mac ~= "\0\0\0\0\0\0" then
    local hex = stdnse.tohex(mac)
    local maker = makers[string.upper(string.sub(hex, 1, 6))]
    entry[#entry + 1] = ("MAC address: %s (%s)"):format(hex, maker or "Unknown")
  end
  local speed = get(SPEED)
  entry[#entry + 1] = ("Type: %s  Speed: %s"):format(TYPES[get(TYPE)] or "unknown",
    math.type(speed) == "integer" and speed_text(speed) or "unknown")
  entry[#entry + 1] = "Status: " .. (STATES[get(OPER_STATUS)] or "unknown")
  local sent, received = get(OUT_OCTETS), get(IN_OCTETS)
  if math.type(sent) == "integer" and math.type(received) == "integer" then
    entry[#entry + 1] = ("Traffic stats: %s sent, %s received"):format(traffic_text(sent), traffic_text(received))
  end
  return entry
end

action = function (host, port)
  local helper = snmp.Helper:new(host, port)
  if not helper:connect() then return nil end
  local status, rows = helper:walk(IF_ENTRY)
  if not status or #rows == 0 then return nil end
  nmap.set_port_state(host, port, "open")
  local interfaces = by_column(rows, IF_ENTRY)

  local addresses = {}
  status, rows = helper:walk(IP_ENTRY)
  local ip_columns = by_column(status and rows or {}, IP_ENTRY)
  for address, index in pairs(ip_columns[IP_IF_INDEX] or {}) do
    addresses[index] = addresses[index] or {}
    table.insert(addresses[index], { address, ip_columns[IP_NETMASK] and ip_columns[IP_NETMASK][address] })
    if target.ALLOW_NEW_TARGETS and not string.find(address, "^127%.")
      and address ~= host.ip then target.add(address) end
  end
  for _, list in pairs(addresses) do
    table.sort(list, function (a, b) return a[1] < b[1] end)
  end

  local found, makers = datafiles.parse_mac_prefixes()
  local indices = {}
  for index in pairs(interfaces[1] or interfaces[DESCR] or {}) do indices[#indices + 1] = index end
  table.sort(indices, function (a, b) return (tonumber(a) or 0) < (tonumber(b) or 0) end)
  local result = {}
  for i, index in ipairs(indices) do result[i] = describe(interfaces, index, addresses, found and makers or {}) end
  return stdnse.format_output(true, result)
end
