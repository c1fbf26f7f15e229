local dns = require "dns"
local peer = require "peer"

local stdnse = require "stdnse"

local hex, unhex = stdnse.tohex, stdnse.fromhex

-- RFC 1035, 4.1.4: names that share their ends.
local names = ("\0"):rep(20) .. "\1F\3ISI\4ARPA\0" .. ("\0"):rep(8) .. "\3FOO\xc0\20" .. ("\0"):rep(18) .. "\xc0\26\0"
check("names", '33 "F.ISI.ARPA" 47 "FOO.F.ISI.ARPA" 67 "ARPA"', select(1, dns.decStr(names, 21)), select(2, dns.decStr(names, 21)),
  select(1, dns.decStr(names, 41)), select(2, dns.decStr(names, 41)), dns.decStr(names, 65))
check("root", '2 ""', dns.decStr("\0", 1))
check("a pointer to itself", "3 nil", dns.decStr("\xc0\0", 1))
check("pointers in a circle", "5 nil", dns.decStr("\xc0\2\xc0\0", 3))
check("cut off", "5 nil", dns.decStr("\9abc", 1))
check("too long", "nil", (select(2, dns.decStr(("\63" .. ("a"):rep(63)):rep(5) .. "\0", 1))))
check("encoded", '"01610262630000"', hex(dns.encodeFQDN("a.bc.") .. "\0"))
check("the root", "\"00\"", hex(dns.encodeFQDN(nil)))

local packet = dns.newPacket()
packet.id = 7
dns.addQuestion(packet, "a.b", "A")
check("question", '"000701000001000000000000016101620000010001"', hex(dns.encode(packet)))
dns.addNSID(packet, { DO = true })
check("NSID, RFC 5001", '"000029100000008000000400030000"', hex(dns.encode(packet)):sub(-30))
packet.additional = {}
dns.addClientSubnet(packet, {}, { family = "inet", address = "1.2.3.4", mask = 24 })
check("subnet, RFC 7871", '"000029100000000000000b0008000700011800010203"', hex(dns.encode(packet)):sub(-44))

-- A whole answer: RFC 1035, 4.1; types of RFC 1035, 2782, 3596.
local function record (kind, data, name) return (name or "\xc0\12") .. string.pack(">I2I2I4s2", kind, 1, 60, data) end
local function answer (id, flags, records, add)
  return string.pack(">I2I2I2I2I2I2", id, flags, 1, #records, 0, #(add or {})) .. "\1a\0\0\1\0\1"
    .. table.concat(records) .. table.concat(add or {})
end
local decoded = dns.decode(answer(5, 0x8583, {
  record(1, "\192\0\2\1"), record(28, unhex("20010db8000000000000000000000001")), record(2, "\2ns\xc0\12"),
  record(15, "\0\10\2mx\0"), record(33, "\0\1\0\2\1\187\1s\0"), record(16, "\1x\2yz"),
  record(6, "\1m\0\1r\0" .. string.pack(">I4I4I4I4I4", 1, 2, 3, 4, 5)), record(44, "\1\2\xab\xcd"),
  record(47, "\1z\0\0\6\64\1\0\0\0\3"), record(50, unhex("01000005" .. "02aabb" .. "04deadbeef" .. "00012200")),
}))
check("flags", '{"AA"=true,"QR"=true,"RA"=true,"RC3"=true,"RC4"=true,"RD"=true} 5', decoded.flags, decoded.id)
local records = decoded.answers
check("addresses", '"192.0.2.1" "2001:db8::1" "ns.a"', records[1].ip, records[2].ipv6, records[3].domain)
check("MX, SRV, TXT", '{"pref"=10,"server"="mx"} {"port"=443,"prio"=1,"target"="s","weight"=2} {1="x",2="yz"}', records[4].MX,
  records[5].SRV, records[6].TXT.text)
check("SOA, SSHFP", '"m" "r" 5 "abcd"', records[7].SOA.mname, records[7].SOA.rname, records[7].SOA.minimum,
  records[8].SSHFP.fingerprint)
-- RFC 4034, 4.3: bits 1, 15, 46, 47 of a window.
check("NSEC", '"z" {15=true,1=true,46=true,47=true}', records[9].NSEC.next_dname, records[9].NSEC.types)
-- RFC 4648, section 7.
check("NSEC3", '5 "aabb" "RQMRTRO"', records[10].NSEC3.iterations, records[10].NSEC3.salt.hex, records[10].NSEC3.hash.base32)
equal(#dns.decode(answer(5, 0x8180, { record(1, "\192\0\2\1"), "\xc0\12\0\1" })).answers, 1, "cut off in the second record")
check("no header", 'nil "shorter than a header"', dns.decode("abc"))
for size = 1, 60 do dns.decode(answer(5, 0x8180, { record(6, "\1m\0\1r") , record(50, "\1"), record(47, "\1")}):sub(1, size)) end

-- Conversations.
local function serve (flags, list, add)
  peer.answer(function (data) return answer(string.unpack(">I2", data), flags, list, add) end)
end
local server = { host = "192.0.2.53", timeout = 100 }
serve(0x8180, { record(1, "\192\0\2\1"), record(1, "\192\0\2\2") })
check("first answer", 'true "192.0.2.1"', dns.query("a", server))
server.retAll = true
check("all answers", 'true {1="192.0.2.1",2="192.0.2.2"}', dns.query("a", server))
server.retAll, server.dtype = nil, "MX"
check("none of the type", 'false "No Answers"', dns.query("a", server))
serve(0x8180, { record(15, "\0\10\2mx\0") }, { record(1, "\192\0\2\9", "\2mx\0") })
check("with addresses", 'true "10:mx:192.0.2.9"', dns.query("a", server))
serve(0x8183, {})
check("no name", 'false "No Such Name"', dns.query("a", server))
peer.answer(function () return nil end)
check("silence", "false", (dns.query("a", server)))
peer.answer(function () return answer(1, 0x8180, {}):sub(1, 20) end)
check("an answer to something else", "false", (dns.query("a", server)))
server.dtype = "NOSUCH"
check("unknown type", 'false "unknown type of record: NOSUCH"', dns.query("a", server))
peer.answer(function (data) return data:sub(1, 2) .. "\xa8\0\0\0\0\0\0\0\0\0" end)
check("update", "true", dns.update("n.example", { host = "192.0.2.53", data = "192.0.2.7", ttl = 60 }))
check("its octets", '"076578616d706c6500000600010' .. '1"', hex(peer.sent[1]):sub(25, 52))
check("reverse", '"6.2.0.192.in-addr.arpa" nil', dns.reverse("192.0.2.6"), dns.reverse("x"))
check("reverse, RFC 3596", '"b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa"',
  dns.reverse("4321:0:1:2:3:4:567:89ab"))
