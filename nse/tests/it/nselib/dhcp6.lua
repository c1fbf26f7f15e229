local dhcp6 = require "dhcp6"
local ipOps = require "ipOps"
local peer = require "peer"
local stdnse = require "stdnse"

local hex = stdnse.tohex
local Option = dhcp6.DHCP6.Option

-- RFC 8415, 8 and 21.1.
local request = dhcp6.DHCP6.Request:new(1, 0x0a0b0c)
request:addOption(Option:new(8, "\0\0"))
check("message", '"010a0b0c' .. '000800020000"', hex(tostring(request)))
check("none", "nil", dhcp6.DHCP6.Response.parse("ab"))

local mac = "\2\0\94\16\0\9"
local function option (kind, data) return string.pack(">I2s2", kind, data) end
local address = ipOps.ip_to_str
local function offer (xid)
  return string.pack(">BI3", 2, xid) .. option(1, "\0\1\0\1" .. string.pack(">I4", 86400) .. mac) .. option(2, "\0\3\0\1" .. mac)
    .. option(3, ("\0"):rep(12) .. option(5, address("2001:db8::5") .. ("\0"):rep(8))) .. option(23, address("2001:db8::35") .. address("2001:db8::36"))
    .. option(24, "\7example\3com\0\3sub\7example\3com\0") .. option(56, option(1, address("2001:db8::123"))) .. option(7, "\255")
end
nmap.get_interface_info = function () return { device = "eth9", mac = mac } end
local function solicit (answer)
  peer.answer(answer)
  return dhcp6.Helper:new("eth9"):solicit()
end
local function served (data) return offer(string.unpack(">I3", data, 2)) end
local status, lines = solicit(served)
check("offer", 'true "Message type: Advertise" {"name"="Options",1="Client identifier: MAC: 02:00:5E:10:00:09; Time: 2000-01-02 00:00:00",2="Server identifier: MAC: 02:00:5E:10:00:09",3="Non-temporary Address: 2001:db8::5",4="DNS Servers: 2001:db8::35, 2001:db8::36",5="Domain Search: example.com, sub.example.com",6="NTP Servers: 2001:db8::123",7="Preference: 255"}',
  status, lines[1], lines[3])
check("asked", '1 "0001"', peer.sent[1]:byte(1), hex(peer.sent[1]:sub(5, 6)))
check("silence", "false", (solicit(function () end)))
check("another one's", "false", (solicit(function () return offer(1) end)))
fuzz("solicit", { offer(0) }, function (bytes)
  solicit(function (data) return bytes:sub(1, 1) .. data:sub(2, 4) .. bytes:sub(5) end)
end)
