local base64 = require "base64"
local httpauth = require "httpauth"
local stdnse = require "stdnse"

-- RFC 7617, 2.
check("basic", '"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="',
  httpauth.basic({ username = "Aladdin", password = "open sesame" }))

-- RFC 2617, 3.5.
local challenges = httpauth.parse_www_authenticate('Digest realm="testrealm@host.com", qop="auth,auth-int", '
  .. 'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"')
check("digest", '"Digest username=\\"Mufasa\\", realm=\\"testrealm@host.com\\", '
  .. 'nonce=\\"dcd98b7102dd2f0e8b11d0f600bfb0c093\\", uri=\\"/dir/index.html\\", '
  .. 'response=\\"6629fae49393a05397450978507c4ef1\\", opaque=\\"5ccc069c403ebaf9f0171e9517f40e41\\", qop=auth, '
  .. 'nc=00000001, cnonce=\\"0a4f113b\\""',
  httpauth.digest({ username = "Mufasa", password = "Circle Of Life" }, challenges[1], "GET", "/dir/index.html",
    "0a4f113b"))
local function response_to (params)
  params.realm, params.nonce = "r", "n"
  local answer = httpauth.digest({ username = "u", password = "p" }, { params = params }, "GET", "/", "c")
  return answer and answer:match('response="(%x+)"')
end
-- Computed with Python's hashlib.
check("digest without qop", '"f23121ca97143c6b358da620220c83b4"', response_to({}))
check("SHA-256", '"e285f18fb83088139313caad403970c19bd4404bd6be92d89058963b9391420d"', response_to({ algorithm = "SHA-256", qop = "auth" }))
check("session", '"6e4aac8b22e97762f88ccd0d5ccf5b1d"', response_to({ algorithm = "MD5-sess", qop = "auth" }))
check("unknown", "nil nil", response_to({ algorithm = "X" }), response_to({ qop = "auth-int" }))
check("no nonce", "nil", httpauth.digest({ username = "u" }, { params = {} }, "GET", "/"))

check("challenges", '{1={"params"={"realm"="a"},"scheme"="Basic"},2={"data"="TlRMTQ==","scheme"="NTLM"},'
  .. '3={"params"={},"scheme"="Negotiate"}}',
  httpauth.parse_www_authenticate('Basic realm="a", NTLM TlRMTQ==, Negotiate'))
check("escapes in quotes", '{1={"params"={"realm"="a\\"b"},"scheme"="Basic"}}',
  httpauth.parse_www_authenticate('Basic realm="a\\"b"'))
check("no challenge", "nil nil", httpauth.parse_www_authenticate('Basic realm="a'), httpauth.parse_www_authenticate("=x"))
check("of a scheme", '"b" nil', httpauth.challenge_of({ header = { ["www-authenticate"] = "A, b x=y" } }, "b").scheme,
  httpauth.challenge_of({ header = {} }, "b"))

-- [MS-NLMP] 4.2.4.
local nt, lm = httpauth.ntlmv2_response({ username = "User", domain = "Domain", password = "Password" },
  stdnse.fromhex("0123456789abcdef"),
  stdnse.fromhex("02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000"), ("\xaa"):rep(8), 0)
check("NTLMv2", '"68cd0ab851e51c96aabc927bebef6a1c" "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa"',
  stdnse.tohex(nt:sub(1, 16)), stdnse.tohex(lm))
check("negotiate", '"4e544c4d535350000100000005820800"', stdnse.tohex(
  base64.dec(httpauth.ntlm_negotiate():sub(6)):sub(1, 16)))
local function authenticate (data)
  return httpauth.ntlm_authenticate({ username = "u", password = "p" }, { data = data })
end
check("no challenge of NTLM", "nil nil nil", authenticate(nil), authenticate("AAAA"), authenticate("TlRMTVNTUAABAAAA"))
-- Target information that lies outside of the message.
local bad = "NTLMSSP\0\2\0\0\0" .. string.pack("<I2I2I4I4", 0, 0, 0, 0x00800000) .. ("\1"):rep(16)
  .. string.pack("<I2I2I4", 0xFFFF, 0xFFFF, 0xFFFFFFFF)
check("challenge with a bad offset", '"string"', type(authenticate(base64.enc(bad))))

check("backslash at the end", "nil", httpauth.parse_www_authenticate("Basic realm=\"a\\"))
for _, text in ipairs(mutants('Digest realm="a\\"b", nonce=abc, qop="auth,auth-int", Basic realm="x", NTLM TlRMTQ==', 1000)) do
  local ran, err = pcall(httpauth.parse_www_authenticate, text)
  if not ran then check("damaged: " .. text, "true", ran, err) end
end
for _, message in ipairs(mutants(bad, 500)) do
  local ran, err = pcall(httpauth.ntlm_authenticate, { username = "u" }, { data = base64.enc(message) })
  if not ran then check("damaged: " .. base64.enc(message), "true", ran, err) end
end
