---
-- Internet addresses: as text, as bytes, as bits, as numbers; ranges and networks.
--
-- Functions that can't read an address return nil and a message.
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("ipOps", stdnse.seeall)

-- Reading and writing -------------------------------------------------------------------------------------------

-- Fewer than four parts name the beginning of an address; the rest is 0.
local function parse_v4 (text)
  local parts = {}
  for part in string.gmatch(text .. ".", "([^.]*)%.") do
    local value = string.find(part, "^%d%d?%d?$") and tonumber(part)
    if not value or value > 255 or #parts == 4 then return nil end
    parts[#parts + 1] = value
  end
  for i = #parts + 1, 4 do parts[i] = 0 end
  return string.char(table.unpack(parts))
end

-- Groups of up to four hexadecimal digits to bytes; the last group of an address may be four decimal numbers.
local function parse_groups (text, may_end_in_v4)
  if text == "" then return "" end
  local bytes = {}
  local rest = text .. ":"
  while rest ~= "" do
    local group, after = string.match(rest, "^([^:]+):(.*)$")
    if not group or #bytes > 8 then return nil end
    if string.find(group, "^%x%x?%x?%x?$") then
      bytes[#bytes + 1] = string.pack(">I2", tonumber(group, 16))
    elseif may_end_in_v4 and after == "" and string.find(group, "^%d+%.%d+%.%d+%.%d+$") then
      bytes[#bytes + 1] = parse_v4(group)
    else
      return nil
    end
    rest = after
  end
  return table.concat(bytes)
end

local function parse_v6 (text)
  text = string.match(text, "^([^%%]*)")
  local front, back = string.match(text, "^(.-)::(.*)$")
  if front then
    front, back = parse_groups(front), parse_groups(back, true)
    if not front or not back or #front + #back > 14 then return nil end
    return front .. string.rep("\0", 16 - #front - #back) .. back
  end
  local bytes = parse_groups(text, true)
  if not bytes or #bytes > 16 then return nil end
  return bytes .. string.rep("\0", 16 - #bytes)
end

-- Bytes of an address, 4 or 16.
local function parse (ip, who)
  if type(ip) ~= "string" or ip == "" then
    return nil, "Error in ipOps." .. who .. ": Expected IP address as a string."
  end
  if string.find(ip, ":", 1, true) then
    local bytes = parse_v6(ip)
    if bytes then return bytes end
    return nil, "Error in ipOps." .. who .. ": An address assumed to be IPv6 was malformed."
  end
  local bytes = parse_v4(ip)
  if bytes then return bytes end
  return nil, "Error in ipOps." .. who .. ": An address assumed to be IPv4 was malformed."
end

-- Every group, none left out.
local function long_text (bytes)
  if #bytes == 4 then return string.format("%d.%d.%d.%d", string.byte(bytes, 1, 4)) end
  return string.format("%x:%x:%x:%x:%x:%x:%x:%x", string.unpack(">I2I2I2I2I2I2I2I2", bytes))
end

-- The form of RFC 5952: the longest run of zero groups becomes "::".
local function short_text (bytes)
  if #bytes == 4 then return long_text(bytes) end
  local groups = { string.unpack(">I2I2I2I2I2I2I2I2", bytes) }
  local from, len = 0, 1
  local at = 1
  while at <= 8 do
    local after = at
    while after <= 8 and groups[after] == 0 do after = after + 1 end
    if after - at > len then from, len = at, after - at end
    at = after + 1
  end
  for i = 1, 8 do groups[i] = string.format("%x", groups[i]) end
  if from == 0 then return table.concat(groups, ":", 1, 8) end
  return table.concat(groups, ":", 1, from - 1) .. "::" .. table.concat(groups, ":", from + len, 8)
end

-- The first `prefix` bits stay, the others become 0 or 1.
local function fill (bytes, prefix, ones)
  local out = {}
  for i = 1, #bytes do
    local kept = prefix - 8 * (i - 1)
    local mask = kept >= 8 and 255 or kept <= 0 and 0 or (255 << (8 - kept)) & 255
    local byte = string.byte(bytes, i) & mask
    out[i] = ones and byte | ~mask & 255 or byte
  end
  return string.char(table.unpack(out))
end

-- Bytes and the length of a network's prefix.
local function parse_network (ip, prefix, who)
  local bytes, message = parse(ip, who)
  if not bytes then return nil, message end
  prefix = tonumber(prefix)
  if not prefix or prefix % 1 ~= 0 or prefix < 0 or prefix > 8 * #bytes then
    return nil, "Error in ipOps." .. who .. ": Invalid prefix."
  end
  return bytes, prefix // 1
end

-- Text and bytes ------------------------------------------------------------------------------------------------

--- Converts an address to bytes in network order.
-- @param ip The address.
-- @param family <code>inet6</code> for 16 bytes of an IPv4 address, too (<code>::ffff:0:0/96</code>).
-- @return 4 or 16 bytes, or nil and a message.
function ip_to_str (ip, family)
  local bytes, message = parse(ip, "ip_to_str")
  if bytes and #bytes == 4 and family == "inet6" then return string.rep("\0", 10) .. "\255\255" .. bytes end
  return bytes, message
end

--- Converts bytes in network order to text.
-- @param ip 4 or 16 bytes.
-- @return The address in its shortest form, or nil and a message.
function str_to_ip (ip)
  if type(ip) ~= "string" or (#ip ~= 4 and #ip ~= 16) then return nil, "Invalid length" end
  return short_text(ip)
end

--- Writes an address in full: all four parts, or all eight groups.
-- @param ip The address; parts missing at its end are 0.
-- @param family <code>inet6</code> to map an IPv4 address to IPv6.
-- @return The address, or nil and a message.
function expand_ip (ip, family)
  local bytes, message = parse(ip, "expand_ip")
  if not bytes then return nil, message end
  if #bytes == 4 and family == "inet6" then bytes = string.rep("\0", 10) .. "\255\255" .. bytes end
  return long_text(bytes)
end

--- The numbers an address is made of.
-- @param ip The address.
-- @return An array of 4 numbers below 256, or of 8 below 65536; or nil and a message.
function get_parts_as_number (ip)
  local bytes, message = parse(ip, "get_parts_as_number")
  if not bytes then return nil, message end
  if #bytes == 4 then return { string.byte(bytes, 1, 4) } end
  local parts = { string.unpack(">I2I2I2I2I2I2I2I2", bytes) }
  parts[9] = nil
  return parts
end

--- Converts an IPv4 address to a number.
-- @param ip The address.
-- @return An integer, or nil and a message.
function todword (ip)
  local bytes, message = parse(ip, "todword")
  if not bytes then return nil, message end
  if #bytes ~= 4 then return nil, "Error in ipOps.todword: Expected IPv4 address." end
  return (string.unpack(">I4", bytes))
end

--- Converts a number to an IPv4 address.
-- @param ip The integer; its lower 32 bits count.
-- @return The address, or nil and a message.
function fromdword (ip)
  local number = type(ip) == "number" and ip % 1 == 0 and ip // 1 | 0
  if not number then return nil, "Error in ipOps.fromdword: Expected an integer." end
  return long_text(string.pack(">I4", number & 0xFFFFFFFF))
end

-- Bits ----------------------------------------------------------------------------------------------------------

local NIBBLES = { "0000", "0001", "0010", "0011", "0100", "0101", "0110", "0111",
  "1000", "1001", "1010", "1011", "1100", "1101", "1110", "1111" }

local function byte_bits (c)
  local byte = string.byte(c)
  return NIBBLES[(byte >> 4) + 1] .. NIBBLES[(byte & 15) + 1]
end

--- Writes an address as binary digits.
-- @param ip The address.
-- @return 32 or 128 digits, or nil and a message.
function ip_to_bin (ip)
  local bytes, message = parse(ip, "ip_to_bin")
  if not bytes then return nil, message end
  return (string.gsub(bytes, ".", byte_bits))
end

--- Reads an address from binary digits.
-- @param binstring 32 or 128 digits.
-- @return The address in full, or nil and a message.
function bin_to_ip (binstring)
  if type(binstring) ~= "string" or string.find(binstring, "[^01]") or (#binstring ~= 32 and #binstring ~= 128) then
    return nil, "Error in ipOps.bin_to_ip: Expected exactly 32 or 128 binary digits."
  end
  local bytes = string.gsub(binstring, "%d%d%d%d%d%d%d%d", function (bits) return string.char(tonumber(bits, 2)) end)
  return long_text(bytes)
end

--- Converts hexadecimal digits to binary ones.
-- @param hex The digits.
-- @return Four binary digits for each, or nil and a message.
function hex_to_bin (hex)
  if type(hex) ~= "string" or hex == "" or string.find(hex, "%X") then
    return nil, "Error in ipOps.hex_to_bin: Expected string representing a hexadecimal number."
  end
  return (string.gsub(hex, "%x", function (digit) return NIBBLES[tonumber(digit, 16) + 1] end))
end

-- Order ---------------------------------------------------------------------------------------------------------

local COMPARE = {
  eq = function (a, b) return a == b end,
  ne = function (a, b) return a ~= b end,
  lt = function (a, b) return a < b end,
  le = function (a, b) return a <= b end,
  gt = function (a, b) return a > b end,
  ge = function (a, b) return a >= b end,
}

-- Sorts all IPv4 addresses before all IPv6 addresses, as the length does; bytes as hexadecimal digits, since the order
-- of strings is the locale's.
local function order_key (bytes) return string.format("%02d", #bytes) .. stdnse.tohex(bytes) end

--- Compares two addresses.
-- @usage ipOps.compare_ip("192.0.2.1", "lt", "192.0.2.2") --> true
-- @param left An address.
-- @param op <code>eq</code>, <code>ne</code>, <code>lt</code>, <code>le</code>, <code>gt</code> or <code>ge</code>.
-- @param right Another one. Of different families, the IPv4 address is the lower one.
-- @return True or false; nil and a message if there is nothing to compare.
function compare_ip (left, op, right)
  local compare = COMPARE[op]
  if not compare then return nil, "Error in ipOps.compare_ip: Invalid Operator." end
  local a, message = parse(left, "compare_ip")
  if not a then return nil, message end
  local b
  b, message = parse(right, "compare_ip")
  if not b then return nil, message end
  return compare(order_key(a), order_key(b))
end

--- Sorts a list of addresses in place.
-- @param ips The list. What is no address comes last.
-- @param op As for <code>compare_ip</code>. Default: <code>lt</code>.
function ip_sort (ips, op)
  local compare = COMPARE[op or "lt"] or COMPARE.lt
  local keys = {}
  for _, ip in ipairs(ips) do
    local bytes = parse(ip, "ip_sort")
    keys[ip] = bytes and order_key(bytes) or "99" .. tostring(ip)
  end
  table.sort(ips, function (a, b)
    if keys[a] == keys[b] then return false end
    return compare(keys[a], keys[b])
  end)
end

-- Networks ------------------------------------------------------------------------------------------------------

--- The first address of a network.
-- @param ip Any address of it.
-- @param prefix How many bits its addresses share.
-- @return The address in full, or nil and a message.
function get_first_ip (ip, prefix)
  local bytes, len = parse_network(ip, prefix, "get_first_ip")
  if not bytes then return nil, len end
  return long_text(fill(bytes, len, false))
end

--- The last address of a network.
-- @param ip Any address of it.
-- @param prefix How many bits its addresses share.
-- @return The address in full, or nil and a message.
function get_last_ip (ip, prefix)
  local bytes, len = parse_network(ip, prefix, "get_last_ip")
  if not bytes then return nil, len end
  return long_text(fill(bytes, len, true))
end

--- The first and the last address of a network.
-- @param ip Any address of it.
-- @param prefix How many bits its addresses share.
-- @return The two addresses; or nil and a message.
function get_first_last_ip (ip, prefix)
  local first, message = get_first_ip(ip, prefix)
  if not first then return nil, message end
  return first, (get_last_ip(ip, prefix))
end

--- The first and the last address of a range.
-- @param range A network (<code>192.0.2.0/24</code>) or two addresses with a dash between them.
-- @return The two addresses in full; or nil, nil and a message.
function get_ips_from_range (range)
  local ip, prefix = string.match(type(range) == "string" and range or "", "^%s*([%x:.]+)/(%d+)%s*$")
  if ip then
    local first, last = get_first_last_ip(ip, prefix)
    if not first then return nil, nil, last end
    return first, last
  end
  local from, to = string.match(type(range) == "string" and range or "", "^%s*([%x:.]+)%s*%-%s*([%x:.]+)%s*$")
  if not from then
    return nil, nil, "Error in ipOps.get_ips_from_range: The range supplied could not be interpreted."
  end
  local first, message = expand_ip(from)
  if not first then return nil, nil, message end
  local last
  last, message = expand_ip(to)
  if not last then return nil, nil, message end
  return first, last
end

--- Tells whether an address is within a range.
-- @usage ipOps.ip_in_range("192.0.2.9", "192.0.2.0/24") --> true
-- @param ip The address.
-- @param range As for <code>get_ips_from_range</code>.
-- @return True or false; nil and a message if either can't be read or their families differ.
function ip_in_range (ip, range)
  local first, last, message = get_ips_from_range(range)
  if not first then return nil, message end
  local bytes
  bytes, message = parse(ip, "ip_in_range")
  if not bytes then return nil, message end
  local from, to = parse(first, "ip_in_range"), parse(last, "ip_in_range")
  if #from ~= #bytes or #to ~= #bytes then
    return nil, "Error in ipOps.ip_in_range: IP address is of a different address family to Range."
  end
  return order_key(bytes) >= order_key(from) and order_key(bytes) <= order_key(to)
end

-- Networks whose addresses mean something on one site only (registries of RFC 6890 and what came after).
local PRIVATE = {
  [4] = {
    "0.0.0.0/8", -- this network
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", -- RFC 1918
    "100.64.0.0/10", -- shared address space, RFC 6598
    "127.0.0.0/8", -- loopback
    "169.254.0.0/16", -- link-local, RFC 3927
    "192.0.0.0/24", -- protocol assignments
    "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", -- documentation
    "198.18.0.0/15", -- benchmarks
    "240.0.0.0/4", -- reserved
  },
  [16] = {
    "::/127", -- unspecified and loopback
    "::ffff:0:0/96", -- mapped IPv4
    "64:ff9b:1::/48", -- local translation
    "100::/64", -- discard only
    "2001:db8::/32", -- documentation
    "fc00::/7", -- unique local
    "fe80::/10", -- link-local
    "fec0::/10", -- site-local, no longer used
  },
}

--- Tells whether an address can't belong to a host of the public Internet.
-- @param ip The address.
-- @return True or false; nil and a message if it is no address.
-- @return If true, the network it belongs to.
function isPrivate (ip)
  local bytes, message = parse(ip, "isPrivate")
  if not bytes then return nil, message end
  for _, network in ipairs(PRIVATE[#bytes]) do
    if ip_in_range(ip, network) then return true, network end
  end
  return false
end

--- Converts a network mask to the length of a prefix.
-- @usage ipOps.subnet_to_cidr("255.255.255.0") --> "/24"
-- @param subnet The mask.
-- @return A slash and the number of bits; nil and a message if the mask's bits do not hang together.
function subnet_to_cidr (subnet)
  local bits, message = ip_to_bin(subnet)
  if not bits then return nil, message end
  local ones = string.match(bits, "^(1*)0*$")
  if not ones then return nil, "Error in ipOps.subnet_to_cidr: Invalid subnet mask." end
  return "/" .. #ones
end

--- Converts the length of a prefix to an IPv4 network mask.
-- @param subnet A slash and the number of bits, with or without an address before it.
-- @return The mask, or nil and a message.
function cidr_to_subnet (subnet)
  local prefix = tonumber(string.match(tostring(subnet), "/(%d+)$"))
  if not prefix or prefix > 32 then return nil, "Error in ipOps.cidr_to_subnet: Invalid prefix." end
  return long_text(fill("\255\255\255\255", prefix, false))
end

return _ENV
