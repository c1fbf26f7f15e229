local ldap = require "ldap"
local peer = require "peer"

local stdnse = require "stdnse"

local hex, unhex = stdnse.tohex, stdnse.fromhex
local F = ldap.FILTER

-- RFC 4511, 4.5.1.7 and RFC 4515.
local function filter (f) return hex(ldap.createFilter(f)) end
check("present", '"870b6f626a656374436c617373"', filter({ op = F.present, val = "objectClass" }))
check("equal", '"a30604026f75040161"', (filter({ op = F.equalityMatch, obj = "ou", val = "a" }):gsub("^a307", "a306")))
check("substrings", '"a40f0402636e3009800161810162820163"', filter({ op = F.substrings, obj = "cn", val = "a*b*c" }))
check("asterisks", '"a40c0402636e3006810161810162" "8702636e"',
  filter({ op = F.equalityMatch, obj = "cn", val = "*a*b*" }), filter({ op = F.equalityMatch, obj = "cn", val = "*" }))
check("and, not", '"a008870161a203870162"', filter({ op = F._and, val = {
  { op = F.present, val = "a" }, { op = F._not, val = { op = F.present, val = "b" } },
} }))
local nested = { op = F.present, val = "a" }
for _ = 1, 100 do nested = { op = F._not, val = nested } end
raises("nested too deeply", ldap.createFilter, nested)

-- RFC 4511, 4.1.1: messages.
local function tlv (tag, content) return string.char(tag) .. string.pack("s1", content) end
local function message (number, tag, content) return tlv(0x30, ldap.encode(number) .. tlv(tag, content)) end
local function number_of (data) return (select(2, pcall(function () return ldap.decode(data)[1] end))) end
local function result (code) return tlv(0x0a, string.char(code)) .. tlv(4, "") .. tlv(4, "why") end
local function entry (dn, name, ...)
  local values = {}
  for i = 1, select("#", ...) do values[i] = tlv(4, (select(i, ...))) end
  return tlv(4, dn) .. tlv(0x30, tlv(0x30, tlv(4, name) .. tlv(0x31, table.concat(values))))
end

local socket
local function serve (make)
  peer.answer(function (data) return make(number_of(data)) end)
  socket = nmap.new_socket()
end
serve(function (n) return message(n, 0x61, result(0)) end)
check("bind", 'true "Success"', ldap.bindRequest(socket, { version = 3, username = "", password = "" }))
check("its octets", '"60070201030400' .. '8000"', hex(peer.sent[1]):sub(11))
serve(function (n) return message(n, 0x61, result(49)) end)
check("bad password", 'false "\\\n  Error: The supplied credential is invalid.\\\n  Details: why"',
  ldap.bindRequest(socket, { username = "a", password = "b" }))
serve(function (n)
  return message(n, 0x64, entry("cn=a", "mail", "x", "y")) .. message(n, 0x73, tlv(4, "ldap://other"))
    .. message(n, 0x64, entry("cn=b", "objectSid", unhex("010100000000000512000000"))) .. message(n, 0x65, result(0))
end)
local status, entries = ldap.searchRequest(socket, { baseObject = "dc=x", scope = ldap.SCOPE.sub })
check("search", 'true 2 "cn=a" {1={1="mail",2="x",3="y"}} 0', status, #entries, entries[1].objectName, entries[1].attributes,
  entries.resultCode)
check("as text", '{1={"name"="dn: cn=a",1={1="mail: x",2="mail: y"}},2={"name"="dn: cn=b",1={1="objectSid: 1-5-18"}}}',
  ldap.searchResultToTable(entries))
check("values", '{1="x",2="y"} nil', ldap.extractAttribute(entries, "MAIL"), ldap.extractAttribute(entries, "cn"))
serve(function (n) return message(n, 0x65, result(32)) end)
check("no object", 'false "Code: 32|Error: No such object|Details: why"', ldap.searchRequest(socket, {}))
serve(function (n) return message(n, 0x64, entry("cn=a", "a", "b")) .. message(n, 0x65, result(4)) end)
check("size limit", "true", (ldap.searchRequest(socket, {})))
serve(function () return "\x30\x84\xff\xff\xff\xff" end)
check("too long", "false", (ldap.searchRequest(socket, {})))
serve(function () return "HTTP/1.1 400" end)
check("something else", "false", (ldap.bindRequest(socket, {})))
serve(function (n) return message(n, 0x64, entry("cn=u", "a", "b")) .. message(n, 0x65, result(0)) end)
check("over UDP", "true", (ldap.udpSearchRequest({ ip = "192.0.2.1" }, 389, {})))

-- MS-DTYP 2.4.2.3; RFC 4517, 3.3.13; 2009-10-14 13:20 UTC.
check("identifier", '"1-5-21-2127521184-1604012920-1887927527-72713" nil',
  ldap.convertObjectSid(unhex("010500000000000515000000a065cf7e784b9b5fe77c8770091c0100")), ldap.convertObjectSid("abc"))
check("times", '"2011/01/21 03:00:45 UTC" "x" "2009-10-14T13:20:00+00:00" "Never" "Never"', ldap.convertZuluTimeStamp("20110121030045.0Z"),
  ldap.convertZuluTimeStamp("x"), ldap.convertADTimeStamp("129000000000000000"), ldap.convertADTimeStamp("0"),
  ldap.convertADTimeStamp("9223372036854775807"))
