---
-- Multicast listener discovery of IP version 6 (MLD, RFC 2710 and RFC 3810): asking which groups a link listens to.
--
-- @usage
-- local interface = nmap.get_interface_info("eth0")
-- local reports = multicast.mld_query(interface, 10)
-- local addresses = multicast.mld_report_addresses(reports)
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("multicast", stdnse.seeall)

local ALL_NODES, ALL_NODES_MAC = "\xff\x02" .. string.rep("\0", 13) .. "\1", "\x33\x33\0\0\0\1"
local QUERY, REPORT_1, REPORT_2 = 130, 131, 143
local REPORTS_MAX, RECORDS_MAX = 10000, 1000
local IPV6_LEN = 40

-- The sum of 16-bit words that ICMP has (RFC 4443, 2.3).
local function checksum (data)
  if #data % 2 == 1 then data = data .. "\0" end
  local sum = 0
  for pos = 1, #data, 2 do sum = sum + string.unpack(">I2", data, pos) end
  while sum > 0xffff do sum = (sum & 0xffff) + (sum >> 16) end
  return ~sum & 0xffff
end

-- A general query with a router alert in front (RFC 2710, 3), as a frame of Ethernet.
local function query_frame (mac, source)
  local alert = string.pack(">BBBBI2BB", 58, 0, 5, 2, 0, 1, 0)
  local function message (sum) return string.pack(">BBI2I2I2", QUERY, 0, sum, 1, 0) .. string.rep("\0", 16) end
  local pseudo = source .. ALL_NODES .. string.pack(">I4I4", 24, 58)
  local body = alert .. message(checksum(pseudo .. message(0)))
  return ALL_NODES_MAC .. mac .. string.pack(">I2I4I2BB", 0x86dd, 0x60000000, #body, 0, 1) .. source .. ALL_NODES .. body
end

-- An address of the interface that is of the link only: the source that queries must have.
local function link_local (mac)
  local a, b, c, d, e, f = string.byte(mac, 1, 6)
  return "\xfe\x80" .. string.rep("\0", 6) .. string.char(a ~ 2, b, c, 0xff, 0xfe, d, e, f)
end

-- Where the message of ICMP begins in a packet, behind the options of every hop; nil if there is none.
local function icmp_at (packet)
  if #packet < IPV6_LEN then return nil end
  local following, at = string.byte(packet, 7), IPV6_LEN + 1
  if following == 0 then
    if #packet < at + 1 then return nil end
    local len
    following, len = string.byte(packet, at, at + 1)
    at = at + 8 * (len + 1)
  end
  return following == 58 and #packet >= at + 7 and at or nil
end

--- Asks a link for the groups it listens to, and collects the reports.
-- @param if_nfo The interface's table.
-- @param arg_timeout How many seconds to wait for reports. Default: 10.
-- @return A list of tables: the reporter's address as octets, and its report, the message's octets.
function mld_query (if_nfo, arg_timeout)
  local timeout = tonumber(arg_timeout) or 10
  local reports = {}
  local pcap = nmap.new_socket()
  pcap:set_timeout(500)
  pcap:pcap_open(if_nfo.device, 1500, false, "ip6[6:1] == 0x00 or ip6[6:1] == 0x3a")
  local dnet = nmap.new_dnet()
  dnet:ethernet_open(if_nfo.device)
  dnet:ethernet_send(query_frame(if_nfo.mac, link_local(if_nfo.mac)))
  dnet:ethernet_close()
  local start = nmap.clock_ms()
  while nmap.clock_ms() - start < timeout * 1000 and #reports < REPORTS_MAX do
    local status, _, _, packet = pcap:pcap_receive()
    local at = status and icmp_at(packet)
    local kind = at and string.byte(packet, at)
    if kind == REPORT_1 or kind == REPORT_2 then
      reports[#reports + 1] = { string.sub(packet, 9, 24), string.sub(packet, at) }
    end
  end
  pcap:pcap_close()
  return reports
end

--- Takes the addresses of groups out of reports.
-- @param reports What <code>mld_query</code> returned.
-- @return A table by the reporter's address of lists of the groups' addresses, as text.
function mld_report_addresses (reports)
  local found = {}
  for _, report in ipairs(reports) do
    local from, message = ipOps.str_to_ip(report[1]), report[2]
    local list = found[from] or {}
    found[from] = list
    local known = {}
    for _, address in ipairs(list) do known[address] = true end
    local function add (octets)
      local address = #octets == 16 and ipOps.str_to_ip(octets)
      if address and not known[address] then
        known[address] = true
        list[#list + 1] = address
      end
    end
    if string.byte(message) == REPORT_1 then
      add(string.sub(message, 9, 24))
    elseif #message >= 8 then
      -- Records: a kind, the length of more in words, how many sources, the group, the sources (RFC 3810, 5.2).
      local count, pos = string.unpack(">I2", message, 7), 9
      for _ = 1, math.min(count, RECORDS_MAX) do
        if pos + 19 > #message then break end
        local more, sources = string.unpack(">xBI2", message, pos)
        add(string.sub(message, pos + 4, pos + 19))
        pos = pos + 20 + 16 * sources + 4 * more
      end
    end
  end
  return found
end

return _ENV
