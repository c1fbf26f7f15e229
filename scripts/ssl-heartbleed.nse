local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local tls = require "tls"
local tlshello = require "tlshello"
local vulns = require "vulns"

description = [[
Tells whether a server answers a heartbeat with memory of its own (Heartbleed, CVE-2014-0160).

A heartbeat of TLS (RFC 6520) says how long its contents are. Servers with OpenSSL 1.0.1 to 1.0.1f believe it and send so
many bytes back, whatever lies behind the contents. The script says that there are more bytes than it sends; what comes
back is not shown.
]]

---
-- @args ssl-heartbleed.protocols Versions to try, such as <code>{TLSv1.2,TLSv1.0}</code>. Default: all but TLS 1.3.
--
-- @usage
-- perilune -p 443 --script ssl-heartbleed TARGET
--
-- @output
-- 443/tcp open  https
-- | ssl-heartbleed:
-- |   VULNERABLE:
-- |   The Heartbleed Bug is a serious vulnerability in the popular OpenSSL cryptographic software library.
-- |     State: VULNERABLE
-- |     Risk factor: High
-- |     IDs:  CVE:CVE-2014-0160
-- |     References:
-- |_      http://heartbleed.com/

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "safe", "vuln" }

-- Finds out that a service is inside TLS.
dependencies = { "https-redirect" }

portrule = tlshello.portrule

-- What the heartbeat says it holds, and what it holds: RFC 6520 wants 16 bytes of padding besides.
local CLAIMED_LEN, CONTENTS = 0x4000, "perilune"

local TIMEOUT_MS = 5000
local RECORDS_MAX = 16

-- True: memory came back; false: none did; nil: the server does not speak that version.
local function test (host, port, protocol)
  local socket, err = tlshello.connect(host, port)
  if not socket then return nil, err end
  local function finish (result, message)
    socket:close()
    return result, message
  end
  local hello = tlshello.hello(host, {
    protocol = protocol,
    ciphers = {
      "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA",
      "TLS_RSA_WITH_AES_256_CBC_SHA", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
      "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_RC4_128_SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
      "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    },
    -- Mode 1: the peer may send heartbeats.
    extensions = { heartbeat = "\1" },
  })
  local status
  status, err = socket:send(hello)
  if not status then return finish(nil, err) end
  local answer
  answer, err = tlshello.read(socket)
  if not answer then return finish(nil, err) end
  if not answer.hello or answer.hello.protocol ~= protocol then return finish(nil, answer.alert or "another version") end
  if not (answer.hello.extensions and answer.hello.extensions.heartbeat) then return finish(false, "no heartbeats") end

  status, err = socket:send(tls.record_write("heartbeat", protocol, string.pack(">BI2", 1, CLAIMED_LEN) .. CONTENTS))
  if not status then return finish(false, err) end
  socket:set_timeout(TIMEOUT_MS)
  local buffer, at, record = "", 1, nil
  for _ = 1, RECORDS_MAX do
    status, buffer, err = tls.record_buffer(socket, buffer, at)
    if not status then return finish(false, err) end
    at, record = tls.record_read(buffer, at)
    if not record then return finish(false, "this is no TLS") end
    if record.type == "heartbeat" then return finish(record.length > 3 + #CONTENTS + 16) end
    if record.type == "alert" then return finish(false, "alert") end
  end
  return finish(false, "no heartbeat came back")
end

action = function (host, port)
  local wanted = stdnse.get_script_args(SCRIPT_NAME .. ".protocols")
  if type(wanted) == "string" then wanted = { wanted } end
  local vuln = {
    title = "The Heartbleed Bug is a serious vulnerability in the popular OpenSSL cryptographic software library.",
    state = vulns.STATE.NOT_VULN,
    risk_factor = "High",
    IDS = { CVE = "CVE-2014-0160" },
    description = [[
OpenSSL 1.0.1 to 1.0.1f sends memory of its process to whoever asks for it:
keys, passwords and what others send and get.]],
    references = { "http://heartbleed.com/", "https://www.openssl.org/news/secadv/20140407.txt" },
  }
  local has_answered = false
  for _, protocol in ipairs(wanted or { "TLSv1.2", "TLSv1.1", "TLSv1.0" }) do
    if not tls.PROTOCOLS[protocol] then return stdnse.format_output(false, "unknown version " .. tostring(protocol)) end
    local found, message = test(host, port, protocol)
    if found ~= nil then has_answered = true end
    if found then
      vuln.state = vulns.STATE.VULN
      break
    end
    stdnse.debug1("%s: %s", protocol, tostring(message))
  end
  if not has_answered and nmap.verbosity() < 2 then return nil end
  return vulns.Report:new(SCRIPT_NAME, host, port):make_output(vuln)
end
