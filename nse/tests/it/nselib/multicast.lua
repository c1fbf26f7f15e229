local ipOps = require "ipOps"
local multicast = require "multicast"
local stdnse = require "stdnse"

local hex = stdnse.tohex
local octets = ipOps.ip_to_str

-- RFC 3810, 5.2 and RFC 2710, 3: reports of versions 2 and 1.
local second = "\143\0\0\0\0\0\0\2" .. "\4\0\0\0" .. octets("ff02::fb") .. "\4\0\0\1" .. octets("ff02::1:2") .. octets("fe80::9")
local first = "\131\0\0\0\0\0\0\0" .. octets("ff02::1:ff00:1")
local reports = { { octets("fe80::1"), second }, { octets("fe80::2"), first }, { octets("fe80::1"), second } }
check("groups", '{"fe80::1"={1="ff02::fb",2="ff02::1:2"},"fe80::2"={1="ff02::1:ff00:1"}}', multicast.mld_report_addresses(reports))
fuzz("reports", { first, second }, function (bytes) multicast.mld_report_addresses({ { octets("fe80::1"), bytes } }) end)

-- A link on which one host reports, behind the options of every hop.
local sent
nmap.new_dnet = function ()
  return { ethernet_open = function () end, ethernet_send = function (_, frame) sent = frame return true end, ethernet_close = function () end }
end
local packets
nmap.new_socket = function ()
  return {
    set_timeout = function () end, pcap_open = function () end, pcap_close = function () end,
    pcap_receive = function ()
      local packet = table.remove(packets, 1)
      if packet then return true, #packet, "", packet end
      return false, "TIMEOUT"
    end,
  }
end
local clock = 0
nmap.clock_ms = function () clock = clock + 400 return clock end
local head = string.pack(">I4I2BB", 0x60000000, 0, 0, 1) .. octets("fe80::1") .. octets("ff02::16") .. "\58\0\5\2\0\0\1\0"
packets = { head .. second, "junk", head:sub(1, 40) }
local got = multicast.mld_query({ device = "eth9", mac = "\2\0\94\16\0\9" }, 2)
check("reports", "1 true", #got, got[1][2] == second)
-- The query: to all nodes, with a router alert, from the link's address of the interface; its sum is right.
check("frame", '"333300000001" "86dd" "000502000001' .. '00"', hex(sent:sub(1, 6)), hex(sent:sub(13, 14)), "00" .. hex(sent:sub(57, 62)))
check("source", '"fe80::5eff:fe10:9"', ipOps.str_to_ip(sent:sub(23, 38)))
local sum = 0
local pseudo = sent:sub(23, 54) .. string.pack(">I4I4", 24, 58) .. sent:sub(63)
for pos = 1, #pseudo, 2 do sum = sum + string.unpack(">I2", pseudo, pos) end
while sum > 0xffff do sum = (sum & 0xffff) + (sum >> 16) end
check("sum", "65535", sum)
