---
-- The Dynamic Host Configuration Protocol (RFC 2131, RFC 2132).
--
-- @usage
-- local status, result = dhcp.make_request(host.ip, dhcp.request_types["DHCPINFORM"], "192.0.2.5", mac)
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("dhcp", stdnse.seeall)

local CLIENT_PORT, SERVER_PORT = 68, 67
local COOKIE = "\x63\x82\x53\x63"
local TIMEOUT_MS = 5000

--- Types of messages (RFC 2132, 9.6).
-- @class table
-- @name request_types
request_types = {
  DHCPDISCOVER = 1, DHCPOFFER = 2, DHCPREQUEST = 3, DHCPDECLINE = 4, DHCPACK = 5, DHCPNAK = 6, DHCPRELEASE = 7,
  DHCPINFORM = 8,
}

--- Names of types of messages, by number.
-- @class table
-- @name request_types_str
request_types_str = {}
for name, number in pairs(request_types) do request_types_str[number] = name end

-- How options are read: each gets the octets and returns a value, nil if they are not what they should be.

local function read_ip (data) return #data == 4 and ipOps.str_to_ip(data) or nil end

local function read_ips (data)
  local list = {}
  for at = 1, #data - 3, 4 do list[#list + 1] = ipOps.str_to_ip(string.sub(data, at, at + 3)) end
  return #list > 0 and list or nil
end

