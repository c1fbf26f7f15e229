local sslv2 = require "sslv2"
local tlshello = require "tlshello"

description = [[
Tells whether a server speaks SSL 2.0, which no longer protects anything, and which ciphers it takes then.
]]

---
-- @usage
-- perilune -p 443 --script sslv2 TARGET
--
-- @output
-- 443/tcp open  https
-- | sslv2:
-- |   SSLv2 supported
-- |   ciphers:
-- |     SSL2_RC4_128_WITH_MD5
-- |_    SSL2_DES_192_EDE3_CBC_WITH_MD5
--
-- @xmloutput
-- <elem>SSLv2 supported</elem>
-- <table key="ciphers">
--   <elem>SSL2_RC4_128_WITH_MD5</elem>
-- </table>

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "default", "safe" }

-- Finds out that a service is inside TLS.
dependencies = { "https-redirect" }

portrule = tlshello.portrule

action = function (host, port)
  local ciphers = sslv2.test_sslv2(host, port)
  if not ciphers then return nil end
  return { "SSLv2 supported", ciphers = #ciphers > 0 and ciphers or "none" }
end
