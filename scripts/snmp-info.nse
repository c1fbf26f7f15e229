local math = require "math"
local nmap = require "nmap"
local shortport = require "shortport"
local snmp = require "snmp"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Learns about an SNMP engine by asking it for its identifier, without any user or community.

Version 3 of the protocol lets everybody ask (discovery, RFC 3414, section 4). The identifier names the maker and often
an address (RFC 3411, section 5); with it come how often the engine was started and for how long it has run.
]]

---
-- @usage
-- perilune -sV -sU -p 161 TARGET
--
-- @output
-- 161/udp open  snmp    SNMPv3 server
-- | snmp-info:
-- |   enterprise: net-snmp
-- |   engineIDFormat: mac
-- |   engineIDData: 02:00:5e:00:53:01
-- |   snmpEngineBoots: 28
-- |_  snmpEngineTime: 13d20h37m36s
--
-- @xmloutput
-- <elem key="enterprise">net-snmp</elem>
-- <elem key="engineIDFormat">mac</elem>
-- <elem key="engineIDData">02:00:5e:00:53:01</elem>
-- <elem key="snmpEngineBoots">28</elem>
-- <elem key="snmpEngineTime">13d20h37m36s</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "version", "safe" }

portrule = shortport.version_port_or_service(161, "snmp", "udp", { "open", "open|filtered" })

-- Makers that are often met, by their numbers (IANA, private enterprise numbers).
local ENTERPRISES = {
  [2] = "IBM", [9] = "ciscoSystems", [11] = "Hewlett-Packard", [36] = "Digital Equipment Corporation",
  [42] = "Sun Microsystems", [43] = "3Com", [45] = "Bay Networks", [63] = "Apple", [111] = "Oracle", [171] = "D-Link",
  [207] = "Allied Telesis", [211] = "Fujitsu", [236] = "Samsung", [253] = "Xerox", [311] = "Microsoft", [318] = "APC",
  [368] = "Axis", [641] = "Lexmark", [674] = "Dell", [789] = "NetApp", [1347] = "Kyocera", [1588] = "Brocade",
  [1602] = "Canon", [1991] = "Foundry Networks", [2001] = "OKI", [2011] = "Huawei", [2021] = "ucd-snmp",
  [2435] = "Brother", [2636] = "Juniper Networks", [3224] = "NetScreen", [4413] = "Broadcom", [4526] = "Netgear",
  [6486] = "Alcatel", [6574] = "Synology", [6876] = "VMware", [8072] = "net-snmp", [8741] = "SonicWall",
  [9694] = "Arris", [11863] = "TP-Link", [12356] = "Fortinet", [14988] = "MikroTik", [25461] = "Palo Alto Networks",
  [25506] = "H3C", [30065] = "Arista", [41112] = "Ubiquiti",
}

-- Formats of the identifier (RFC 3411, SnmpEngineID) from the fifth octet on.
local FORMATS = {
  [1] = { "ipv4", function (data) return #data == 4 and ("%d.%d.%d.%d"):format(string.byte(data, 1, 4)) end },
  [2] = { "ipv6", function (data) return #data == 16 and stdnse.tohex(data, { separator = ":", group = 4 }) end },
  [3] = { "mac", function (data) return #data == 6 and stdnse.format_mac(data) end },
  [4] = { "text", function (data) return (string.gsub(data, "[^\x20-\x7e]", ".")) end },
  [5] = { "octets", function (data) return stdnse.tohex(data) end },
}

-- A request for nothing, from nobody, to an engine without a name (RFC 3412, section 6; RFC 3414, section 4).
local function discovery (id)
  local security = snmp.encode({ "", 0, 0, "", "", "" })
  return snmp.encode({
    3,
    -- Identifier, longest message, flags (an answer is wanted), user-based security.
    { id, 65507, "\x04", 3 },
    security,
    { "", "", snmp.buildGetRequest({ reqId = id }) },
  })
end

local function exchange (host, port)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(math.max(stdnse.get_timeout(host), 2000))
  local status, answer = socket:connect(host, port, "udp")
  for _ = 1, 2 do
    if not status then break end
    status, answer = socket:send(discovery(math.random(1, 0x7fffffff)))
    if not status then break end
    local received, data = socket:receive()
    if received then
      socket:close()
      return data
    end
  end
  socket:close()
  return nil
end

-- The security parameters of an answer: the engine's identifier, its starts, its seconds.
local function parse (data)
  local message = snmp.decode(data)
  if type(message) ~= "table" or message[1] ~= 3 or type(message[3]) ~= "string" then return nil end
  local parameters = snmp.decode(message[3])
  if type(parameters) ~= "table" or type(parameters[1]) ~= "string" then return nil end
  return parameters
end

local function time_text (seconds)
  local days, hours, minutes = seconds // 86400, seconds % 86400 // 3600, seconds % 3600 // 60
  local text = ""
  if days > 0 then text = ("%dd%02dh"):format(days, hours) elseif hours > 0 then text = ("%dh"):format(hours) end
  if text ~= "" then return text .. ("%02dm%02ds"):format(minutes, seconds % 60) end
  return minutes > 0 and ("%dm%02ds"):format(minutes, seconds % 60) or ("%ds"):format(seconds)
end

action = function (host, port)
  local data = exchange(host, port)
  local parameters = data and parse(data)
  if not parameters then return nil end
  nmap.set_port_state(host, port, "open")

  local result = stdnse.output_table()
  local engine = parameters[1]
  if #engine >= 5 then
    local first = string.unpack(">I4", engine)
    local number = first & 0x7fffffff
    result.enterprise = ENTERPRISES[number] or ("unknown (%d)"):format(number)
    local content
    if first & 0x80000000 ~= 0 then
      local format = FORMATS[string.byte(engine, 5)]
      content = string.sub(engine, 6)
      result.engineIDFormat = format and format[1] or "unknown"
      result.engineIDData = format and format[2](content) or stdnse.tohex(content)
    else
      -- The older kind: what follows is the maker's own business.
      result.engineIDFormat = "enterprise"
      result.engineIDData = stdnse.tohex(string.sub(engine, 5))
    end
  end
  result.snmpEngineBoots = parameters[2]
  if math.type(parameters[3]) == "integer" then result.snmpEngineTime = time_text(parameters[3]) end

  local product = (result.enterprise and result.enterprise .. " " or "") .. "SNMPv3 server"
  port.version.name = "snmp"
  local known = port.version.product
  if not known then
    port.version.product = product
  elseif not string.find(known, product, 1, true) then
    port.version.product = known .. "; " .. product
  end
  nmap.set_port_version(host, port, "hardmatched")
  return result
end
