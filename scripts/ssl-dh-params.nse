local nmap = require "nmap"
local openssl = require "openssl"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local tls = require "tls"
local tlshello = require "tlshello"
local vulns = require "vulns"

description = [[
Looks at the Diffie-Hellman groups a server uses in TLS: anonymous exchanges, groups of export strength (Logjam), groups
that are too short, and groups whose modulus is no safe prime.
]]

---
-- @usage
-- perilune -p 443 --script ssl-dh-params TARGET
--
-- @output
-- 443/tcp open  https
-- | ssl-dh-params:
-- |   VULNERABLE:
-- |   Diffie-Hellman Key Exchange Insufficient Group Strength
-- |     State: VULNERABLE
-- |       A group of less than 2048 bits can be broken by those with large means, and a common one for everybody at once.
-- |     Check results:
-- |       WEAK DH GROUP 1
-- |             Cipher Suite: TLS_DHE_RSA_WITH_AES_128_CBC_SHA
-- |             Modulus Type: Safe prime
-- |             Modulus Length: 1024
-- |             Generator Length: 8
-- |             Public Key Length: 1024
-- |     References:
-- |_      https://weakdh.org

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "safe", "vuln" }

-- Finds out that a service is inside TLS.
dependencies = { "https-redirect" }

portrule = tlshello.portrule

-- Bits below which a group is weak, and below which it is of export strength.
local WEAK, EXPORT = 2048, 1024

local TITLES = {
  anon = {
    title = "Anonymous Diffie-Hellman Key Exchange MitM Vulnerability",
    heading = "ANONYMOUS DH GROUP",
    description = [[
An anonymous exchange of keys keeps off those who only listen. Whoever stands
between the two sides can agree on a key with each of them.]],
    references = { "https://www.ietf.org/rfc/rfc2246.txt" },
  },
  export = {
    title = "Transport Layer Security (TLS) Protocol DHE_EXPORT Ciphers Downgrade MitM (Logjam)",
    heading = "EXPORT-GRADE DH GROUP",
    IDS = { CVE = "CVE-2015-4000", BID = "74733" },
    description = [[
Whoever stands between the two sides can make them use a group of 512 bits,
which was the limit for export once and can be broken in time.]],
    dates = { disclosure = { year = 2015, month = 5, day = 19 } },
    references = { "https://weakdh.org" },
  },
  weak = {
    title = "Diffie-Hellman Key Exchange Insufficient Group Strength",
    heading = "WEAK DH GROUP",
    description = [[
A group of less than 2048 bits can be broken by those with large means, and a
common one for everybody at once.]],
    references = { "https://weakdh.org" },
  },
  unsafe = {
    title = "Diffie-Hellman Key Exchange Potentially Unsafe Group Parameters",
    heading = "NON-SAFE GROUP",
    description = [[
The modulus is no safe prime: the group may have small parts in which a key
can be found.]],
    references = { "https://weakdh.org" },
  },
}
local ORDER = { "anon", "export", "weak", "unsafe" }

local function suites (select)
  local names = {}
  for _, name in ipairs(tlshello.ciphers_of("TLSv1.2")) do
    local info = tls.cipher_info(name)
    if info.type == "dh" and select(info) then names[#names + 1] = name end
  end
  return names
end

-- Servers may choose another group for each kind of suite.
local KINDS = {
  suites(function (info) return info.anon and not info.export end),
  suites(function (info) return info.export end),
  suites(function (info) return not info.anon and not info.export end),
}

-- Whether the modulus and half of what is below it are prime.
local function prime_type (p)
  local number = openssl.bignum_bin2bn(p)
  if not openssl.bignum_is_prime(number) then return "Composite" end
  local half, carry = {}, 0
  for i = 1, #p do
    local byte = string.byte(p, i)
    half[i] = string.char(carry << 7 | byte >> 1)
    carry = byte & 1
  end
  if openssl.bignum_is_prime(openssl.bignum_bin2bn(table.concat(half))) then return "Safe prime" end
  return "Non-safe prime"
end

local function bits (bytes)
  local text = string.match(bytes, "^%z*(.*)$")
  return 8 * #text
end

-- Adds what one group is to the findings.
local function judge (findings, name, params, types)
  local info = tls.cipher_info(name)
  local length = bits(params.p)
  types[params.p] = types[params.p] or prime_type(params.p)
  local kind = info.anon and "anon" or (info.export or length < EXPORT) and "export" or length < WEAK and "weak"
    or types[params.p] ~= "Safe prime" and "unsafe" or nil
  if not kind then return end
  local list = findings[kind] or {}
  findings[kind] = list
  list[#list + 1] = string.format([[%s %d
      Cipher Suite: %s
      Modulus Type: %s
      Modulus Length: %d
      Generator Length: %d
      Public Key Length: %d]], TITLES[kind].heading, #list + 1, name, types[params.p], length, bits(params.g),
    bits(params.y))
end

action = function (host, port)
  local findings, types, seen, asked = {}, {}, {}, false
  for _, protocol in ipairs({ "TLSv1.2", "TLSv1.0", "SSLv3" }) do
    for _, ciphers in ipairs(KINDS) do
      local answer, err = tlshello.ask(host, port, { protocol = protocol, ciphers = ciphers })
      if answer and answer.hello and answer.key_exchange then
        local name = answer.hello.cipher
        local info = tls.cipher_info(name)
        local parsed = info.server_key_exchange and info.server_key_exchange(answer.key_exchange, answer.hello.protocol)
        if parsed and parsed.dhparams and not seen[name .. parsed.dhparams.p] then
          seen[name .. parsed.dhparams.p] = true
          asked = true
          judge(findings, name, parsed.dhparams, types)
        end
      else
        stdnse.debug2("%s: %s", protocol, answer and answer.alert or tostring(err))
      end
    end
  end
  if not asked and nmap.verbosity() < 2 then return nil end
  local report, list = vulns.Report:new(SCRIPT_NAME, host, port), {}
  for _, kind in ipairs(ORDER) do
    local about = TITLES[kind]
    list[#list + 1] = {
      title = about.title,
      state = findings[kind] and vulns.STATE.VULN or vulns.STATE.NOT_VULN,
      IDS = about.IDS,
      description = about.description,
      dates = about.dates,
      references = about.references,
      check_results = findings[kind],
    }
  end
  return report:make_output(table.unpack(list))
end
