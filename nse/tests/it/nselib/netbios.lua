local netbios = require "netbios"
local peer = require "peer"
local stdnse = require "stdnse"

-- RFC 1001, 14.1.
check("encode", '" FEEIEFCAEOEFFEECEJEPFDCAEOEBENEF"', netbios.name_encode("The NetBIOS name"))
check("with a scope", '" EGFCEFEECACACACACACACACACACACACA\\7NETBIOS\\3COM"', netbios.name_encode("FRED", "NETBIOS.COM"))
check("anybody", '" CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"', netbios.name_encode("*"))
check("decode", '"FRED" "a.b"', netbios.name_decode(netbios.name_encode("fred", "a.b")))
check("decode nothing", '"" ""', netbios.name_decode(""))
-- RFC 1002, 4.2.18.
check("flags", '"<group><active>" "<unique><active><permanent>"', netbios.flags_to_string(0x8400), netbios.flags_to_string(0x0600))

local function answer (data, kind, rdata)
  return string.sub(data, 1, 2) .. "\x84\0\0\0\0\1\0\0\0\0" .. netbios.name_encode("*") .. "\0"
    .. string.pack(">I2I2I4s2", kind, 1, 0, rdata)
end
local function name (text, suffix, flags) return string.pack(">c15BI2", text .. (" "):rep(15 - #text), suffix, flags) end
local status_data = "\4" .. name("BOX", 0, 0x0400) .. name("LAB", 0, 0x8400) .. name("BOX", 0x20, 0x0400)
  .. name("ANN", 3, 0x0400) .. "\2\0\x5e\0\x53\1" .. ("\0"):rep(40)
peer.answer(function (data) return answer(data, 33, status_data) end)
local target = { ip = "192.0.2.1", registry = {} }
local status, names, statistics = netbios.do_nbstat(target)
check("names", 'true 4 {"flags"=1024,"name"="BOX","suffix"=0} 46', status, #names, names[1], #statistics)
check("asked with", '"000000010000000000002043' .. '4b41"', stdnse.tohex(peer.sent[1]):sub(5, 32))
check("server, host, user", '"BOX" "BOX" "ANN"', select(2, netbios.get_server_name(target)),
  select(2, netbios.get_workstation_name(target)), select(2, netbios.get_user_name(target)))
check("kept", "1", #peer.sent)
check("lines", 'true {1="> BOX<00>",2="> LAB<00>",3="> BOX<20>",4="> ANN<03>"}', netbios.get_names(target, "> "))
peer.answer(function (data) return answer(data, 33, status_data:sub(1, 30)) end)
check("cut off", 'false "the list of names is cut off"', netbios.do_nbstat("192.0.2.1"))
peer.answer(function () return "x" end)
check("junk", 'false "no names in the answer"', netbios.do_nbstat("192.0.2.1"))
peer.answer(function () return nil end)
check("silence", 'false "Name query failed: TIMEOUT"', netbios.do_nbstat("192.0.2.1"))
peer.answer(function (data) return answer(data, 32, "\0\0\192\0\2\7") end)
local _, hits = netbios.nbquery("192.0.2.1", "BOX")
check("query", '"*" "192.0.2.1" "0000c0000207"', hits[1].name, hits[1].peer, stdnse.tohex(hits[1].data))
