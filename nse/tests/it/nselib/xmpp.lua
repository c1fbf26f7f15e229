local stub = require "stub"
local xmpp = require "xmpp"

local parse = xmpp.XML.parse_tag
check("empty element", '{"attrs"={},"contents"="","finish"=true,"name"="a","start"=true} 5', parse("<a/>"))
check("attributes", '{"b"="c","d:e"="<f>"}', parse("<a b='c' d:e=\"&lt;f&gt;\">").attrs)
check("end tag and what is before it", '{"attrs"={},"contents"="t & u","finish"=true,"name"="x:a","start"=false}',
  (parse("t &amp; u</x:a>")))
check("no whole tag", "nil nil nil", parse(""), parse("text"), parse("<a b='c'"))

-- RFC 6120, 9.1, cut short.
local STREAM = "<?xml version='1.0'?><stream:stream from='im.example.com' id='t7AMCin9' version='1.0' "
  .. "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
local FEATURES = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>"
  .. "<mechanism>SCRAM-SHA-1</mechanism></mechanisms></stream:features>"

local function helper (pieces)
  stub.sent = {}
  stub.peer = function () return pieces end
  return xmpp.Helper:new({ ip = "10.0.0.1" }, { number = 5222, protocol = "tcp" }, { servername = "im.example.com" })
end

local one = helper({ STREAM, FEATURES, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>" })
check("connect", "true", one:connect())
check("asked for", "true", stub.sent[1]:find("to='im.example.com'", 1, true) ~= nil)
check("mechanisms", '{"PLAIN"=true,"SCRAM-SHA-1"=true}', one:getAuthMechs())
check("login", "true", (one:login("juliet", "r0m30", "PLAIN")))
-- The answer of RFC 6120, 6.4.2.
check("auth", [["<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldAByMG0zMA==</auth>"]],
  stub.sent[2])
check("close", "true", one:close())

local two = helper({ STREAM .. FEATURES, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>" })
check("connect at once", "true", two:connect())
check("wrong password", 'false "Login failed"', two:login("juliet", "x", "PLAIN"))

check("error", "false", (helper({ STREAM, "<stream:error><host-unknown/></stream:error>" }):connect()))
check("no XMPP", "false", (helper({ "HTTP/1.1 400 Bad Request\r\n\r\n" }):connect()))
check("endless", "false", (helper({ ("x"):rep(300000), ("x"):rep(300000) }):connect()))
check("endless tags", "false", (helper({ ("<a/>"):rep(60000) }):connect()))

for _, text in ipairs(mutants(STREAM .. FEATURES, 300)) do
  local ran, err = pcall(function () return helper({ text }):connect() end)
  if not ran then check("damaged: " .. text, "true", ran, err) end
end
