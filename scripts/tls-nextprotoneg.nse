local stdnse = require "stdnse"
local string = require "string"
local tlshello = require "tlshello"

description = [[
Lists the protocols a server offers by "next protocol negotiation", which came before ALPN.
]]

---
-- @usage
-- perilune -p 443 --script tls-nextprotoneg TARGET
--
-- @output
-- 443/tcp open  https
-- | tls-nextprotoneg:
-- |   spdy/3
-- |_  http/1.1
--
-- @xmloutput
-- <elem>spdy/3</elem>
-- <elem>http/1.1</elem>

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

-- Finds out that a service is inside TLS.
dependencies = { "https-redirect" }

portrule = tlshello.portrule

action = function (host, port)
  local answer, err = tlshello.ask(host, port, {
    protocol = "TLSv1.2",
    ciphers = {
      "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
      "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA",
      "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_RC4_128_SHA",
    },
    extensions = { next_protocol_negotiation = "" },
  })
  if not answer or not answer.hello then
    stdnse.debug1("no hello: %s", answer and answer.alert or err)
    return nil
  end
  local data = answer.hello.extensions and answer.hello.extensions.next_protocol_negotiation
  if not data then return nil end
  local names, at = {}, 1
  while at <= #data and #data >= at + string.byte(data, at) do
    names[#names + 1], at = string.unpack("s1", data, at)
  end
  return #names > 0 and names or nil
end
