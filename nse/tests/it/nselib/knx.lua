local knx = require "knx"
local stdnse = require "stdnse"

-- 3/8/2, 7.6.3: a description request with the endpoint 192.0.2.1:3671.
check("question", '"06100203000e0801c00002010e57"', stdnse.tohex(knx.query(0x0203, "192.0.2.1", 3671)))
check("header", "6 16 516 8 7", knx.parseHeader("\6\16\2\4\0\8ab"))
check("none", "nil nil nil", knx.parseHeader("\6\16\2"), knx.parseHeader("\6\16\2\4\0\9ab"), (knx.parseHeader("\5\16\2\4\0\8ab")))
check("address", '"1.1.1" "15.15.255"', knx.parseKnxAddress(0x1101), knx.parseKnxAddress(0xffff))
check("names", '"KNX IP" "DEVICE_INFO" "KNXnet/IP Core"', knx.knxMediumTypes[0x20], knx.knxDibDescriptionTypes[1], knx.knxServiceFamilies[2])
fuzz("parseHeader", { "\6\16\2\4\0\8ab" }, function (bytes) knx.parseHeader(bytes) end)
