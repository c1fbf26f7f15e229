local coroutine = require "coroutine"
local math = require "math"
local nmap = require "nmap"
local sslcert = require "sslcert"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local tls = require "tls"
local tlshello = require "tlshello"

description = [[
Lists the cipher suites and compressors that a server accepts, for each version of SSL and TLS, with a grade from A to F.

For every version the server is offered suites until it accepts none of those that are left. The grade joins the strength
of the key exchange (three parts) and of the cipher (four parts), each from 0 to 100; 80 and more is an A, every 15
points less the next letter. The key exchange counts as strong as an RSA key would have to be, and no stronger than the
certificate's key. Some weaknesses cap the grade and are named below the suites.

Since it makes many connections, servers may take it for an attack.
]]

---
-- @usage
-- perilune -p 443 --script ssl-enum-ciphers TARGET
--
-- @output
-- 443/tcp open  https
-- | ssl-enum-ciphers:
-- |   TLSv1.2:
-- |     ciphers:
-- |       TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 (secp256r1) - A
-- |       TLS_RSA_WITH_3DES_EDE_CBC_SHA (rsa 2048) - C
-- |     compressors:
-- |       NULL
-- |     cipher preference: server
-- |     warnings:
-- |       64-bit block cipher 3DES vulnerable to SWEET32 attack
-- |_  least strength: C
--
-- @xmloutput
-- <table key="TLSv1.2">
--   <table key="ciphers">
--     <table>
--       <elem key="name">TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256</elem>
--       <elem key="kex_info">secp256r1</elem>
--       <elem key="strength">A</elem>
--     </table>
--   </table>
--   <table key="compressors">
--     <elem>NULL</elem>
--   </table>
--   <elem key="cipher preference">server</elem>
-- </table>
-- <elem key="least strength">A</elem>

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }

-- Finds out that a service is inside TLS.
dependencies = { "https-redirect" }

portrule = tlshello.portrule

-- Some servers drop hellos that are longer than 255 bytes.
local CHUNK_LEN = 64

-- Rounds that bring nothing new before a server is given up.
local FAILURES_MAX = 2

-- Grades ----------------------------------------------------------------------------------------------------------

-- At least so many bits, and points for them.
local KEX_POINTS = { { 4096, 100 }, { 2048, 90 }, { 1024, 80 }, { 512, 40 }, { 0, 20 } }
local CIPHER_POINTS = { { 256, 100 }, { 128, 80 }, { 1, 20 }, { 0, 0 } }
local LETTERS = { { 80, "A" }, { 65, "B" }, { 50, "C" }, { 35, "D" }, { 20, "E" }, { 0, "F" } }

local function look_up (list, value)
  for _, pair in ipairs(list) do
    if value >= pair[1] then return pair[2] end
  end
end

local function worse (a, b) return a > b and a or b end

