local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local tls = require "tls"
local tlshello = require "tlshello"

description = [[
Lists the application protocols a server chooses in TLS (ALPN, RFC 7301).

The server is asked again and again without the protocols it chose before, until it chooses none. Servers that choose
whatever they are offered are told by a made-up name.
]]

---
-- @usage
-- perilune -p 443 --script tls-alpn TARGET
--
-- @output
-- 443/tcp open  https
-- | tls-alpn:
-- |   h2
-- |_  http/1.1
--
-- @xmloutput
-- <elem>h2</elem>
-- <elem>http/1.1</elem>

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

-- Finds out that a service is inside TLS.
dependencies = { "https-redirect" }

portrule = tlshello.portrule

-- IANA's registry of ALPN identifiers, and those of drafts that were in wide use.
local PROTOCOLS = {
  "h2", "http/1.1", "http/1.0", "http/0.9", "spdy/3.1", "spdy/3", "spdy/2", "spdy/1", "h2-14", "h2-16", "h2c", "h3",
  "acme-tls/1", "ftp", "imap", "pop3", "managesieve", "nnsp", "nntp", "smb", "mqtt", "irc", "co", "coap", "dot", "doq",
  "ntske/1", "radius/1.0", "radius/1.1", "sip/2", "sunrpc", "webrtc", "c-webrtc", "stun.turn", "stun.nat-discovery",
  "tds/8.0", "dicom", "xmpp-client", "xmpp-server", "postgresql",
}

-- No server means this one.
local MADE_UP = "perilune"

-- What the server chooses of a list; nil and whether it ended the handshake.
local function choose (host, port, protocols)
  local answer, err = tlshello.ask(host, port, {
    protocol = "TLSv1.2",
    ciphers = {
      "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
      "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
      "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA",
      "TLS_RSA_WITH_AES_256_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    },
    extensions = {
      application_layer_protocol_negotiation =
        tls.EXTENSION_HELPERS.application_layer_protocol_negotiation(protocols),
    },
  })
  if not answer or not answer.hello then
    stdnse.debug1("no hello: %s", answer and answer.alert or err)
    return nil
  end
  local chosen = answer.hello.extensions and answer.hello.extensions.application_layer_protocol_negotiation
  -- A list of one name.
  if not chosen or #chosen < 4 or #chosen < 3 + string.byte(chosen, 3) then return nil end
  return string.unpack("s1", chosen, 3)
end

action = function (host, port)
  local left, found = table.move(PROTOCOLS, 1, #PROTOCOLS, 1, {}), {}
  while #left > 0 do
    local chosen = choose(host, port, left)
    if not chosen then break end
    local at
    for i, name in ipairs(left) do
      if name == chosen then at = i end
    end
    if not at then
      stdnse.debug1("the server chose %q, which was not offered", chosen)
      break
    end
    table.remove(left, at)
    found[#found + 1] = chosen
    if #found == 3 and choose(host, port, { MADE_UP }) == MADE_UP then return nil, "any protocol is chosen" end
  end
  if #found == 0 then return nil end
  return found
end
