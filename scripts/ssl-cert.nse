local datetime = require "datetime"
local nmap = require "nmap"
local sslcert = require "sslcert"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local tlshello = require "tlshello"
local unicode = require "unicode"

description = [[
Shows the certificate of a server: whom it names, who issued it, and how long it is valid.

Servers that start TLS in their own protocol (FTP, IMAP, LDAP, LMTP, MySQL, NNTP, POP3, PostgreSQL, SMTP, TDS, VNC, XMPP)
are asked for it. More verbosity shows more: the issuer, the key, the signature and digests at <code>-v</code>, the
certificate itself at <code>-vv</code>.
]]

---
-- @usage
-- perilune -p 443 --script ssl-cert TARGET
--
-- @output
-- 443/tcp open  https
-- | ssl-cert: Subject: commonName=www.example.com/organizationName=Example
-- | Subject Alternative Name: DNS:www.example.com
-- | Not valid before: 2026-01-01T00:00:00
-- |_Not valid after:  2027-01-01T00:00:00
--
-- @xmloutput
-- <table key="subject">
--   <elem key="commonName">www.example.com</elem>
-- </table>
-- <table key="validity">
--   <elem key="notBefore">2026-01-01T00:00:00</elem>
--   <elem key="notAfter">2027-01-01T00:00:00</elem>
-- </table>

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

-- Finds out that a service is inside TLS.
dependencies = { "https-redirect" }

portrule = tlshello.portrule

-- Shown first, in this order; the rest of a name is for those who ask for more.
local FIRST = { "commonName", "organizationName", "stateOrProvinceName", "countryName" }

-- Text of an attribute, whose bytes may be two for each character.
local function attribute_text (bytes)
  if string.find(bytes, "^%z") and #bytes % 2 == 0 then
    bytes = unicode.transcode(bytes, unicode.utf16_dec, unicode.utf8_enc, true)
  end
  return bytes
end

local function attribute_name (key)
  return type(key) == "table" and table.concat(key, ".") or key
end

-- Attributes of a name in output order, as a table for the structured output.
local function name_table (name)
  local rest, found = {}, {}
  for key, value in pairs(name) do
    local text = attribute_name(key)
    found[text] = attribute_text(value)
    rest[#rest + 1] = text
  end
  table.sort(rest)
  local out = stdnse.output_table()
  for _, key in ipairs(FIRST) do out[key] = found[key] end
  for _, key in ipairs(rest) do out[key] = found[key] end
  return out
end

local function name_text (out)
  local short, whole = {}, {}
  for _, key in ipairs(FIRST) do
    if out[key] then short[#short + 1] = key .. "=" .. out[key] end
  end
  for key, value in pairs(out) do whole[#whole + 1] = key .. "=" .. value end
  local parts = nmap.verbosity() < 2 and #short > 0 and short or whole
  return #parts > 0 and table.concat(parts, "/") or nil
end

local function date_text (date)
  if type(date) == "table" then return datetime.format_timestamp(date) end
  if type(date) == "string" then return "Can't parse; string is \"" .. date .. "\"" end
  return "unknown"
end

local function alternative_name (cert)
  for _, extension in ipairs(cert.extensions or {}) do
    if extension.name == "X509v3 Subject Alternative Name" then return extension.value end
  end
end

local function structured (cert)
  local out = stdnse.output_table()
  out.subject = name_table(cert.subject)
  out.issuer = name_table(cert.issuer)
  local key = stdnse.output_table()
  key.type = cert.pubkey.type
  key.bits = cert.pubkey.bits
  if cert.pubkey.modulus then key.modulus = tostring(cert.pubkey.modulus) end
  if cert.pubkey.exponent then key.exponent = tostring(tonumber(tostring(cert.pubkey.exponent), 16)) end
  if cert.pubkey.ecdhparams then key.ecdhparams = cert.pubkey.ecdhparams end
  out.pubkey = key
  if cert.extensions then
    local list = {}
    for i, extension in ipairs(cert.extensions) do
      local one = stdnse.output_table()
      one.name = extension.name
      one.value = extension.value
      if extension.critical then one.critical = true end
      list[i] = one
    end
    out.extensions = list
  end
  out.sig_algo = cert.sig_algorithm
  local validity = stdnse.output_table()
  validity.notBefore = date_text(cert.validity and cert.validity.notBefore)
  validity.notAfter = date_text(cert.validity and cert.validity.notAfter)
  out.validity = validity
  for _, name in ipairs({ "md5", "sha1", "sha256" }) do out[name] = stdnse.tohex(cert:digest(name)) end
  out.pem = cert.pem
  return out
end

local GROUPED = { separator = " ", group = 4 }

local function text_of (cert, out)
  local lines = { "Subject: " .. (name_text(out.subject) or "no subject") }
  local function add (fmt, ...) lines[#lines + 1] = string.format(fmt, ...) end
  local names = alternative_name(cert)
  if names then add("Subject Alternative Name: %s", names) end
  local verbosity = nmap.verbosity()
  if verbosity > 0 then
    add("Issuer: %s", name_text(out.issuer) or "unknown")
    add("Public Key type: %s", cert.pubkey.type)
    add("Public Key bits: %s", cert.pubkey.bits)
    add("Signature Algorithm: %s", cert.sig_algorithm)
  end
  add("Not valid before: %s", out.validity.notBefore)
  add("Not valid after:  %s", out.validity.notAfter)
  if verbosity > 0 then
    add("MD5:     %s", stdnse.tohex(cert:digest("md5"), GROUPED))
    add("SHA-1:   %s", stdnse.tohex(cert:digest("sha1"), GROUPED))
    add("SHA-256: %s", stdnse.tohex(cert:digest("sha256"), GROUPED))
  end
  if verbosity > 1 then add("%s", cert.pem) end
  return table.concat(lines, "\n")
end

action = function (host, port)
  local status, cert = sslcert.getCertificate(host, port)
  if not status then
    stdnse.debug1("no certificate: %s", tostring(cert))
    return nil
  end
  local out = structured(cert)
  return out, text_of(cert, out)
end
