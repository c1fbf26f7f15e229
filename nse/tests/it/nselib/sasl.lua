local sasl = require "sasl"

-- RFC 2195, 2.
check("CRAM-MD5", '"tim b913a602c7eda7a495b4e6e7334d3890"',
  sasl.cram_md5_enc("tim", "tanstaaftanstaaf", "<1896.697170952@postoffice.reston.mci.net>"))
check("PLAIN", '"tim\\0tim\\0tanstaaf"', sasl.plain_enc("tim", "tanstaaf"))

-- RFC 2831, 4: both examples.
local function digest (challenge, cnonce, service, uri)
  local answer = sasl.DigestMD5:new(challenge, "chris", "secret", nil, uri, service)
  answer.cnonce = cnonce
  return answer:calcDigest()
end
local text, fields = digest('realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8',
  "OA6MHXh6VqTrRk", "imap", "imap/elwood.innosoft.com")
equal(fields.response, "d388dad90d4bbd760a152321f2143af7", "IMAP")
equal(text, 'username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",cnonce="OA6MHXh6VqTrRk",nc=00000001,'
  .. 'qop=auth,digest-uri="imap/elwood.innosoft.com",response=d388dad90d4bbd760a152321f2143af7,charset=utf-8')
text, fields = digest('realm="elwood.innosoft.com",nonce="OA9BSXrbuRhWay",qop="auth",algorithm=md5-sess,charset=utf-8',
  "OA9BSuZWMSpW8m", "acap", "acap/elwood.innosoft.com")
equal(fields.response, "6084c6db3fede7352c551284490fd0fc", "ACAP")

-- RFC 2617, 3.5.
local http = sasl.DigestMD5:new('realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",'
  .. ' opaque="5ccc069c403ebaf9f0171e9517f40e41"', "Mufasa", "Circle Of Life", "GET", "/dir/index.html")
http.cnonce = "0a4f113b"
equal(select(2, http:calcDigest()).response, "6629fae49393a05397450978507c4ef1", "HTTP")

local escaped = sasl.DigestMD5:new('realm="a\\"b", nonce="x', "u", "p")
equal(escaped.realm, 'a"b')
equal(escaped.challenge.nonce, "x", "a quote without an end")
equal(sasl.DigestMD5:new("", "u", "p").realm, "")

check("mechanisms", '"CRAM-MD5" nil nil', (sasl.check_mechanism("cram-md5")), (sasl.check_mechanism("X")), (sasl.check_mechanism(nil)))
local helper = sasl.Helper:new("plain")
check("helper", '"PLAIN" "a\\0a\\0b"', helper:get_mechanism(), helper:encode("a", "b"))
helper:set_callback(function (text) return text .. "!" end)
equal(helper:encode("x"), "x!")
helper:reset_callback()
equal(helper:encode("a", "b"), "a\0a\0b")
helper:reset()
check("nothing chosen", "nil nil", helper:get_mechanism(), (helper:encode("a")))