local function read_ip_pairs (data)
  local list = {}
  for at = 1, #data - 7, 8 do
    list[#list + 1] = ipOps.str_to_ip(string.sub(data, at, at + 3)) .. "/"
      .. ipOps.str_to_ip(string.sub(data, at + 4, at + 7))
  end
  return #list > 0 and list or nil
end

local function read_string (data) return (string.gsub(data, "%z+$", "")) end
local function read_number (size)
  return function (data) return #data == size and string.unpack(">I" .. size, data) or nil end
end
local function read_boolean (data) return #data == 1 and string.byte(data) ~= 0 end
local function read_hex (data) return stdnse.tohex(data) end

-- Seconds, shown as hours, minutes and seconds with the larger units that are needed.
local function read_time (data)
  if #data ~= 4 then return nil end
  local seconds = string.unpack(">I4", data)
  local days, rest = seconds // 86400, seconds % 86400
  return ("%s%dh%02dm%02ds"):format(days > 0 and days .. "d" or "", rest // 3600, rest % 3600 // 60, rest % 60)
end

local function read_type (data) return #data == 1 and request_types_str[string.byte(data)] or nil end

-- RFC 2132, with the names that people know.
local OPTIONS = {
  [1] = { "Subnet Mask", read_ip }, [2] = { "Time Offset", read_number(4) }, [3] = { "Router", read_ips },
  [4] = { "Time Server", read_ips }, [5] = { "Name Server", read_ips }, [6] = { "Domain Name Server", read_ips },
  [7] = { "Log Server", read_ips }, [8] = { "Cookie Server", read_ips }, [9] = { "LPR Server", read_ips },
  [10] = { "Impress Server", read_ips }, [11] = { "Resource Location Server", read_ips },
  [12] = { "Hostname", read_string }, [13] = { "Boot File Size", read_number(2) },
  [14] = { "Merit Dump File", read_string }, [15] = { "Domain Name", read_string }, [16] = { "Swap Server", read_ip },
  [17] = { "Root Path", read_string }, [18] = { "Extensions Path", read_string },
  [19] = { "IP Forwarding", read_boolean }, [20] = { "Non-local Source Routing", read_boolean },
  [21] = { "Policy Filter", read_ip_pairs }, [22] = { "Maximum Datagram Reassembly Size", read_number(2) },
  [23] = { "Default IP TTL", read_number(1) }, [24] = { "Path MTU Aging Timeout", read_time },
  [26] = { "Interface MTU", read_number(2) }, [27] = { "All Subnets Local", read_boolean },
  [28] = { "Broadcast Address", read_ip }, [29] = { "Perform Mask Discovery", read_boolean },
  [30] = { "Mask Supplier", read_boolean }, [31] = { "Router Discovery", read_boolean },
  [32] = { "Router Solicitation Address", read_ip }, [33] = { "Static Route", read_ip_pairs },
  [34] = { "Trailer Encapsulation", read_boolean }, [35] = { "ARP Cache Timeout", read_time },
  [36] = { "Ethernet Encapsulation", read_boolean }, [37] = { "TCP Default TTL", read_number(1) },
  [38] = { "TCP Keepalive Interval", read_number(4) }, [39] = { "TCP Keepalive Garbage", read_boolean },
  [40] = { "NIS Domain", read_string }, [41] = { "NIS Servers", read_ips }, [42] = { "NTP Servers", read_ips },
  [43] = { "Vendor Specific Information", read_hex }, [44] = { "NetBIOS Name Server", read_ips },
  [45] = { "NetBIOS Datagram Server", read_ips }, [46] = { "NetBIOS Node Type", read_number(1) },
  [47] = { "NetBIOS Scope", read_string }, [48] = { "X Window Font Server", read_ips },
  [49] = { "X Window Display Manager", read_ips }, [50] = { "Requested IP Address", read_ip },
  [51] = { "IP Address Lease Time", read_time }, [52] = { "Option Overload", read_number(1) },
  [53] = { "DHCP Message Type", read_type }, [54] = { "Server Identifier", read_ip },
  [55] = { "Parameter Request List", read_hex }, [56] = { "Error Message", read_string },
  [57] = { "Maximum DHCP Message Size", read_number(2) }, [58] = { "Renewal Time Value", read_time },
  [59] = { "Rebinding Time Value", read_time }, [60] = { "Class Identifier", read_string },
  [61] = { "Client Identifier", read_hex }, [64] = { "NIS+ Domain", read_string }, [65] = { "NIS+ Servers", read_ips },
  [66] = { "TFTP Server Name", read_string }, [67] = { "Bootfile Name", read_string },
  [69] = { "SMTP Servers", read_ips }, [70] = { "POP3 Servers", read_ips }, [71] = { "NNTP Servers", read_ips },
  [72] = { "WWW Servers", read_ips }, [150] = { "TFTP Server Address", read_ips }, [252] = { "WPAD", read_string },
}

-- What a message asks for unless told otherwise: everything.
local function all_options ()
  local numbers = {}
  for number in pairs(OPTIONS) do
    if number ~= 53 and number ~= 52 and number ~= 50 and number ~= 55 then numbers[#numbers + 1] = number end
  end
  table.sort(numbers)
  return string.char(table.unpack(numbers))
end

local function option (number, data) return string.char(number) .. string.pack("s1", data) end

local function address_octets (address)
  if type(address) == "string" and #address ~= 4 then return ipOps.ip_to_str(address) end
  if type(address) == "number" then return string.pack(">I4", address) end
  return address
end

--- Makes a message (RFC 2131, section 2).
-- @param request_type One of <code>request_types</code>.
-- @param ip_address The client's address, as text or in four octets.
-- @param mac_address The client's hardware address, six octets.
-- @param options A list of tables with <code>number</code>, <code>type</code> (<code>string</code>, <code>ip</code> or
--                <code>octets</code>) and <code>value</code>, nil for none.
-- @param request_options The numbers of the options wanted, as octets or a list. Default: all.
-- @param overrides Table with <code>op</code>, <code>htype</code>, <code>hlen</code>, <code>hops</code>,
--                  <code>xid</code>,
--                  <code>secs</code>, <code>flags</code>, <code>ciaddr</code>, <code>yiaddr</code>,
--                  <code>siaddr</code>,
--                  <code>giaddr</code>, <code>chaddr</code>, <code>sname</code>, <code>file</code> or
--                  <code>cookie</code> to use in place of the usual values.
-- @param lease_time Seconds to ask for. Default: 1.
-- @param transaction_id Four octets.
-- @return True and the octets, or false and an error.
function dhcp_build (request_type, ip_address, mac_address, options, request_options, overrides, lease_time,
  transaction_id)
  overrides = overrides or {}
  if not mac_address and not overrides.chaddr then return false, "no hardware address" end
  local function address (name, default) return address_octets(overrides[name]) or default or "\0\0\0\0" end
  local client = address_octets(ip_address)
  local head = string.pack(">BBBBc4I2I2", overrides.op or 1, overrides.htype or 1, overrides.hlen or 6,
    overrides.hops or 0, overrides.xid or transaction_id or "\0\0\0\1", overrides.secs or 0, overrides.flags or 0)
  local body = address("ciaddr", client) .. address("yiaddr") .. address("siaddr") .. address("giaddr")
    .. string.pack("c16c64c128", overrides.chaddr or mac_address, overrides.sname or "", overrides.file or "")
    .. (overrides.cookie or COOKIE)
  local parts = { option(53, string.char(request_type)) }
  for _, one in ipairs(options or {}) do
    local value = one.value
    if one.type == "ip" then value = address_octets(value) end
    parts[#parts + 1] = option(one.number, value)
  end
  local wanted = request_options or all_options()
  if type(wanted) == "table" then wanted = string.char(table.unpack(wanted)) end
  parts[#parts + 1] = option(55, wanted)
  parts[#parts + 1] = option(51, string.pack(">I4", lease_time or 1))
  return true, head .. body .. table.concat(parts) .. "\xff"
end

local function read_options (data, pos, result)
  while pos <= #data do
    local number = string.byte(data, pos)
    if number == 0xff then return true end
    if number == 0 then
      pos = pos + 1
    else
      local len = string.byte(data, pos + 1)
      if not len or pos + 1 + len > #data then return false end
      local octets = string.sub(data, pos + 2, pos + 1 + len)
      local known = OPTIONS[number]
      local value = known and known[2](octets)
      result.options[#result.options + 1] = {
        number = number,
        name = known and known[1] or ("Option %d"):format(number),
        value = value == nil and stdnse.tohex(octets) or value,
      }
      pos = pos + 2 + len
    end
  end
  return true
end

--- Reads a message.
-- @param data The octets.
-- @param transaction_id The four octets that it must have.
-- @return True and a table with <code>xid</code>, <code>ciaddr</code>, <code>yiaddr_str</code>,
--         <code>siaddr_str</code>, <code>giaddr</code>, <code>chaddr</code>, <code>sname</code>, <code>file</code>,
--         <code>options</code> (tables with <code>name</code> and <code>value</code>, text, a number or a list) and
--         others; or false and an error.
function dhcp_parse (data, transaction_id)
  if #data < 240 then return false, "the message is cut off" end
  local result = { options = {} }
  result.op, result.htype, result.hlen, result.hops, result.xid, result.secs, result.flags, result.ciaddr,
    result.yiaddr, result.siaddr, result.giaddr, result.chaddr, result.sname, result.file, result.cookie =
    string.unpack(">BBBBc4I2I2c4c4c4c4c16c64c128c4", data)
  if result.op ~= 2 then return false, "the message is no reply" end
  if transaction_id and result.xid ~= transaction_id then return false, "the reply is to something else" end
  if result.cookie ~= COOKIE then return false, "the message is none of DHCP" end
  for _, name in ipairs({ "ciaddr", "yiaddr", "siaddr", "giaddr" }) do
    result[name .. "_str"] = ipOps.str_to_ip(result[name])
  end
  result.sname, result.file = read_string(result.sname), read_string(result.file)
  if not read_options(data, 241, result) then return false, "the options are cut off" end
  return true, result
end

--- Sends a message and waits for the reply. The privileges to use the client's port are needed.
-- @param target The server's address.
-- @param request_type One of <code>request_types</code>.
-- @param ip_address The client's address.
-- @param mac_address The client's hardware address, six octets.
-- @param options See <code>dhcp_build</code>.
-- @param request_options See <code>dhcp_build</code>.
-- @param overrides See <code>dhcp_build</code>.
-- @param lease_time See <code>dhcp_build</code>.
-- @return True and a table, see <code>dhcp_parse</code>; or false and an error.
function make_request (target, request_type, ip_address, mac_address, options, request_options, overrides, lease_time)
  local transaction_id = string.pack(">I4", math.random(0, 0xffffffff))
  local status, packet = dhcp_build(request_type, ip_address, mac_address, options, request_options, overrides,
    lease_time, transaction_id)
  if not status then return false, packet end
  local socket = nmap.new_socket("udp")
  socket:bind(nil, CLIENT_PORT)
  socket:set_timeout(TIMEOUT_MS)
  local err
  status, err = socket:sendto(target, SERVER_PORT, packet)
  -- Messages of others may come to the same port.
  for _ = 1, 10 do
    if not status then break end
    local received, data = socket:receive()
    if not received then
      err = data
      break
    end
    local ok, result = dhcp_parse(data, transaction_id)
    if ok then
      socket:close()
      return true, result
    end
    err = result
  end
  socket:close()
  return false, "Couldn't get an answer: " .. tostring(err)
end

return _ENV
