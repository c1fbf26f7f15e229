local stdnse = require "stdnse"
local tls = require "tls"
local tlshello = require "tlshello"
local vulns = require "vulns"

description = [[
Tells whether a server accepts SSL 3.0 with a cipher in CBC mode (POODLE, CVE-2014-3566).

In that mode SSL 3.0 leaves the padding unchecked, so that somebody between the two sides, who can make the client send
much, finds out bytes of what it sends.
]]

---
-- @usage
-- perilune -p 443 --script ssl-poodle TARGET
--
-- @output
-- 443/tcp open  https
-- | ssl-poodle:
-- |   VULNERABLE:
-- |   SSL POODLE information leak
-- |     State: VULNERABLE
-- |     IDs:  CVE:CVE-2014-3566  BID:70574
-- |     Check results:
-- |_      TLS_RSA_WITH_AES_128_CBC_SHA

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "safe", "vuln" }

-- Finds out that a service is inside TLS.
dependencies = { "https-redirect" }

portrule = tlshello.portrule

local CHUNK_LEN = 64

-- The suites to ask for, a hello's worth at a time.
local function chunks ()
  local list, current = {}, {}
  for _, name in ipairs(tlshello.ciphers_of("SSLv3")) do
    if tls.cipher_info(name).mode == "CBC" then
      if #current == CHUNK_LEN then
        list[#list + 1] = current
        current = {}
      end
      current[#current + 1] = name
    end
  end
  list[#list + 1] = current
  return list
end

action = function (host, port)
  local vuln = {
    title = "SSL POODLE information leak",
    state = vulns.STATE.NOT_VULN,
    IDS = { CVE = "CVE-2014-3566", BID = "70574" },
    description = [[
SSL 3.0 does not check the padding of ciphers in CBC mode, so that somebody
between the two sides can find out bytes of what is sent.]],
    dates = { disclosure = { year = 2014, month = 10, day = 14 } },
    references = { "https://www.openssl.org/~bodo/ssl-poodle.pdf" },
  }
  local has_answered = false
  for _, ciphers in ipairs(chunks()) do
    local answer, err = tlshello.ask(host, port, { protocol = "SSLv3", ciphers = ciphers })
    if answer then has_answered = true end
    if answer and answer.hello and answer.hello.protocol == "SSLv3" then
      vuln.state = vulns.STATE.VULN
      vuln.check_results = { answer.hello.cipher }
      break
    end
    stdnse.debug2("no SSL 3.0: %s", answer and answer.alert or tostring(err))
  end
  if not has_answered then return nil end
  return vulns.Report:new(SCRIPT_NAME, host, port):make_output(vuln)
end
