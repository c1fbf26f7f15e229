local dhcp = require "dhcp"
local peer = require "peer"
local stdnse = require "stdnse"

local hex = stdnse.tohex
local mac = "\2\0\x5e\0\x53\1"

-- RFC 2131, section 2; RFC 2132, 9.6 and 9.8.
local status, packet = dhcp.dhcp_build(dhcp.request_types.DHCPINFORM, "192.0.2.5", mac, { { number = 61, type = "octets", value = "\0id" } },
  "\1\3\6", nil, 60, "\1\2\3\4")
check("message", 'true "0101060001020304' .. '00000000' .. 'c0000205' .. '000000000000000000000000' .. '02005e005301"', status, hex(packet:sub(1, 34)))
check("options", '"63825363' .. '350108' .. '3d03006964' .. '3703010306' .. '33040000003c' .. 'ff"', hex(packet:sub(237)))
check("no address", "false", (dhcp.dhcp_build(1, "192.0.2.5")))

local function reply (options, xid)
  return string.pack(">BBBBc4I2I2c4c4c4c4c16c64c128", 2, 1, 6, 0, xid or "\1\2\3\4", 0, 0, "\0\0\0\0", "\192\0\2\9", "\192\0\2\1", "\0\0\0\0",
    mac, "server", "boot.0") .. "\x63\x82\x53\x63" .. options
end
local function option (number, data) return string.char(number) .. string.pack("s1", data) end
local ok, result = dhcp.dhcp_parse(reply(option(53, "\5") .. "\0" .. option(1, "\255\255\255\0") .. option(3, "\192\0\2\1\192\0\2\2")
  .. option(15, "example.com") .. option(51, "\0\1\x51\x80") .. option(58, "\0\0\14\x10") .. option(224, "\1\2") .. "\xff"), "\1\2\3\4")
check("reply", 'true "192.0.2.9" "server" "boot.0"', ok, result.yiaddr_str, result.sname, result.file)
local shown = {}
for _, one in ipairs(result.options) do shown[one.name] = one.value end
check("options", '{"DHCP Message Type"="DHCPACK","Domain Name"="example.com","IP Address Lease Time"="1d0h00m00s","Option 224"="0102",'
  .. '"Renewal Time Value"="1h00m00s","Router"={1="192.0.2.1",2="192.0.2.2"},"Subnet Mask"="255.255.255.0"}', shown)
check("option of a wrong size", '"ffff"', select(2, dhcp.dhcp_parse(reply(option(1, "\255\255") .. "\xff"), "\1\2\3\4")).options[1].value)
check("another's", 'false "the reply is to something else"', dhcp.dhcp_parse(reply("\xff", "xxxx"), "\1\2\3\4"))
check("cut off", 'false "the options are cut off"', dhcp.dhcp_parse(reply("\3\200\1"), "\1\2\3\4"))
check("junk", 'false "the message is cut off"', dhcp.dhcp_parse("junk"))
peer.answer(function (data) return reply(option(53, "\5") .. "\xff", data:sub(5, 8)) end)
check("request", 'true "DHCPACK"', (dhcp.make_request("192.0.2.1", 8, "192.0.2.5", mac)),
  select(2, dhcp.make_request("192.0.2.1", 8, "192.0.2.5", mac)).options[1].value)
peer.answer(function () return reply("\xff", "none") end)
check("only others' replies", "false", (dhcp.make_request("192.0.2.1", 8, "192.0.2.5", mac)))
