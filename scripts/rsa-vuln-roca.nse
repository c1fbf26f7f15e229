local sslcert = require "sslcert"
local stdnse = require "stdnse"
local string = require "string"
local tlshello = require "tlshello"
local vulns = require "vulns"

description = [[
Tells whether the RSA key of a certificate was made by a library of Infineon whose primes have a known form (ROCA,
CVE-2017-15361).

All primes of that library are powers of 65537 modulo the first small primes. So is their product, which chance makes of
about one key in 2^27; the remainders of the key by those primes are checked.
]]

---
-- @usage
-- perilune -p 443 --script rsa-vuln-roca TARGET
--
-- @output
-- 443/tcp open  https
-- | rsa-vuln-roca:
-- |   VULNERABLE:
-- |   ROCA: Vulnerable RSA generation
-- |     State: VULNERABLE
-- |     IDs:  CVE:CVE-2017-15361
-- |     References:
-- |_      https://cve.mitre.org/cgi-bin/cvename.cgi?name=CVE-2017-15361

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "safe", "vuln" }

-- Finds out that a service is inside TLS.
dependencies = { "https-redirect" }

portrule = tlshello.portrule

-- The primes below 168 for which the powers of 65537 are not all remainders there are.
local PRIMES = { 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
  107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167 }

-- Remainder of a number given by its hexadecimal digits.
local function remainder (digits, prime)
  local rest = 0
  for digit in string.gmatch(digits, "%x") do rest = (rest * 16 + tonumber(digit, 16)) % prime end
  return rest
end

local function is_power (value, prime)
  local power = 1
  for _ = 1, prime do
    if power == value then return true end
    power = power * 65537 % prime
  end
  return false
end

local function has_form (digits)
  for _, prime in ipairs(PRIMES) do
    if not is_power(remainder(digits, prime), prime) then return false end
  end
  return true
end

action = function (host, port)
  local status, cert = sslcert.getCertificate(host, port)
  if not status then
    stdnse.debug1("no certificate: %s", tostring(cert))
    return nil
  end
  if cert.pubkey.type ~= "rsa" or not cert.pubkey.modulus then return nil end
  local vuln = {
    title = "ROCA: Vulnerable RSA generation",
    state = has_form(tostring(cert.pubkey.modulus)) and vulns.STATE.VULN or vulns.STATE.NOT_VULN,
    IDS = { CVE = "CVE-2017-15361" },
    description = [[
The key was made by a library of Infineon, for smart cards and security chips,
that chose primes of a form in which they can be found from the public key.]],
    references = { "https://crocs.fi.muni.cz/public/papers/rsa_ccs17" },
  }
  return vulns.Report:new(SCRIPT_NAME, host, port):make_output(vuln)
end
