local ipOps = require "ipOps"
local sslcert = require "sslcert"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local tlshello = require "tlshello"

description = [[
Lists addresses of private networks (RFC 1918) in a certificate: in the names of its subject and issuer and in its
extensions.
]]

---
-- @usage
-- perilune -p 443 --script ssl-cert-intaddr TARGET
--
-- @output
-- 443/tcp open  https
-- | ssl-cert-intaddr:
-- |   Subject commonName:
-- |     10.5.5.5
-- |   X509v3 Subject Alternative Name:
-- |_    10.6.6.6
--
-- @xmloutput
-- <table key="X509v3 Subject Alternative Name">
--   <elem>10.6.6.6</elem>
-- </table>

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe", "vuln" }

-- Finds out that a service is inside TLS.
dependencies = { "https-redirect" }

portrule = tlshello.portrule

local NETWORKS = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16" }

-- Addresses of private networks in a text.
local function find (text)
  local list = {}
  for address in string.gmatch(text, "%d+%.%d+%.%d+%.%d+") do
    for _, network in ipairs(NETWORKS) do
      if ipOps.ip_in_range(address, network) then list[#list + 1] = address end
    end
  end
  return #list > 0 and list or nil
end

action = function (host, port)
  local status, cert = sslcert.getCertificate(host, port)
  if not status then
    stdnse.debug1("no certificate: %s", tostring(cert))
    return nil
  end
  local out = stdnse.output_table()
  for _, name in ipairs({ "Subject", "Issuer" }) do
    local keys = {}
    local attributes = cert[string.lower(name)]
    for key, value in pairs(attributes) do
      local text = type(key) == "table" and table.concat(key, ".") or key
      keys[#keys + 1] = { text, value }
    end
    table.sort(keys, function (a, b) return a[1] < b[1] end)
    for _, pair in ipairs(keys) do out[name .. " " .. pair[1]] = find(pair[2]) end
  end
  for _, extension in ipairs(cert.extensions or {}) do
    if extension.value then out[extension.name] = find(extension.value) end
  end
  return #out > 0 and out or nil
end
