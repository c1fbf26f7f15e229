local ipOps = require "ipOps"

-- RFC 5952 and RFC 4291.
for long, short in pairs({
  ["2001:db8:0:0:1:0:0:1"] = "2001:db8::1:0:0:1",
  ["2001:DB8:0:0:0:0:2:1"] = "2001:db8::2:1",
  ["2001:db8:0:1:1:1:1:1"] = "2001:db8:0:1:1:1:1:1",
  ["0:0:0:0:0:0:0:0"] = "::",
  ["1:0:0:0:0:0:0:0"] = "1::",
  ["::FFFF:1.2.3.4"] = "::ffff:102:304",
  ["fe80::1%eth0"] = "fe80::1",
  ["192.0.2.1"] = "192.0.2.1",
}) do
  equal(ipOps.str_to_ip(ipOps.ip_to_str(long)), short, long)
end
for _, bad in ipairs({ "", "1.2.3.4.5", "256.1.1.1", "a", ":", ":::", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "::1.2.3" , "1..2"}) do
  equal((ipOps.ip_to_str(bad)), nil, "refused: " .. bad)
end
check("missing parts", '"1.2.0.0" "1:2:0:0:0:0:0:0"', ipOps.expand_ip("1.2"), (ipOps.expand_ip("1:2")))
check("mapped", '"0:0:0:0:0:ffff:102:304" 16', ipOps.expand_ip("1.2.3.4", "inet6"), #ipOps.ip_to_str("1.2.3.4", "inet6"))
check("of bytes", 'nil "Invalid length"', ipOps.str_to_ip("abc"))
check("numbers", '16909060 "1.2.3.4" {1=1,2=2,3=3,4=4}', ipOps.todword("1.2.3.4"), ipOps.fromdword(16909060),
  ipOps.get_parts_as_number("1.2.3.4"))
equal(ipOps.get_parts_as_number("1::2"), { 1, 0, 0, 0, 0, 0, 0, 2 }, "parts")
check("no IPv4", "nil", (ipOps.todword("::1")))
check("bits", '"00000001000000100000001100000100" "1.2.3.4" nil "10100001" nil',
  ipOps.ip_to_bin("1.2.3.4"), ipOps.bin_to_ip("00000001000000100000001100000100"), (ipOps.bin_to_ip("101")),
  ipOps.hex_to_bin("a1"), (ipOps.hex_to_bin("zz")))

check("compare_ip", "true true true false true", ipOps.compare_ip("1.2.3.4", "eq", "1.2.3.4"),
  ipOps.compare_ip("9.9.9.9", "lt", "::1"), ipOps.compare_ip("1.2.3.4", "ge", "1.2.3.3"),
  ipOps.compare_ip("10.0.0.1", "lt", "9.0.0.1"), ipOps.compare_ip("::1", "ne", "::2"))
check("compare_ip, bad", "nil nil", (ipOps.compare_ip("1.2.3.4", "xx", "1.2.3.4")), (ipOps.compare_ip("x", "eq", "1.1.1.1")))
local list = { "10.0.0.1", "::1", "9.0.0.1" }
ipOps.ip_sort(list)
equal(list, { "9.0.0.1", "10.0.0.1", "::1" }, "ip_sort")
ipOps.ip_sort(list, "gt")
equal(list, { "::1", "10.0.0.1", "9.0.0.1" }, "ip_sort, descending")

check("ranges", '"1.2.3.0" "1.2.3.255" "1.2.3.4" "1.2.3.6"', (function ()
  local a, b = ipOps.get_ips_from_range("1.2.3.99/24")
  return a, b, ipOps.get_ips_from_range("1.2.3.4 - 1.2.3.6")
end)())
check("bad ranges", "nil nil", (ipOps.get_ips_from_range("1.2.3.4")), (ipOps.get_ips_from_range("1.2.3.4/33")))
check("ip_in_range", "true false true true nil", ipOps.ip_in_range("1.2.3.4", "1.2.3.0/24"),
  ipOps.ip_in_range("1.2.4.4", "1.2.3.0/24"), ipOps.ip_in_range("1.2.3.4", "1.2.3.4-1.2.3.9"),
  ipOps.ip_in_range("2001:db8::9", "2001:db8::/32"), (ipOps.ip_in_range("1.2.3.4", "::/0")))
check("first and last", '"1:0:0:0:0:0:0:0" "1:0:0:0:ffff:ffff:ffff:ffff" "1.2.3.4" "1.2.3.7"',
  ipOps.get_first_ip("1::1", 64), ipOps.get_last_ip("1::1", 64), ipOps.get_first_last_ip("1.2.3.5", 30))
check("isPrivate", 'true false true false', ipOps.isPrivate("10.0.0.1") == true, ipOps.isPrivate("8.8.8.8"),
  (ipOps.isPrivate("fe80::1")), (ipOps.isPrivate("2600::1")))
check("isPrivate names the network", 'true "172.16.0.0/12"', ipOps.isPrivate("172.31.1.1"))
check("masks", '"/24" nil "255.255.255.0" "255.255.254.0"', ipOps.subnet_to_cidr("255.255.255.0"),
  (ipOps.subnet_to_cidr("255.0.255.0")), ipOps.cidr_to_subnet("/24"), (ipOps.cidr_to_subnet("1.2.3.4/23")))

fuzz("addresses", { "192.0.2.1", "2001:db8::1:0:0:1", "::ffff:1.2.3.4", "1.2.3.0/24", "1.2.3.4 - 1.2.3.6" }, function (text)
  ipOps.ip_to_str(text)
  ipOps.expand_ip(text)
  ipOps.isPrivate(text)
  ipOps.get_ips_from_range(text)
  ipOps.ip_in_range(text, text)
  ipOps.subnet_to_cidr(text)
  ipOps.str_to_ip(text)
end)
