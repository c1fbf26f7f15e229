-- Damaged answers for the parsers of all libraries: what comes from a peer must not make a library raise an error.

local asn1 = require "asn1"
local stub = require "stub"

local function lib (name) return require(name) end

local ber = "\x30\x1C\2\1\1\4\6public\xA2\x0F\2\1\1\2\1\0\2\1\0\x30\4\x30\2\6\0"
local decoder = asn1.ASN1Decoder:new()
decoder:registerBaseDecoders()
fuzz("asn1", { ber, "\6\6\x2B\6\1\2\1\1", "\2\2\1\0", "\x30\x80\0\0" }, function (bytes) decoder:decode(bytes, 1) end)
fuzz("snmp", { ber, "\x40\4\1\2\3\4", "\x43\1\5" }, function (bytes) lib("snmp").decode(bytes, 1) end)
fuzz("ldap", { "\x30\x0C\2\1\1\x61\7\x0A\1\0\4\0\4\0", "\x30\x0F\2\1\2\x64\x0A\4\0\x30\6\x30\4\4\0\x31\0" },
  function (bytes) lib("ldap").decode(bytes, 1) end)

local question = "\7example\3com\0\0\1\0\1"
local answer = "\xC0\x0C\0\1\0\1\0\0\0\60\0\4\1\2\3\4"
fuzz("dns", { "\1\2\x81\x80\0\1\0\1\0\0\0\0" .. question .. answer,
  "\1\2\x81\x80\0\1\0\1\0\0\0\0" .. question .. "\xC0\x0C\0\16\0\1\0\0\0\60\0\4\3abc",
  "\1\2\x81\x80\0\1\0\1\0\0\0\0" .. question .. "\xC0\x0C\0\5\0\1\0\0\0\60\0\2\xC0\x0C",
  "\1\2\x81\x80\0\1\0\1\0\0\0\0" .. question .. "\xC0\x0C\0\33\0\1\0\0\0\60\0\8\0\1\0\1\0\80\xC0\x0C" },
  function (bytes) lib("dns").decode(bytes) end)
fuzz("netbios", { "CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", " FHEPFCELEHFCEPFFFACACACACACACAAA" },
  function (bytes) lib("netbios").name_decode(bytes) end)

fuzz("json", { '{"a":[1,2.5e3,true,null,"x\\u00e9\\n"],"b":{}}', '"\\ud83d\\ude00"', "[[[]]]" },
  function (text) lib("json").parse(text) end)
fuzz("slaxml", { '<?xml version="1.0"?><a x="1"><!-- c --><b>t&amp;&#65;</b><![CDATA[d]]></a>' },
  function (text) lib("slaxml").parseDOM(text) end)
fuzz("url", { "http://user:pw@Host.com:8080/p/a.b;par?q=1#frag", "http://[::1]:80/", "//x/../y" }, function (text)
  local url = lib("url")
  url.parse(text)
  url.absolute("http://example.com/a/b", text)
  url.parse_query(text)
  url.unescape(text)
end)

local function fed (pieces)
  stub.peer = function () return table.move(pieces, 1, #pieces, 1, {}) end
end
local target = { ip = "192.0.2.1", targetname = "a.example", registry = {} }
local function port (number) return { number = number, protocol = "tcp", state = "open", version = {} } end
fuzz("http", {
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b; path=/\r\n\r\nhello",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
  "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"y\", qop=\"auth\"\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.0 302 Found\r\nLocation: /x\r\n\r\n",
}, function (bytes)
  fed({ bytes })
  lib("http").get(target, port(80), "/", { no_cache = true, bypass_cache = true, redirect_ok = 1 })
end)
fuzz("challenges", { 'Digest realm="x", nonce="y", qop="auth", Basic realm="z"', "NTLM TlRMTVNTUAACAAAA" },
  function (text) lib("http").parse_www_authenticate(text) end)
