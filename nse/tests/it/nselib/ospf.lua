local ipOps = require "ipOps"
local ospf = require "ospf"
local stdnse = require "stdnse"

local OSPF = ospf.OSPF
local address = ipOps.ip_to_str
local function head (kind, body, auth, password)
  return string.pack(">BBI2", 2, kind, 24 + #body) .. address("192.0.2.1") .. address("0.0.0.0") .. string.pack(">I2I2c8", 0, auth or 0, password or "") .. body
end

-- RFC 2328, A.3.2.
local greeting = head(1, address("255.255.255.0") .. string.pack(">I2BBI4", 10, 2, 1, 40) .. address("192.0.2.1") .. address("0.0.0.0") .. address("192.0.2.9"), 1, "cisco")
local hello = OSPF.Hello.parse(greeting)
check("greeting", '"192.0.2.1" "0.0.0.0" 1 "cisco" "255.255.255.0" 10 40 "192.0.2.1" {1="192.0.2.9"}', hello.header.router_id,
  hello.header.area_id, hello.header.auth_type, hello.header.auth_data.password, hello.netmask, hello.interval, hello.router_dead_interval, hello.DR, hello.neighbors)
local own = OSPF.Hello:new()
own.header:setRouterId("0.0.0.1")
own.header:setAreaID("0.0.0.0")
own:setDesignatedRouter("10.9.9.2")
own:setNetmask("255.255.255.0")
own:addNeighbor("10.9.9.2")
check("octets", '"020100300000000100000000d6840000' .. '0000000000000000ffffff00000a0200000000280a090902000000000a090902"', stdnse.tohex(tostring(own)))
check("another kind", "nil nil nil", OSPF.Hello.parse(head(2, "12345678")), OSPF.Hello.parse("abc"), OSPF.DBDescription.parse(greeting))

-- A.3.3, A.3.5, A.4.
local function lsa (kind, body) return string.pack(">I2BB", 1, 2, kind) .. address("192.0.2.1") .. address("192.0.2.2") .. string.pack(">I4I2I2", 0x80000001, 0, 20 + #body) .. body end
local described = head(2, string.pack(">I2BBI4", 1500, 2, 7, 99) .. lsa(1, ""):sub(1, 20))
local description = OSPF.DBDescription.parse(described)
check("description", '1500 true true true 99 1 "192.0.2.2"', description.mtu, description.init, description.more, description.master,
  description.sequence, #description.LSAs, description.LSAs[1].adv_router)
local links = "\0\0" .. string.pack(">I2", 1) .. address("192.0.2.0") .. address("255.255.255.0") .. string.pack(">BBI2", 3, 0, 10)
local told = head(4, string.pack(">I4", 3) .. lsa(1, links) .. lsa(2, address("255.255.0.0") .. address("192.0.2.7")) .. lsa(5, address("255.0.0.0") .. "\0\0\0\20" .. address("0.0.0.0") .. "\0\0\0\5"))
local update = OSPF.LSUpdate.parse(told)
check("links", '3 {1={"data"="255.255.255.0","id"="192.0.2.0","metric"=10,"type"=3}} {1="192.0.2.7"} "255.0.0.0" 20 5', update.num_lsas,
  update.lsas[1].links, update.lsas[2].routers, update.lsas[3].netmask, update.lsas[3].metric, update.lsas[3].ext_tag)
local request = OSPF.LSRequest:new()
request:addRequest(1, "192.0.2.1", "192.0.2.2")
check("request", '36 "00000001c0000201c0000202"', #tostring(request), stdnse.tohex(tostring(request):sub(25)))
fuzz("messages", { greeting, described, told }, function (bytes)
  OSPF.Hello.parse(bytes)
  OSPF.DBDescription.parse(bytes)
  OSPF.LSUpdate.parse(bytes)
end)
