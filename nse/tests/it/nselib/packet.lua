local packet = require "packet"
local stdnse = require "stdnse"

local function hex (text) return stdnse.fromhex(text) end
local function parsed (text) return packet.Packet:new(hex(text), nil, true) end

-- RFC 1071, section 3, and a header of a known checksum.
equal(packet.in_cksum("\0\1\xF2\3\xF4\xF5\xF6\xF7"), ~0xDDF2 & 0xFFFF, "in_cksum")
equal(packet.in_cksum("\0\1\2"), ~0x0201 & 0xFFFF, "of odd length")

local tcp = parsed("4500002c1c4640004006b1f6c0a80068c0a8000100501f900000000100000002" .. "60121000abcd0000" .. "020405b4")
check("IPv4", '4 5 44 7238 true false 64 6 "192.168.0.104" "192.168.0.1"', tcp.ip_v, tcp.ip_hl, tcp.ip_len, tcp.ip_id,
  tcp.ip_df, tcp.ip_mf, tcp.ip_ttl, tcp.ip_p, tcp.ip_src, tcp.ip_dst)
check("TCP", "80 8080 1 2 18 true false 4096 1460 44", tcp.tcp_sport, tcp.tcp_dport, tcp.tcp_seq, tcp.tcp_ack,
  tcp.tcp_flags, tcp.tcp_th_syn, tcp.tcp_th_fin, tcp.tcp_win, tcp.tcp_opt_mss, tcp.tcp_data_offset)
check("kind of link", '"Ethernet"', tcp:tcp_lookup_link())
check("shown", '"TCP 192.168.0.104:80 -> 192.168.0.1:8080"', tostring(tcp))
tcp:ip_count_checksum()
local sum = tcp.ip_sum
equal(packet.in_cksum(tcp:raw(0, 20)), 0, "a header with its checksum sums up to 0")
tcp:tcp_set_dport(443)
tcp:tcp_set_flags(2)
tcp:tcp_count_checksum()
local again = packet.Packet:new(tcp.buf)
check("changed", "443 2 true " .. sum, again.tcp_dport, again.tcp_flags, again.tcp_sum == tcp.tcp_sum, again.ip_sum)
tcp:ip_set_options("\7\3\4")
check("options", "6 24 3 443", tcp.ip_hl, tcp.ip_data_offset, tcp.ip_options[1].len, packet.Packet:new(tcp.buf).tcp_dport)

local udp = parsed("4500001f000100004011f913c0a80068c0a80001" .. "00350036000b0000616263")
check("UDP", "53 54 11 0", udp.udp_sport, udp.udp_dport, udp.udp_len, udp.udp_sum)
udp:udp_count_checksum()
-- RFC 768: the sum over addresses, protocol, length and data.
equal(packet.in_cksum(udp.ip_bin_src .. udp.ip_bin_dst .. "\0\17\0\11" .. udp:raw(20, 11)), 0, "UDP checksum")

local icmp = parsed("45000020000100004001f922c0a80068c0a80001" .. "0800f7ff00010002" .. "61626364")
check("ICMP", "8 0 63487 1 2", icmp.icmp_type, icmp.icmp_code, icmp.icmp_sum, icmp.icmp_id, icmp.icmp_seq)
local unreachable = parsed("45000038000100004001f90ac0a80068c0a80001" .. "0303000000000000"
  .. "4500001c000100004011f916c0a80001c0a80068" .. "00350036000b0000")
check("what an ICMP message is about", '54 "UDP 192.168.0.1:53 -> 192.168.0.104:54"', unreachable.icmp_payload.udp_dport,
  unreachable.icmp_payload:tostring())

local head6 = "fe800000000000000000000000000001" .. "ff020000000000000000000000000001"
local icmp6 = parsed("6000000000103aff" .. head6 .. "8000000000010002" .. "6162636465666768")
check("ICMPv6", '6 58 255 "fe80::1" "ff02::1" 128 0 40', icmp6.ip_v, icmp6.ip6_nhdr, icmp6.ip6_hlimt, icmp6.ip_src,
  icmp6.ip_dst, icmp6.icmpv6_type, icmp6.icmpv6_code, icmp6.icmpv6_offset)
local extended = parsed("60000000001000ff" .. head6 .. "3a00050200000000" .. "8700000000010002")
check("an extension header", "58 48 135", extended.ip6_nhdr, extended.ip6_data_offset, extended.icmpv6_type)

-- What is built can be taken apart.
local p = packet.Packet:new()
p.ip_bin_src, p.ip_bin_dst = hex("c0a80068"), hex("c0a80001")
p:build_icmp_echo_request(5, 6, "data")
p:build_icmp_header()
p:build_ip_packet(nil, nil, nil, nil, 1)
local q = packet.Packet:new(p.buf)
check("echo request", '8 5 6 255 "192.168.0.1" 32', q.icmp_type, q.icmp_id, q.icmp_seq, q.ip_ttl, q.ip_dst, q.ip_len)
equal(packet.in_cksum(p.l3_packet), 0, "its checksum")
equal(packet.in_cksum(q:raw(0, 20)), 0, "its header's")
local p6 = packet.Packet:new()
p6:build_icmpv6_echo_request(5, 6, "data", nil, nil, hex(head6:sub(1, 32)), hex(head6:sub(33)))
p6:build_ipv6_packet()
local q6 = packet.Packet:new(p6.buf)
check("echo request of IPv6", "128 58 12 true", q6.icmpv6_type, q6.ip6_nhdr, q6.ip6_plen,
  q6:count_ipv6_pseudoheader_cksum() == q6:u16(42))
local frame = packet.Frame:new()
frame:build_ether_frame(hex("010203040506"), hex("060504030201"), packet.ETHER_TYPE_IPV4, p.buf)
local f = packet.Frame:new(frame.frame_buf)
check("frame", '2048 "\6\5\4\3\2\1" 8' and ('2048 %q 8'):format("\6\5\4\3\2\1"), f.ether_type, f.mac_src, f.icmp_type)

check("option of neighbour discovery", '"01010102030405' .. '06"', stdnse.tohex(p:set_icmpv6_option(1, hex("010203040506"))))
check("addresses", '"010203040506" "fe80000000000000030203fffe040506" nil', stdnse.tohex(packet.mactobin("01:02:03:04:05:06")),
  stdnse.tohex(packet.mac_to_lladdr(hex("010203040506"))), (packet.mactobin("01:02")))

-- Cut off anywhere, nothing breaks.
for _, whole in ipairs({ tcp.buf, udp.buf, icmp.buf, unreachable.buf, icmp6.buf, extended.buf }) do
  for len = 0, #whole do
    local one = packet.Packet:new(whole:sub(1, len), nil, true)
    if one then one:tostring() end
    local other = packet.Frame:new(("x"):rep(14) .. whole:sub(1, len))
    other:tostring()
  end
end
check("no IP", "nil nil", packet.Packet:new("\x70"), packet.Packet:new(""))

fuzz("packets", { tcp.buf, udp.buf, icmp.buf, unreachable.buf, icmp6.buf, extended.buf }, function (bytes)
  local one = packet.Packet:new(bytes, #bytes, true)
  if one then one:tostring() end
  packet.Frame:new(("x"):rep(14) .. bytes):tostring()
end)
