local sip = require "sip"

-- RFC 3261, 24.1.
local response = sip.Response:new("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP biloxi.example.com:5060;branch=z9hG4bKnashds7\r\n"
  .. "To: Bob <sip:bob@biloxi.example.com>;tag=2493k59kd\r\nCSeq: 1826 REGISTER\r\nExpires : 7200\r\nContent-Length: 0\r\n\r\nTo: body")
check("response", '200 "OK" 1826 "7200" nil nil', response:getErrorCode(), response:getErrorMessage(), response:getCSeq(),
  response:getHeader("expires"), response:getHeader("Allow"), response:getMethod())
check("not ours", "nil nil", sip.Response:new("HTTP/1.1 200 OK\r\n"):getErrorCode(), sip.Response:new(""):getErrorCode())
equal(sip.Response:new("INVITE sip:bob@x SIP/2.0\r\n"):getMethod(), "INVITE")

local request = sip.Request:new(sip.Method.OPTIONS, "tcp")
local data = sip.SessionData:new()
data:setUsername("alice")
data:setName("Alice")
data:setClient("192.0.2.1", 5062)
data:setServer("2001:db8::1", 5060)
request:setSessionData(data)
request:setCseq(7)
request:setCallId("call")
request:addHeader("Accept", "application/sdp")
local lines = sip.Response:new(tostring(request))
equal(lines.tbl[1], "OPTIONS sip:[2001:db8::1] SIP/2.0")
check("request", '"7 OPTIONS" "call" "application/sdp" "0" "70"', lines:getHeader("CSeq"), lines:getHeader("Call-ID"),
  lines:getHeader("Accept"), lines:getHeader("Content-Length"), lines:getHeader("Max-Forwards"))
check("via", "true", lines:getHeader("Via"):find("^SIP/2%.0/TCP 192%.0%.2%.1:5062;rport;branch=z9hG4bK%a+$") ~= nil)
request:setContent("v=0")
check("body", "true", tostring(request):find("Content%-Length: 3\r\n\r\nv=0$") ~= nil)

-- Digest without a quality of protection: the values of RFC 2617, 3.5 in the form of RFC 2069.
local auth = sip.SipAuth:new('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"')
auth:setUsername("Mufasa")
auth:setPassword("Circle Of Life")
auth:setMethod("GET")
auth:setUri("/dir/index.html")
check("challenge", 'true "testrealm@host.com" "dcd98b7102dd2f0e8b11d0f600bfb0c093"', auth:parseChallenge(), auth.realm, auth.nonce)
equal(auth:calculateResponse(), "670fd8c2df070c60b045671b8b24ff02")
check("no digest", "nil", sip.SipAuth:new("Basic realm=x"):createResponse())
