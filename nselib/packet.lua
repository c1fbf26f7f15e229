---
-- Takes packets apart and builds them: Ethernet, IPv4, IPv6, TCP, UDP, ICMP, ICMPv6.
--
-- A packet is an object whose fields are filled by parsing: <code>ip_v</code>, <code>ip_src</code>, <code>ip_p</code>,
-- <code>tcp_sport</code>, <code>icmp_type</code> and so on; <code>buf</code> has the bytes. Positions count from 0, as in
-- the protocols' documents. A packet that is cut off or makes no sense has only the fields up to there.
--
-- @usage
-- local p = packet.Packet:new(bytes, #bytes)
-- if p and p.tcp then print(p.ip_src, p.tcp_sport) end
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("packet", stdnse.seeall)

-- Types of Ethernet frames, as the two bytes of their head.
ETHER_TYPE_IPV4 = "\x08\x00"
ETHER_TYPE_IPV6 = "\x86\xDD"
ETHER_TYPE_PROFINET = "\x88\x92"
ETHER_TYPE_PPPOE_DISCOVERY = "\x88\x63"
ETHER_TYPE_PPPOE_SESSION = "\x88\x64"
ETHER_TYPE_EAPOL = "\x88\x8E"
ETHER_TYPE_ATAOE = "\x88\xA2"

-- IANA's numbers of protocols.
IPPROTO_IP, IPPROTO_ICMP, IPPROTO_IGMP, IPPROTO_IPIP, IPPROTO_TCP, IPPROTO_EGP = 0, 1, 2, 4, 6, 8
IPPROTO_PUP, IPPROTO_UDP, IPPROTO_IDP, IPPROTO_DCCP, IPPROTO_RSVP, IPPROTO_GRE = 12, 17, 22, 33, 46, 47
IPPROTO_IPV6, IPPROTO_ESP, IPPROTO_AH, IPPROTO_ICMPV6, IPPROTO_DSTOPTS = 41, 50, 51, 58, 60
IPPROTO_BEETPH, IPPROTO_PIM, IPPROTO_COMP, IPPROTO_SCTP, IPPROTO_UDPLITE = 94, 103, 108, 132, 136
IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT = 0, 43, 44

-- Types of ICMP, of ICMPv6, and of options of neighbour discovery (RFC 792, 4443, 4861, 2710, 3810).
ICMP_ECHO_REPLY, ICMP_ECHO_REQUEST = 0, 8
ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY = 128, 129
MLD_LISTENER_QUERY, MLD_LISTENER_REPORT, MLD_LISTENER_REDUCTION, MLDV2_LISTENER_REPORT = 130, 131, 132, 143
ND_ROUTER_SOLICIT, ND_ROUTER_ADVERT, ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT, ND_REDIRECT = 133, 134, 135, 136, 137
ND_OPT_SOURCE_LINKADDR, ND_OPT_TARGET_LINKADDR, ND_OPT_PREFIX_INFORMATION, ND_OPT_REDIRECTED_HEADER = 1, 2, 3, 4
ND_OPT_MTU, ND_OPT_RTR_ADV_INTERVAL, ND_OPT_HOME_AGENT_INFO = 5, 7, 8

local IP_HEAD, IP6_HEAD, TCP_HEAD, UDP_HEAD, ICMP_HEAD, ETHER_HEAD = 20, 40, 20, 8, 8, 14
local HOPS_DEFAULT = 255

-- Extension headers and options in one packet.
local EXTENSIONS_MAX, OPTIONS_MAX = 32, 64

--- The checksum of the Internet protocols, RFC 1071.
-- @param b The bytes.
-- @return A number of 16 bits.
function in_cksum (b)
  local sum = 0
  if #b % 2 == 1 then b = b .. "\0" end
  for at = 1, #b, 2 do
    local high, low = string.byte(b, at, at + 1)
    sum = sum + (high << 8 | low)
  end
  while sum > 0xFFFF do sum = (sum & 0xFFFF) + (sum >> 16) end
  return ~sum & 0xFFFF
end

--- Converts a hardware address from text.
-- @param str Six pairs of hexadecimal digits with colons between them.
-- @return Six bytes, or nil and a message.
function mactobin (str)
  local digits = string.gsub(tostring(str), "[:%-]", "")
  if not string.find(digits, "^%x+$") or #digits ~= 12 then return nil, "no hardware address: " .. tostring(str) end
  return stdnse.fromhex(digits)
end

--- Makes the link-local IPv6 address of a hardware address (RFC 4291, appendix A).
-- @param mac Six bytes.
-- @return 16 bytes, or nil.
function mac_to_lladdr (mac)
  if not mac or #mac ~= 6 then return nil, "a hardware address has six bytes" end
  local first = string.byte(mac) ~ 2
  return "\xFE\x80\0\0\0\0\0\0" .. string.char(first) .. string.sub(mac, 2, 3) .. "\xFF\xFE" .. string.sub(mac, 4)
end

-- Packet: parsing ---------------------------------------------------------------------------------------------------

--- A packet from its IP header on.
-- @class table
-- @name Packet
Packet = {}
Packet.__index = Packet

--- Makes a packet.
-- @name Packet.new
-- @param packet Its bytes; nil for one that will be built.
-- @param packet_len How many bytes count. Default: all.
-- @param force_continue True to go on where a field makes no sense.
-- @return The packet, or nil if it is no IP packet.
function Packet:new (packet, packet_len, force_continue)
  local object = setmetatable({}, self)
  if not packet then return object end
  object.buf = packet
  object.packet_len = packet_len or #packet
  local version = #packet > 0 and object:u8(0) >> 4
  if version == 6 then
    if not object:ip6_parse(force_continue) then return nil end
    while object:ipv6_is_extension_header() do
      if not object:ipv6_ext_header_parse(force_continue) then return object end
    end
  elseif version == 4 then
    if not object:ip_parse(force_continue) then return nil end
  else
    return nil
  end
  if object.ip_p == IPPROTO_TCP then
    object:tcp_parse(force_continue)
  elseif object.ip_p == IPPROTO_UDP then
    object:udp_parse(force_continue)
  elseif object.ip_p == IPPROTO_ICMP and object.ip then
    object:icmp_parse(force_continue)
  elseif object.ip_p == IPPROTO_ICMPV6 and object.ip6 then
    object:icmpv6_parse(force_continue)
  end
  return object
end

--- One byte.
-- @name Packet.u8
-- @param index Where it is.
-- @return A number; nil beyond the end.
function Packet:u8 (index) return (string.byte(self.buf, index + 1)) end

--- Two bytes.
-- @name Packet.u16
-- @param index Where they are.
-- @return A number; nil beyond the end.
function Packet:u16 (index)
  if index + 2 > #self.buf then return nil end
  return (string.unpack(">I2", self.buf, index + 1))
end

--- Four bytes.
-- @name Packet.u32
-- @param index Where they are.
-- @return A number; nil beyond the end.
function Packet:u32 (index)
  if index + 4 > #self.buf then return nil end
  return (string.unpack(">I4", self.buf, index + 1))
end

--- Some bytes.
-- @name Packet.raw
-- @param index Where they start.
-- @param length How many. Default: all up to the end.
-- @return A string.
function Packet:raw (index, length)
  return string.sub(self.buf, index + 1, length and index + length or -1)
end

local function overwrite (self, index, bytes)
  self.buf = string.sub(self.buf, 1, index) .. bytes .. string.sub(self.buf, index + #bytes + 1)
end

--- Sets one byte.
-- @name Packet.set_u8
-- @param index Where it is.
-- @param num The number.
function Packet:set_u8 (index, num) overwrite(self, index, string.char(num & 0xFF)) end

--- Sets two bytes.
-- @name Packet.set_u16
-- @param index Where they are.
-- @param num The number.
function Packet:set_u16 (index, num) overwrite(self, index, string.pack(">I2", num & 0xFFFF)) end

--- Sets four bytes.
-- @name Packet.set_u32
-- @param index Where they are.
-- @param num The number.
function Packet:set_u32 (index, num) overwrite(self, index, string.pack(">I4", num & 0xFFFFFFFF)) end

--- Reads options of IPv4 or TCP: a list of <code>{type=, len=, data=}</code>.
-- @name Packet.parse_options
-- @param offset Where they start.
-- @param length How many bytes they have.
-- @return The list.
function Packet:parse_options (offset, length)
  local options, at, last = {}, offset, offset + length
  while at < last and #options < OPTIONS_MAX do
    local kind = self:u8(at)
    if not kind or kind == 0 then break end
    if kind == 1 then
      options[#options + 1] = { type = 1, len = 1, data = "" }
      at = at + 1
    else
      local len = self:u8(at + 1)
      if not len or len < 2 or at + len > last then break end
      options[#options + 1] = { type = kind, len = len, data = self:raw(at + 2, len - 2) }
      at = at + len
    end
  end
  return options
end

--- Reads the IPv4 header.
-- @name Packet.ip_parse
-- @param force_continue True to go on with a header that makes no sense.
-- @return True if there is one.
function Packet:ip_parse (force_continue)
  self.ip_offset = 0
  if #self.buf < IP_HEAD then return false end
  local first, tos, len, id, off, ttl, p, sum, src, dst = string.unpack(">BBI2I2I2BBI2c4c4", self.buf)
  self.ip_v, self.ip_hl = first >> 4, first & 15
  if self.ip_v ~= 4 or (self.ip_hl < 5 and not force_continue) then return false end
  self.ip = true
  self.ip_tos, self.ip_len, self.ip_id = tos, len, id
  self.ip_rf, self.ip_df, self.ip_mf = off & 0x8000 ~= 0, off & 0x4000 ~= 0, off & 0x2000 ~= 0
  self.ip_off = off & 0x1FFF
  self.ip_ttl, self.ip_p, self.ip_sum = ttl, p, sum
  self.ip_bin_src, self.ip_bin_dst = src, dst
  self.ip_src, self.ip_dst = ipOps.str_to_ip(src), ipOps.str_to_ip(dst)
  self.ip_opt_offset = IP_HEAD
  self.ip_data_offset = 4 * self.ip_hl
  self.ip_options = self:parse_options(IP_HEAD, self.ip_data_offset - IP_HEAD)
  return true
end

--- Reads the IPv6 header.
-- @name Packet.ip6_parse
-- @param force_continue Not used.
-- @return True if there is one.
function Packet:ip6_parse (force_continue)
  self.ip6_offset = 0
  if #self.buf < IP6_HEAD then return false end
  local first, plen, nhdr, hops, src, dst = string.unpack(">I4I2BBc16c16", self.buf)
  self.ip_v = first >> 28
  if self.ip_v ~= 6 then return false end
  self.ip6 = true
  self.ip6_tc, self.ip6_fl = first >> 20 & 0xFF, first & 0xFFFFF
  self.ip6_plen, self.ip6_nhdr, self.ip6_hlimt = plen, nhdr, hops
  self.ip_p = nhdr
  self.ip_bin_src, self.ip_bin_dst = src, dst
  self.ip_src, self.ip_dst = ipOps.str_to_ip(src), ipOps.str_to_ip(dst)
  self.ip6_data_offset = IP6_HEAD
  return true
end

local EXTENSIONS = {
  [IPPROTO_HOPOPTS] = true, [IPPROTO_ROUTING] = true, [IPPROTO_FRAGMENT] = true, [IPPROTO_AH] = true,
  [IPPROTO_DSTOPTS] = true,
}

--- Tells whether a number of IPv6 stands for an extension header.
-- @name Packet.ipv6_is_extension_header
-- @param nhdr The number. Default: that of the header to come.
-- @return True or false.
function Packet:ipv6_is_extension_header (nhdr) return EXTENSIONS[nhdr or self.ip6_nhdr] == true end

--- Reads one extension header; field <code>ip6_nhdr</code> says what follows.
-- @name Packet.ipv6_ext_header_parse
-- @param force_continue Not used.
-- @return True if it is whole.
function Packet:ipv6_ext_header_parse (force_continue)
  local at = self.ip6_data_offset
  local nhdr, len = self:u8(at), self:u8(at + 1)
  self.ext_count = (self.ext_count or 0) + 1
  if not len or self.ext_count > EXTENSIONS_MAX then return false end
  local bytes = 8 * (len + 1)
  if self.ip6_nhdr == IPPROTO_FRAGMENT then
    bytes = 8
  elseif self.ip6_nhdr == IPPROTO_AH then
    bytes = 4 * (len + 2)
  end
  if at + bytes > #self.buf then return false end
  self.ip6_nhdr, self.ip_p = nhdr, nhdr
  self.ip6_data_offset = at + bytes
  return true
end

local function data_offset (self) return self.ip and self.ip_data_offset or self.ip6_data_offset end

-- Bytes from there to the packet's end.
local function length_from (self, at)
  local last = self.ip and self.ip_len or (self.ip6_plen and IP6_HEAD + self.ip6_plen) or #self.buf
  return last - at
end

--- Reads the ICMP header.
-- @name Packet.icmp_parse
-- @param force_continue Not used.
-- @return True if there is one.
function Packet:icmp_parse (force_continue)
  local at = data_offset(self)
  self.icmp_offset = at
  if #self.buf < at + ICMP_HEAD then return false end
  self.icmp = true
  self.icmp_type, self.icmp_code, self.icmp_sum = self:u8(at), self:u8(at + 1), self:u16(at + 2)
  local kind = self.icmp_type
  if kind == ICMP_ECHO_REPLY or kind == ICMP_ECHO_REQUEST then
    self.icmp_id, self.icmp_seq = self:u16(at + 4), self:u16(at + 6)
  elseif kind == 3 or kind == 11 or kind == 12 then
    -- What the message is about comes along.
    self.icmp_payload = Packet:new(self:raw(at + ICMP_HEAD, #self.buf), nil, true)
  end
  return true
end

--- Reads the ICMPv6 header.
-- @name Packet.icmpv6_parse
-- @param force_continue Not used.
-- @return True if there is one.
function Packet:icmpv6_parse (force_continue)
  local at = data_offset(self)
  self.icmpv6_offset = at
  if #self.buf < at + 4 then return false end
  self.icmpv6 = true
  self.icmpv6_type, self.icmpv6_code = self:u8(at), self:u8(at + 1)
  return true
end

--- Reads the UDP header.
-- @name Packet.udp_parse
-- @param force_continue Not used.
-- @return True if there is one.
function Packet:udp_parse (force_continue)
  local at = data_offset(self)
  self.udp_offset = at
  if #self.buf < at + UDP_HEAD then return false end
  self.udp = true
  self.udp_sport, self.udp_dport, self.udp_len, self.udp_sum = string.unpack(">I2I2I2I2", self.buf, at + 1)
  return true
end

local FLAGS = { "fin", "syn", "rst", "push", "ack", "urg", "ece", "cwr" }

--- Reads the TCP header.
-- @name Packet.tcp_parse
-- @param force_continue True to go on with a header that makes no sense.
-- @return True if there is one.
function Packet:tcp_parse (force_continue)
  local at = data_offset(self)
  self.tcp_offset = at
  if #self.buf < at + TCP_HEAD then return false end
  local sport, dport, seq, ack, length, flags, win, sum, urp = string.unpack(">I2I2I4I4BBI2I2I2", self.buf, at + 1)
  self.tcp = true
  self.tcp_sport, self.tcp_dport, self.tcp_seq, self.tcp_ack = sport, dport, seq, ack
  self.tcp_hl, self.tcp_x2, self.tcp_flags = length >> 4, length & 15, flags
  for i, name in ipairs(FLAGS) do self["tcp_th_" .. name] = flags >> (i - 1) & 1 == 1 end
  self.tcp_win, self.tcp_sum, self.tcp_urp = win, sum, urp
  self.tcp_opt_offset = at + TCP_HEAD
  self.tcp_data_offset = at + 4 * self.tcp_hl
  if self.tcp_hl < 5 and not force_continue then return false end
  self.tcp_data_length = length_from(self, self.tcp_data_offset)
  self:tcp_parse_options()
  return true
end

--- Reads the options of TCP into <code>tcp_options</code>, and the fields <code>tcp_opt_mss</code>,
-- <code>tcp_opt_ws</code>, <code>tcp_opt_t1</code> and <code>tcp_opt_t2</code>.
-- @name Packet.tcp_parse_options
function Packet:tcp_parse_options ()
  self.tcp_options = self:parse_options(self.tcp_opt_offset, self.tcp_data_offset - self.tcp_opt_offset)
  for _, option in ipairs(self.tcp_options) do
    local data = option.data
    if option.type == 2 and #data == 2 then
      self.tcp_opt_mss = string.unpack(">I2", data)
    elseif option.type == 3 and #data == 1 then
      self.tcp_opt_ws = string.byte(data)
    elseif option.type == 8 and #data == 8 then
      self.tcp_opt_t1, self.tcp_opt_t2 = string.unpack(">I4I4", data)
    end
  end
end

-- Segment sizes that kinds of links leave, with what they suggest.
local LINKS = {
  [265] = "SLIP", [536] = "default", [1360] = "VPN", [1380] = "VPN", [1400] = "VPN", [1412] = "PPPoE or DSL",
  [1414] = "PPPoE or DSL", [1452] = "PPPoE or DSL", [1440] = "Ethernet with IPv6", [1460] = "Ethernet", [4312] = "FDDI",
  [8960] = "Ethernet, jumbo frames", [16396] = "loopback", [65495] = "loopback",
}

--- Guesses the kind of link from the segment size.
-- @name Packet.tcp_lookup_link
-- @return A name, <code>unspecified</code> without a size, <code>unknown</code> for others.
function Packet:tcp_lookup_link ()
  if not self.tcp_opt_mss then return "unspecified" end
  return LINKS[self.tcp_opt_mss] or "unknown"
end

-- Packet: changing ----------------------------------------------------------------------------------------------------

--- Sets the length of the IPv4 header, in words.
-- @name Packet.ip_set_hl
-- @param len The number.
function Packet:ip_set_hl (len)
  self:set_u8(self.ip_offset, self.ip_v << 4 | len)
  self.ip_hl = len
end

--- Sets the length of the IPv4 packet.
-- @name Packet.ip_set_len
-- @param len Bytes.
function Packet:ip_set_len (len)
  self:set_u16(self.ip_offset + 2, len)
  self.ip_len = len
end

--- Sets the identification.
-- @name Packet.ip_set_id
-- @param id The number.
function Packet:ip_set_id (id)
  self:set_u16(self.ip_offset + 4, id)
  self.ip_id = id
end

--- Sets the time to live.
-- @name Packet.ip_set_ttl
-- @param ttl Hops.
function Packet:ip_set_ttl (ttl)
  self:set_u8(self.ip_offset + 8, ttl)
  self.ip_ttl = ttl
end

--- Sets the checksum of the header.
-- @name Packet.ip_set_checksum
-- @param checksum The number.
function Packet:ip_set_checksum (checksum)
  self:set_u16(self.ip_offset + 10, checksum)
  self.ip_sum = checksum
end

--- Sets the checksum of the header to what it has to be.
-- @name Packet.ip_count_checksum
function Packet:ip_count_checksum ()
  self:ip_set_checksum(0)
  self:ip_set_checksum(in_cksum(self:raw(self.ip_offset, 4 * self.ip_hl)))
end

--- Sets the source address.
-- @name Packet.ip_set_bin_src
-- @param binip 4 bytes, or 16 of an IPv6 packet.
function Packet:ip_set_bin_src (binip)
  overwrite(self, self.ip6 and 8 or 12, binip)
  self.ip_bin_src, self.ip_src = binip, ipOps.str_to_ip(binip)
end

--- Sets the destination address.
-- @name Packet.ip_set_bin_dst
-- @param binip 4 bytes, or 16 of an IPv6 packet.
function Packet:ip_set_bin_dst (binip)
  overwrite(self, self.ip6 and 24 or 16, binip)
  self.ip_bin_dst, self.ip_dst = binip, ipOps.str_to_ip(binip)
end

--- Puts options into the IPv4 header; lengths follow.
-- @name Packet.ip_set_options
-- @param ipoptions Bytes.
function Packet:ip_set_options (ipoptions)
  local bytes = ipoptions .. string.rep("\0", -#ipoptions % 4)
  self.buf = string.sub(self.buf, 1, self.ip_offset + IP_HEAD) .. bytes .. string.sub(self.buf, self.ip_data_offset + 1)
  self:ip_set_hl(5 + #bytes // 4)
  self:ip_set_len(#self.buf)
  self.ip_data_offset = 4 * self.ip_hl
  self.ip_options = self:parse_options(IP_HEAD, #bytes)
  for _, name in ipairs({ "tcp_offset", "udp_offset", "icmp_offset" }) do
    if self[name] then self[name] = self.ip_data_offset end
  end
  self.packet_len = #self.buf
end

--- Sets the length of what follows the IPv6 header.
-- @name Packet.ip6_set_plen
-- @param plen Bytes.
function Packet:ip6_set_plen (plen)
  self:set_u16(self.ip6_offset + 4, plen)
  self.ip6_plen = plen
end

--- Sets the checksum of ICMPv6.
-- @name Packet.set_icmp6_cksum
-- @param check_sum The number.
function Packet:set_icmp6_cksum (check_sum) self:set_u16(self.icmpv6_offset + 2, check_sum) end

local function setter (field, offset, at, method)
  return function (self, number)
    self[method](self, self[offset] + at, number)
    self[field] = number
  end
end

Packet.tcp_set_sport = setter("tcp_sport", "tcp_offset", 0, "set_u16")
Packet.tcp_set_dport = setter("tcp_dport", "tcp_offset", 2, "set_u16")
Packet.tcp_set_seq = setter("tcp_seq", "tcp_offset", 4, "set_u32")
Packet.tcp_set_flags = setter("tcp_flags", "tcp_offset", 13, "set_u8")
Packet.tcp_set_checksum = setter("tcp_sum", "tcp_offset", 16, "set_u16")
Packet.tcp_set_urp = setter("tcp_urp", "tcp_offset", 18, "set_u16")
Packet.udp_set_sport = setter("udp_sport", "udp_offset", 0, "set_u16")
Packet.udp_set_dport = setter("udp_dport", "udp_offset", 2, "set_u16")
Packet.udp_set_length = setter("udp_len", "udp_offset", 4, "set_u16")
Packet.udp_set_checksum = setter("udp_sum", "udp_offset", 6, "set_u16")

-- The checksum of a transport with the addresses before it (RFC 793, RFC 8200 section 8.1).
local function transport_sum (self, protocol, bytes)
  local head = self.ip_bin_src .. self.ip_bin_dst
  if #self.ip_bin_src == 16 then
    head = head .. string.pack(">I4I4", #bytes, protocol)
  else
    head = head .. string.pack(">BBI2", 0, protocol, #bytes)
  end
  return in_cksum(head .. bytes)
end

--- Sets the checksum of TCP to what it has to be.
-- @name Packet.tcp_count_checksum
function Packet:tcp_count_checksum ()
  self:tcp_set_checksum(0)
  self:tcp_set_checksum(transport_sum(self, IPPROTO_TCP, self:raw(self.tcp_offset, length_from(self, self.tcp_offset))))
end

--- Sets the checksum of UDP to what it has to be.
-- @name Packet.udp_count_checksum
function Packet:udp_count_checksum ()
  self:udp_set_checksum(0)
  local sum = transport_sum(self, IPPROTO_UDP, self:raw(self.udp_offset, length_from(self, self.udp_offset)))
  -- 0 says that there is none.
  self:udp_set_checksum(sum == 0 and 0xFFFF or sum)
end

-- Packet: building ----------------------------------------------------------------------------------------------------

--- Builds an IPv4 packet in <code>buf</code>; what is left out is taken from the packet's fields.
-- @name Packet.build_ip_packet
-- @param src Source, 4 bytes.
-- @param dst Destination, 4 bytes.
-- @param payload What follows the header. Default: field <code>l3_packet</code>.
-- @param dsf Type of service. Default 0.
-- @param id Identification. Default: random.
-- @param flags Three bits. Default 0.
-- @param off Offset of a fragment. Default 0.
-- @param ttl Hops. Default 255.
-- @param proto Number of the protocol. Default: field <code>ip_p</code>.
function Packet:build_ip_packet (src, dst, payload, dsf, id, flags, off, ttl, proto)
  self.ether_type = ETHER_TYPE_IPV4
  self.ip_v = 4
  self.ip_bin_src, self.ip_bin_dst = src or self.ip_bin_src, dst or self.ip_bin_dst
  self.l3_packet = payload or self.l3_packet or ""
  self.ip_dsf, self.ip_off, self.flags = dsf or self.ip_dsf or 0, off or self.ip_off or 0, flags or self.flags or 0
  self.ip_id = id or self.ip_id or math.random(0xFFFF)
  self.ip_ttl, self.ip_p = ttl or self.ip_ttl or HOPS_DEFAULT, proto or self.ip_p or 0
  self.buf = string.pack(">BBI2I2I2BBI2", 0x45, self.ip_dsf, IP_HEAD + #self.l3_packet, self.ip_id,
    self.flags << 13 | self.ip_off, self.ip_ttl, self.ip_p, 0) .. self.ip_bin_src .. self.ip_bin_dst
  self:set_u16(10, in_cksum(self.buf))
  self.buf = self.buf .. self.l3_packet
end

--- Builds an IPv6 packet in <code>buf</code>; what is left out is taken from the packet's fields.
-- @name Packet.build_ipv6_packet
-- @param src Source, 16 bytes.
-- @param dst Destination, 16 bytes.
-- @param nx_hdr Number of what follows. Default: field <code>ip6_nhdr</code>.
-- @param payload What follows. Default: fields <code>exheader</code> and <code>l4_packet</code>.
-- @param h_limit Hops. Default 255.
-- @param t_class Traffic class. Default 0.
-- @param f_label Flow label. Default 0.
function Packet:build_ipv6_packet (src, dst, nx_hdr, payload, h_limit, t_class, f_label)
  self.ether_type = ETHER_TYPE_IPV6
  self.ip_v = 6
  self.ip_bin_src, self.ip_bin_dst = src or self.ip_bin_src, dst or self.ip_bin_dst
  self.ip6_nhdr = nx_hdr or self.ip6_nhdr
  self.ip6_tc, self.ip6_fl = t_class or self.ip6_tc or 0, f_label or self.ip6_fl or 0
  self.ip6_hlimit = h_limit or self.ip6_hlimit or HOPS_DEFAULT
  payload = payload or (self.exheader or "") .. (self.l4_packet or "")
  self.ip6_plen = #payload
  self.buf = string.pack(">I4I2BB", 6 << 28 | self.ip6_tc << 20 | self.ip6_fl, #payload, self.ip6_nhdr, self.ip6_hlimit)
    .. self.ip_bin_src .. self.ip_bin_dst .. payload
end

--- Builds an ICMP message in <code>l3_packet</code>.
-- @name Packet.build_icmp_header
-- @param icmp_type Its type. Default: field <code>icmp_type</code>.
-- @param icmp_code Its code. Default: field <code>icmp_code</code>, or 0.
-- @param icmp_payload What follows the checksum. Default: field <code>icmp_payload</code>.
-- @param ip_bin_src Source, kept for the IP header.
-- @param ip_bin_dst Destination, kept for the IP header.
function Packet:build_icmp_header (icmp_type, icmp_code, icmp_payload, ip_bin_src, ip_bin_dst)
  self.ip_p = IPPROTO_ICMP
  self.icmp_type, self.icmp_code = icmp_type or self.icmp_type, icmp_code or self.icmp_code or 0
  self.icmp_payload = icmp_payload or self.icmp_payload or ""
  self.ip_bin_src, self.ip_bin_dst = ip_bin_src or self.ip_bin_src, ip_bin_dst or self.ip_bin_dst
  local head = string.char(self.icmp_type, self.icmp_code)
  local sum = in_cksum(head .. "\0\0" .. self.icmp_payload)
  self.l3_packet = head .. string.pack(">I2", sum) .. self.icmp_payload
end

local function note_addresses (self, mac_src, mac_dst, ip_bin_src, ip_bin_dst)
  self.mac_src, self.mac_dst = mac_src or self.mac_src, mac_dst or self.mac_dst
  self.ip_bin_src, self.ip_bin_dst = ip_bin_src or self.ip_bin_src, ip_bin_dst or self.ip_bin_dst
end

--- Builds an ICMP echo request in <code>l3_packet</code>.
-- @name Packet.build_icmp_echo_request
-- @param id Identifier.
-- @param seq Sequence number.
-- @param data What to send along.
-- @param mac_src Source hardware address.
-- @param mac_dst Destination hardware address.
-- @param ip_bin_src Source.
-- @param ip_bin_dst Destination.
function Packet:build_icmp_echo_request (id, seq, data, mac_src, mac_dst, ip_bin_src, ip_bin_dst)
  note_addresses(self, mac_src, mac_dst, ip_bin_src, ip_bin_dst)
  self.echo_id, self.echo_seq, self.echo_data = id or self.echo_id or 0, seq or self.echo_seq or 0, data or self.echo_data or ""
  self.icmp_type, self.icmp_code = ICMP_ECHO_REQUEST, 0
  self.icmp_payload = string.pack(">I2I2", self.echo_id, self.echo_seq) .. self.echo_data
  self:build_icmp_header()
end

--- Builds an ICMPv6 message in <code>l4_packet</code>.
-- @name Packet.build_icmpv6_header
-- @param icmpv6_type Its type. Default: field <code>icmpv6_type</code>.
-- @param icmpv6_code Its code. Default: field <code>icmpv6_code</code>, or 0.
-- @param icmpv6_payload What follows the checksum. Default: field <code>icmpv6_payload</code>.
-- @param ip_bin_src Source, which the checksum covers.
-- @param ip_bin_dst Destination, which the checksum covers.
function Packet:build_icmpv6_header (icmpv6_type, icmpv6_code, icmpv6_payload, ip_bin_src, ip_bin_dst)
  self.ip6_nhdr = self.ip6_nhdr or IPPROTO_ICMPV6
  self.icmpv6_type, self.icmpv6_code = icmpv6_type or self.icmpv6_type, icmpv6_code or self.icmpv6_code or 0
  self.icmpv6_payload = icmpv6_payload or self.icmpv6_payload or ""
  self.ip_bin_src, self.ip_bin_dst = ip_bin_src or self.ip_bin_src, ip_bin_dst or self.ip_bin_dst
  local head = string.char(self.icmpv6_type, self.icmpv6_code)
  local sum = transport_sum(self, IPPROTO_ICMPV6, head .. "\0\0" .. self.icmpv6_payload)
  self.l4_packet = head .. string.pack(">I2", sum) .. self.icmpv6_payload
end

--- Builds an ICMPv6 echo request in <code>l4_packet</code>.
-- @name Packet.build_icmpv6_echo_request
-- @param id Identifier.
-- @param sequence Sequence number.
-- @param data What to send along.
-- @param mac_src Source hardware address.
-- @param mac_dst Destination hardware address.
-- @param ip_bin_src Source.
-- @param ip_bin_dst Destination.
-- @param tc Traffic class.
-- @param fl Flow label.
-- @param hop_limit Hops.
function Packet:build_icmpv6_echo_request (id, sequence, data, mac_src, mac_dst, ip_bin_src, ip_bin_dst, tc, fl, hop_limit)
  note_addresses(self, mac_src, mac_dst, ip_bin_src, ip_bin_dst)
  self.ip6_tc, self.ip6_fl, self.ip6_hlimit = tc or self.ip6_tc, fl or self.ip6_fl, hop_limit or self.ip6_hlimit
  self.ip6_nhdr = IPPROTO_ICMPV6
  self.echo_id, self.echo_seq, self.echo_data = id or self.echo_id or 0, sequence or self.echo_seq or 0, data or self.echo_data or ""
  self.icmpv6_type, self.icmpv6_code = ICMP6_ECHO_REQUEST, 0
  self.icmpv6_payload = string.pack(">I2I2", self.echo_id, self.echo_seq) .. self.echo_data
  self:build_icmpv6_header()
end

--- Makes an option of neighbour discovery.
-- @name Packet.set_icmpv6_option
-- @param opt_type Its type.
-- @param msg Its contents, filled up to a multiple of eight bytes.
-- @return Bytes.
function Packet:set_icmpv6_option (opt_type, msg)
  msg = msg .. string.rep("\0", -(#msg + 2) % 8)
  return string.char(opt_type, (#msg + 2) // 8) .. msg
end

--- The checksum of the ICMPv6 message in <code>buf</code>.
-- @name Packet.count_ipv6_pseudoheader_cksum
-- @return A number.
function Packet:count_ipv6_pseudoheader_cksum ()
  local at = self.icmpv6_offset
  local bytes = self:raw(at, length_from(self, at))
  return transport_sum(self, IPPROTO_ICMPV6, string.sub(bytes, 1, 2) .. "\0\0" .. string.sub(bytes, 5))
end

-- Packet: showing -----------------------------------------------------------------------------------------------------

--- Shows addresses and protocol.
-- @name Packet.ip_tostring
-- @return A string.
function Packet:ip_tostring () return string.format("IP %s -> %s", tostring(self.ip_src), tostring(self.ip_dst)) end

--- Shows addresses and ports.
-- @name Packet.tcp_tostring
-- @return A string.
function Packet:tcp_tostring ()
  return string.format("TCP %s:%d -> %s:%d", self.ip_src, self.tcp_sport, self.ip_dst, self.tcp_dport)
end

--- Shows addresses and ports.
-- @name Packet.udp_tostring
-- @return A string.
function Packet:udp_tostring ()
  return string.format("UDP %s:%d -> %s:%d", self.ip_src, self.udp_sport, self.ip_dst, self.udp_dport)
end

--- Shows addresses, type and code.
-- @name Packet.icmp_tostring
-- @return A string.
function Packet:icmp_tostring ()
  local inner = type(self.icmp_payload) == "table" and " [" .. self.icmp_payload:tostring() .. "]" or ""
  return string.format("ICMP %s -> %s type %d code %d%s", self.ip_src, self.ip_dst, self.icmp_type, self.icmp_code, inner)
end

--- Shows the packet.
-- @name Packet.tostring
-- @return A string.
function Packet:tostring ()
  if self.tcp then return self:tcp_tostring() end
  if self.udp then return self:udp_tostring() end
  if self.icmp then return self:icmp_tostring() end
  if self.icmpv6 then
    return string.format("ICMPv6 %s -> %s type %d code %d", self.ip_src, self.ip_dst, self.icmpv6_type, self.icmpv6_code)
  end
  return self:ip_tostring()
end

Packet.__tostring = Packet.tostring

-- Frame ---------------------------------------------------------------------------------------------------------------

--- An Ethernet frame; what it carries is taken apart into the same object.
-- @class table
-- @name Frame
Frame = {}

function Frame.__index (self, key)
  local own = Frame[key]
  if own ~= nil then return own end
  return Packet[key]
end

--- Makes a frame.
-- @name Frame.new
-- @param frame Its bytes; nil for one that will be built.
-- @param force_continue As for <code>Packet.new</code>.
-- @return The frame.
function Frame:new (frame, force_continue)
  local object = {}
  if frame then
    object = Packet:new(string.sub(frame, ETHER_HEAD + 1), nil, force_continue) or { buf = string.sub(frame, ETHER_HEAD + 1) }
    object.frame_buf = frame
  end
  setmetatable(object, self)
  if frame then object:ether_parse() end
  return object
end

--- Reads the frame's head.
-- @name Frame.ether_parse
-- @return True if there is one.
function Frame:ether_parse ()
  if #self.frame_buf < ETHER_HEAD then return false end
  self.mac_dst, self.mac_src, self.ether_type = string.unpack(">c6c6I2", self.frame_buf)
  return true
end

--- Builds the frame in <code>frame_buf</code>.
-- @name Frame.build_ether_frame
-- @param mac_dst Destination, six bytes.
-- @param mac_src Source, six bytes.
-- @param ether_type Two bytes, or the number.
-- @param packet What it carries. Default: <code>buf</code>.
function Frame:build_ether_frame (mac_dst, mac_src, ether_type, packet)
  self.mac_dst, self.mac_src = mac_dst or self.mac_dst, mac_src or self.mac_src
  self.ether_type = ether_type or self.ether_type
  self.buf = packet or self.buf
  local kind = self.ether_type
  if type(kind) == "number" then kind = string.pack(">I2", kind) end
  self.frame_buf = self.mac_dst .. self.mac_src .. kind .. self.buf
end

--- Puts the packet into a frame in <code>frame_buf</code>.
-- @name Packet.build_ether_frame
-- @class function
-- @param mac_dst Destination, six bytes.
-- @param mac_src Source, six bytes.
-- @param ether_type Two bytes, or the number.
-- @param packet What it carries. Default: <code>buf</code>.
Packet.build_ether_frame = Frame.build_ether_frame

return _ENV
