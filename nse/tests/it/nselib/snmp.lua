local peer = require "peer"
local snmp = require "snmp"

local stdnse = require "stdnse"

local hex, unhex = stdnse.tohex, stdnse.fromhex

-- RFC 3417, appendix, and RFC 1157: a GetRequest for sysDescr.
local get = snmp.buildGetRequest({ reqId = 5 }, "1.3.6.1.2.1.1.1.0")
check("request", '"302602010004067075626c6963a019020105020100020100300e300c06082b060102010101000500"',
  hex(snmp.encode(snmp.buildPacket(get))))
check("next", '"a1"', hex(snmp.encode(snmp.buildGetNextRequest({}, "1.3.6.1"))):sub(1, 2))
check("set", '"a318020105020100020100300d300b06072b06010201010004' .. '00"',
  (hex(snmp.encode(snmp.buildSetRequest({ reqId = 5 }, "1.3.6.1.2.1.1.0", ""))):gsub("^a3..", "a318")))
check("trap", '"a41706042b060104' .. '4004c000020102010602010102010030' .. '00"',
  hex(snmp.encode(snmp.buildTrap("1.3.6.1.4", "192.0.2.1", 6, 1, 0))))
check("names", '{"_snmp"="\\6",1=1,2=3,3=6} "1.3.6" "192.0.2.1" "invalid oid"', snmp.str2oid("1.3.6"), snmp.oid2str({ 1, 3, 6 }),
  snmp.ip2str(snmp.str2ip("192.0.2.1")), snmp.oid2str("x"))

-- Types of RFC 2578, 7.1.
check("counter without a sign", "4294967295 7", snmp.decode(unhex("4204ffffffff")))
check("counter of 64 bits", "4294967296 8", snmp.decode(unhex("46050100000000")))
check("address", '"c0000201"', hex(string.char(table.unpack((snmp.decode(unhex("4004c0000201")))))))
check("missing", "false 3", snmp.decode(unhex("8000")))
check("nothing", "nil 1", snmp.decode(""))

local function response (id, oid, value, status)
  local pdu = snmp.buildGetResponse({ reqId = id, err = status }, oid, value)
  return snmp.encode(snmp.buildPacket(pdu))
end
check("values", '{1={1="x",2="1.3.6.1",3={"_snmp"="\\6",1=1,2=3,3=6,4=1}}} {} {}', snmp.fetchResponseValues(response(1, "1.3.6.1", "x")),
  snmp.fetchResponseValues("junk"), snmp.fetchResponseValues({}))

-- An agent with three values.
local values = { { "1.3.6.1.1", "a" }, { "1.3.6.1.2", 7 }, { "1.3.7.1", "other" } }
local function agent (data)
  local pdu = snmp.decode(data)[3]
  local oid = snmp.oid2str(pdu[4][1][1])
  for _, value in ipairs(values) do
    if pdu._snmp == "\xa0" and value[1] == oid or pdu._snmp == "\xa1" and value[1] > oid then
      return response(pdu[1], value[1], value[2])
    end
  end
  return response(pdu[1], oid, false, 2)
end
peer.answer(agent)
local helper = snmp.Helper:new({ ip = "192.0.2.1" }, 161)
check("connect", "true", helper:connect())
local status, list = helper:get({}, "1.3.6.1.1")
check("get", 'true "a"', status, list[1][1])
check("get what is not there", 'false "SNMP error 2" 2', helper:get({}, "1.2.3"))
check("walk", 'true {"baseoid"="1.3.6.1",1={"oid"="1.3.6.1.1","value"="a"},2={"oid"="1.3.6.1.2","value"=7}}', helper:walk("1.3.6.1"))
check("walk without rows", 'true {"baseoid"="1.4"}', helper:walk("1.4"))
-- An agent that goes round in circles.
peer.answer(function (data) return response(snmp.decode(data)[3][1], "1.3.6.1.1", "again") end)
helper:connect()
check("circles", "1", #select(2, helper:walk("1.3.6.1")))
peer.answer(function () return "\x30\x80" end)
helper:connect()
check("junk", "false", (helper:get({}, "1.3")))