-- Warnings, each with the best grade it leaves.
local function warnings_of (info, protocol)
  local list = {}
  local function warn (grade, fmt, ...) list[#list + 1] = { grade = grade, text = string.format(fmt, ...) } end
  if info.anon then warn("F", "Anonymous key exchange, score capped at F") end
  if info.export then warn("E", "Export key exchange") end
  if info.cipher == "RC4" then warn("C", "Broken cipher RC4 is deprecated by RFC 7465") end
  if info.cipher == "NULL" then warn("F", "Ciphersuite without encryption, score capped at F") end
  if info.block_size == 64 then
    warn("C", "64-bit block cipher %s vulnerable to SWEET32 attack", info.cipher)
  end
  if info.hash == "MD5" then warn("C", "Ciphersuite uses MD5 for message integrity") end
  if info.mode == "CBC" and protocol == "SSLv3" then
    warn("C", "CBC-mode cipher in SSLv3 (CVE-2014-3566)")
  end
  return list
end

-- The letter, and the warnings that go with it.
local function grade (info, kex_bits, protocol)
  -- The biases of RC4 take away what a key of 128 bits would be worth.
  local size = info.cipher == "RC4" and math.min(info.size or 0, 112) or info.size or 0
  local points = (3 * look_up(KEX_POINTS, kex_bits or 0) + 4 * look_up(CIPHER_POINTS, size)) / 7
  local letter = look_up(LETTERS, points)
  if info.size == 0 then letter = "F" end
  local warnings = warnings_of(info, protocol)
  for _, warning in ipairs(warnings) do letter = worse(letter, warning.grade) end
  return letter, warnings
end

-- Asking ------------------------------------------------------------------------------------------------------------

local function ask (ctx, ciphers, compressors)
  return tlshello.ask(ctx.host, ctx.port, {
    protocol = ctx.protocol,
    ciphers = ciphers,
    compressors = compressors or { "NULL" },
    record_protocol = ctx.protocol == "SSLv3" and "SSLv3" or nil,
  })
end

-- The key of the certificate that came with an answer.
local function server_key (ctx, answer)
  local der = answer.certificates and answer.certificates[1]
  if not der then return nil end
  if ctx.keys[der] == nil then
    local cert = sslcert.parse_ssl_certificate(der)
    ctx.keys[der] = cert and { type = cert.pubkey.type, bits = cert.pubkey.bits, params = cert.pubkey.ecdhparams,
      signature = cert.sig_algorithm } or false
  end
  return ctx.keys[der] or nil
end

-- What the key exchange rests on, as text and as bits of an RSA key.
local function key_exchange (ctx, info, answer)
  local key = server_key(ctx, answer)
  local key_bits = key and tls.rsa_equiv(key.type, key.bits)
  local blob = answer.key_exchange
  if info.tls13only then blob = answer.hello.extensions and answer.hello.extensions.key_share end
  local parsed = blob and info.server_key_exchange and info.server_key_exchange(blob, ctx.protocol)
  if parsed and parsed.strength then
    local kind = parsed.type or info.type
    local bits = tls.rsa_equiv(kind, parsed.strength) or parsed.strength
    local text
    if parsed.ecdhparams then
      text = parsed.ecdhparams.curve_params.curve
      if type(text) ~= "string" then text = "ec " .. parsed.strength end
    elseif parsed.dhparams and parsed.dhparams.group then
      text = parsed.dhparams.group
    else
      text = string.format("%s %d", kind, parsed.strength)
    end
    return text, key_bits and math.min(bits, key_bits) or bits, bits, key_bits
  end
  if not key or info.type == "dh" or info.type == "ec" then return nil, key_bits end
  local curve = key.params and key.params.curve_params and key.params.curve_params.curve
  return curve or string.format("%s %d", key.type, key.bits), key_bits
end

local function describe (ctx, name, answer)
  local info = tls.cipher_info(name)
  local text, bits, own_bits, key_bits = key_exchange(ctx, info, answer)
  local letter, warnings = grade(info, bits, ctx.protocol)
  if own_bits and key_bits and own_bits < key_bits and not info.export then
    warnings[#warnings + 1] = {
      grade = letter,
      text = string.format("Key exchange (%s) of lower strength than certificate key", text),
    }
  end
  local key = server_key(ctx, answer)
  local signature = string.lower(key and key.signature or "")
  local weak = string.match(signature, "^md[245]") or string.match(signature, "sha1")
  if weak then
    letter = "F"
    warnings[#warnings + 1] = {
      grade = letter,
      text = string.format("Insecure certificate signature (%s), score capped at F", string.upper(weak)),
    }
  end
  for _, warning in ipairs(warnings) do ctx.warnings[warning.text] = true end
  local out = stdnse.output_table()
  out.name = name
  out.kex_info = text or info.kex
  out.strength = letter
  getmetatable(out).__tostring = function (self)
    if not text then return string.format("%s - %s", self.name, self.strength) end
    return string.format("%s (%s) - %s", self.name, self.kex_info, self.strength)
  end
  return out
end

-- Finds what the server accepts of a list of suites; the results are added to those of the context.
local function find_chunk (ctx, offered)
  local failures = 0
  while #offered > 0 do
    local answer, err = ask(ctx, offered)
    if not answer then
      failures = failures + 1
      stdnse.debug2("%s: %s", ctx.protocol, tostring(err))
      if failures >= FAILURES_MAX or err == "this is no TLS" then return end
    elseif not answer.hello or answer.hello.protocol ~= ctx.protocol then
      return
    else
      local chosen = answer.hello.cipher
      local at
      for i, name in ipairs(offered) do
        if name == chosen then at = i end
      end
      if not at then
        stdnse.debug1("%s: the server chose %s, which was not offered", ctx.protocol, tostring(chosen))
        return
      end
      table.remove(offered, at)
      table.insert(ctx.found, chosen)
      ctx.answers[chosen] = answer
    end
  end
end

local function find_ciphers (ctx)
  local all = tlshello.ciphers_of(ctx.protocol)
  for at = 1, #all, CHUNK_LEN do
    find_chunk(ctx, table.move(all, at, math.min(at + CHUNK_LEN - 1, #all), 1, {}))
  end
end

local function find_compressors (ctx)
  local found = {}
  local offered = { "DEFLATE", "LZS", "NULL" }
  while #offered > 0 do
    local answer = ask(ctx, { ctx.found[1] }, offered)
    if not answer or not answer.hello then break end
    local at
    for i, name in ipairs(offered) do
      if name == answer.hello.compressor then at = i end
    end
    if not at then break end
    found[#found + 1] = table.remove(offered, at)
    -- A client has to offer NULL.
    if found[#found] == "NULL" then break end
  end
  if #found == 0 then found[1] = "NULL" end
  table.sort(found)
  return found
end

local function choice (ctx, list)
  local answer = ask(ctx, list)
  return answer and answer.hello and answer.hello.cipher
end

-- Whose order counts: the same two suites in both orders.
local function preference (ctx)
  local found = ctx.found
  if #found < 2 then return "client" end
  local first, last = found[1], found[#found]
  local a, b = choice(ctx, { first, last }), choice(ctx, { last, first })
  if not a or not b then return "indeterminate", "Error when comparing " .. first .. " and " .. last end
  if a ~= b then return "client" end
  return "server"
end

-- Puts suites in the server's order, by what it chooses of those that are left.
local function in_server_order (ctx)
  local left, sorted = table.move(ctx.found, 1, #ctx.found, 1, {}), {}
  while #left > 1 do
    local chosen = choice(ctx, left)
    local at
    for i, name in ipairs(left) do
      if name == chosen then at = i end
    end
    if not at then break end
    sorted[#sorted + 1] = table.remove(left, at)
  end
  table.move(left, 1, #left, #sorted + 1, sorted)
  return sorted
end

local function try_protocol (host, port, protocol, results)
  local ctx = { host = host, port = port, protocol = protocol, found = {}, answers = {}, warnings = {}, keys = {} }
  find_ciphers(ctx)
  if #ctx.found == 0 then return end
  table.sort(ctx.found)
  local out = stdnse.output_table()
  local compressors = protocol ~= "TLSv1.3" and find_compressors(ctx) or nil
  local whose, message = preference(ctx)
  local names = whose == "server" and in_server_order(ctx) or ctx.found
  local least = "A"
  local ciphers = {}
  for i, name in ipairs(names) do
    ciphers[i] = describe(ctx, name, ctx.answers[name])
    least = worse(least, ciphers[i].strength)
  end
  out.ciphers = ciphers
  out.compressors = compressors
  out["cipher preference"] = whose
  out["cipher preference error"] = message
  local warnings = {}
  for text in pairs(ctx.warnings) do warnings[#warnings + 1] = text end
  table.sort(warnings)
  if #warnings > 0 then out.warnings = warnings end
  results[protocol] = { out = out, least = least }
end

local VERSIONS = { "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3" }

action = function (host, port)
  local results, workers = {}, {}
  local condvar = nmap.condvar(results)
  for _, protocol in ipairs(VERSIONS) do
    local thread = stdnse.new_thread(function ()
      try_protocol(host, port, protocol, results)
      condvar("signal")
    end)
    workers[thread] = true
  end
  while true do
    for thread in pairs(workers) do
      if coroutine.status(thread) == "dead" then workers[thread] = nil end
    end
    if next(workers) == nil then break end
    condvar("wait")
  end
  if next(results) == nil then return nil end
  local out, least = stdnse.output_table(), "A"
  for _, protocol in ipairs(VERSIONS) do
    if results[protocol] then
      out[protocol] = results[protocol].out
      least = worse(least, results[protocol].least)
    end
  end
  out["least strength"] = least
  return out
end
