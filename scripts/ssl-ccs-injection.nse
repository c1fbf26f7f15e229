local stdnse = require "stdnse"
local tls = require "tls"
local tlshello = require "tlshello"
local vulns = require "vulns"

description = [[
Tells whether a server takes a "change cipher spec" before keys are agreed on (CVE-2014-0224).

OpenSSL before 0.9.8za, 1.0.0m and 1.0.1h switched to keys anybody can work out. The script sends the message twice right
after the server's hello: a server that is sound ends the connection at the first one, others say so only at the second,
which they can't decrypt.
]]

---
-- @usage
-- perilune -p 443 --script ssl-ccs-injection TARGET
--
-- @output
-- 443/tcp open  https
-- | ssl-ccs-injection:
-- |   VULNERABLE:
-- |   SSL/TLS MITM vulnerability (CCS Injection)
-- |     State: VULNERABLE
-- |     Risk factor: High
-- |     IDs:  CVE:CVE-2014-0224
-- |     References:
-- |_      https://cve.mitre.org/cgi-bin/cvename.cgi?name=CVE-2014-0224

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "safe", "vuln" }

-- Finds out that a service is inside TLS.
dependencies = { "https-redirect" }

portrule = tlshello.portrule

-- How long a server that took the message stays silent.
local TIMEOUT_MS = 3000

-- The description of the alert that comes, or what else happens.
local function next_alert (socket)
  local status, buffer, err = tls.record_buffer(socket)
  if not status then return nil, err end
  local _, record = tls.record_read(buffer)
  if record and record.type == "alert" and record.body[1] then return record.body[1].description end
  return nil, "something else"
end

local function test (host, port, protocol)
  local socket, err = tlshello.connect(host, port)
  if not socket then return nil, err end
  local status = socket:send(tlshello.hello(host, {
    protocol = protocol,
    ciphers = {
      "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
      "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
      "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_RC4_128_SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
      "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    },
  }))
  local answer
  if status then
    answer, err = tlshello.read(socket)
  end
  if not answer or not answer.hello or answer.hello.protocol ~= protocol then
    socket:close()
    return nil, answer and answer.alert or err
  end
  socket:set_timeout(TIMEOUT_MS)
  local change = tls.record_write("change_cipher_spec", protocol, "\1")
  socket:send(change)
  local first, first_err = next_alert(socket)
  local found, message = false, first or first_err
  if not first and first_err == "TIMEOUT" then
    socket:send(change)
    local second, second_err = next_alert(socket)
    message = second or second_err
    -- The second one came where encrypted data was expected.
    found = second == "bad_record_mac" or second == "decryption_failed"
  end
  socket:close()
  return found, message
end

action = function (host, port)
  local vuln = {
    title = "SSL/TLS MITM vulnerability (CCS Injection)",
    state = vulns.STATE.NOT_VULN,
    risk_factor = "High",
    IDS = { CVE = "CVE-2014-0224" },
    description = [[
OpenSSL before 0.9.8za, 1.0.0m and 1.0.1h takes the message that switches to
encryption before keys are agreed on. Somebody between the two sides can make
both use keys that are known.]],
    references = { "https://www.openssl.org/news/secadv/20140605.txt" },
  }
  for _, protocol in ipairs({ "TLSv1.2", "TLSv1.1", "TLSv1.0", "SSLv3" }) do
    local found, message = test(host, port, protocol)
    stdnse.debug1("%s: %s", protocol, tostring(message))
    if found ~= nil then
      if found then vuln.state = vulns.STATE.VULN end
      return vulns.Report:new(SCRIPT_NAME, host, port):make_output(vuln)
    end
  end
end
