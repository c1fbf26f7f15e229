local eigrp = require "eigrp"
local stdnse = require "stdnse"

local hex = stdnse.tohex
local EIGRP, TLV = eigrp.EIGRP, eigrp.TLV

-- RFC 7868, 6.2, 6.6.1 and 6.6.4.
local hello = EIGRP:new(eigrp.OPCODE.HELLO, "7")
hello:addTLV({ type = TLV.PARAM, k = { 1, 0, 1, 0, 0, 0 }, htime = 15 })
hello:addTLV({ type = TLV.SWVER, majv = 12, minv = 4, majtlv = 1, mintlv = 2 })
local octets = tostring(hello)
check("octets", '"0205" "0000000000000000000000000000' .. '0007" "0001000c010001000000000f0004' .. '00080c040102"', hex(octets:sub(1, 2)), hex(octets:sub(5, 20)), hex(octets:sub(21)))
local sum = 0
for pos = 1, #octets, 2 do sum = sum + string.unpack(">I2", octets, pos) end
check("sum", "0", ((sum & 0xffff) + (sum >> 16)) ~ 0xffff)
local parsed = EIGRP.parse(octets)
check("read", '5 7 2 {1=1,2=0,3=1,4=0,5=0,6=0} 15 12 4', parsed.opcode, parsed.as, #parsed.tlvs, parsed.tlvs[1].k, parsed.tlvs[1].htime,
  parsed.tlvs[2].majv, parsed.tlvs[2].minv)

-- Routes, 6.8.2 and 6.8.3: where from, what it costs, where to.
local metric = string.pack(">I4I4I3BBBBB", 256, 10240, 1500, 1, 255, 1, 0, 0)
local internal = "\0\0\0\0" .. metric .. "\24\192\0\2"
local external = "\192\0\2\1\192\0\2\9" .. string.pack(">I4I4I4xxBB", 5, 6, 7, eigrp.EXT_PROTO.OSPF, 0) .. metric .. "\8\10"
local update = EIGRP:new(eigrp.OPCODE.UPDATE, 7)
update:addTLV({ type = TLV.INT, data = internal })
update:addTLV({ type = TLV.EXT, data = external })
local routes = EIGRP.parse(tostring(update)).tlvs
check("internal", '"0.0.0.0" "192.0.2.0" 24 256 1500 255', routes[1].nexthop, routes[1].dst, routes[1].mask, routes[1].delay, routes[1].mtu, routes[1].reliability)
check("external", '"192.0.2.1" "192.0.2.9" "10.0.0.0" 8 6 5', routes[2].nexthop, routes[2].orouterid, routes[2].dst, routes[2].mask, routes[2].eproto, routes[2].oas)
check("routes", "true true false", eigrp.isRoutingTLV(TLV.INT), eigrp.isRoutingTLV(TLV.EXT), eigrp.isRoutingTLV(TLV.PARAM))
check("none", "nil nil", EIGRP.parse("abc"), EIGRP.parse(("\1"):rep(20)))
fuzz("parse", { octets, tostring(update) }, function (bytes) EIGRP.parse(bytes) end)
