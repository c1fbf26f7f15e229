local datetime = require "datetime"
local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
local tlshello = require "tlshello"

description = [[
Reads a server's clock from its TLS hello.

Up to TLS 1.2 the first four bytes of a hello's random part were meant to be the time. Many servers send random bytes
there; the server is asked twice, and what does not go on as time does is not taken for one.
]]

---
-- @usage
-- perilune -p 443 --script ssl-date TARGET
--
-- @output
-- 443/tcp open  https
-- |_ssl-date: 2026-11-27T20:00:03+00:00; +3s from scanner time.
--
-- @xmloutput
-- <elem key="date">2026-11-27T20:00:03+00:00</elem>
-- <elem key="delta">3.0</elem>

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

-- Finds out that a service is inside TLS.
dependencies = { "https-redirect" }

portrule = tlshello.portrule

-- Seconds by which two answers may differ from what our clock says of them.
local TOLERANCE = 5

-- The hello's time and ours.
local function ask (host, port)
  for _, protocol in ipairs({ "TLSv1.2", "TLSv1.0", "SSLv3" }) do
    local answer, err = tlshello.ask(host, port, {
      protocol = protocol,
      ciphers = protocol == "TLSv1.2" and {
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
        "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_RC4_128_SHA",
      } or nil,
    })
    if answer and answer.hello then return answer.hello.time, answer.received end
    stdnse.debug1("%s: %s", protocol, answer and answer.alert or err)
  end
end

local NO_TIME = "TLS randomness does not represent time"

-- In TLS 1.3 the whole of the random number is random (RFC 8446, 4.1.3).
local function is_newer (host, port)
  local answer = tlshello.ask(host, port, { protocol = "TLSv1.3" })
  return answer ~= nil and answer.hello ~= nil
end

action = function (host, port)
  local first, first_at = ask(host, port)
  if not first then return is_newer(host, port) and NO_TIME or nil end
  local second, second_at = ask(host, port)
  if not second then return nil end
  local elapsed = second_at - first_at
  if math.abs(second - first - elapsed) > TOLERANCE then
    return NO_TIME
  end
  datetime.record_skew(host, second, second_at)
  local out = stdnse.output_table()
  local delta = second - second_at
  out.date = datetime.format_timestamp(second, 0)
  out.delta = delta
  local rounded = math.floor(delta + 0.5)
  local text = rounded == 0 and "0s" or datetime.format_time(math.abs(rounded))
  local sign = rounded < 0 and "-" or "+"
  return out, string.format("%s; %s%s from scanner time.", out.date, sign, text)
end
