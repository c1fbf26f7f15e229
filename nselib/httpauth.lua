---
-- Authentication of HTTP requests, for the <code>http</code> library: what servers ask for (RFC 9110, 11), and answers
-- of the schemes Basic (RFC 7617), Digest (RFC 7616) and NTLM ([MS-NLMP], [MS-NTHT]).
--
-- @copyright MIT OR Apache-2.0

local base64 = require "base64"
local math = require "math"
local os = require "os"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local utf8 = require "utf8"
_ENV = stdnse.module("httpauth", stdnse.seeall)

-- An engine without it does Basic authentication only.
local have_openssl, openssl = pcall(require, "openssl")

-- Challenges ------------------------------------------------------------------------------------------------------

local TOKEN = "[^%c%s()<>@,;:\\\"/%[%]?={}\128-\255]+"

local function skip_space (s, pos) return string.match(s, "^[ \t]*()", pos) end

-- A quoted string at pos: its value and what follows, or nil.
local function quoted_string (s, pos)
  if string.sub(s, pos, pos) ~= '"' then return nil end
  local out, at = {}, pos + 1
  while true do
    local plain, stop = string.match(s, '^([^"\\]*)()', at)
    out[#out + 1] = plain
    local c = string.sub(s, stop, stop)
    if c == '"' then return table.concat(out), stop + 1 end
    if c == "" or stop == #s then return nil end
    out[#out + 1] = string.sub(s, stop + 1, stop + 1)
    at = stop + 2
  end
end

-- One challenge of WWW-Authenticate at pos, up to the next one. An empty element of the list is skipped by the caller.
local function parse_challenge (s, pos)
  local scheme, at = string.match(s, "^(" .. TOKEN .. ")()", pos)
  if not scheme then return nil end
  local challenge = { scheme = scheme, params = {} }
  pos = skip_space(s, at)
  -- A token68, as NTLM and Negotiate send it, stands alone.
  local token68, after = string.match(s, "^([%w._~+/-]+=*)[ \t]*()", pos)
  if token68 and pos > at and (after > #s or string.sub(s, after, after) == ",") then
    challenge.params = nil
    challenge.data = token68
    return challenge, after
  end
  while true do
    local name, value_at = string.match(s, "^(" .. TOKEN .. ")[ \t]*=[ \t]*()", pos)
    if not name then break end
    local value, next_at = quoted_string(s, value_at)
    if not value then value, next_at = string.match(s, "^(" .. TOKEN .. ")()", value_at) end
    if not value then return nil end
    challenge.params[string.lower(name)] = value
    pos = skip_space(s, next_at)
    local comma = string.match(s, "^,[ \t,]*()", pos)
    -- After the comma comes another parameter, or the next challenge.
    if not comma or not string.find(s, "^" .. TOKEN .. "[ \t]*=", comma) then break end
    pos = comma
  end
  return challenge, pos
end

--- Parses a <code>WWW-Authenticate</code> field (RFC 9110, 11.6.1).
-- @param s The field's value.
-- @return An array of tables with <code>scheme</code> and <code>params</code>, a table of parameters by their names in
--         small letters; a challenge with a single piece of data has <code>data</code> instead. Nil if it can't be
--         parsed.
function parse_www_authenticate (s)
  local challenges, pos = {}, string.match(s, "^[ \t,]*()")
  while pos <= #s do
    local challenge, after = parse_challenge(s, pos)
    if not challenge then return nil end
    challenges[#challenges + 1] = challenge
    local next_at = string.match(s, "^[ \t,]*()", after)
    if next_at == after and after <= #s then return nil end
    pos = next_at
  end
  return challenges
end

--- Finds the challenge of a scheme in a response.
-- @param response A response table.
-- @param scheme The scheme, in small letters.
-- @return The challenge, as from <code>parse_www_authenticate</code>, or nil.
function challenge_of (response, scheme)
  local field = response.header and response.header["www-authenticate"]
  for _, challenge in ipairs(field and parse_www_authenticate(field) or {}) do
    if string.lower(challenge.scheme) == scheme then return challenge end
  end
  return nil
end

--- The bytes of a challenge that is a single piece of data.
-- @param challenge The challenge.
-- @return The bytes, or nil if there are none.
function decoded (challenge)
  if not challenge.data then return nil end
  local ok, bytes = pcall(base64.dec, challenge.data)
  return ok and bytes or nil
end

-- Answers ---------------------------------------------------------------------------------------------------------

--- The answer of Basic.
-- @param auth Table with <code>username</code> and <code>password</code>.
-- @return The value of an <code>Authorization</code> field.
function basic (auth)
  return "Basic " .. base64.enc(auth.username .. ":" .. (auth.password or ""))
end

local function random_bytes (count)
  local out = {}
  for i = 1, count do out[i] = string.char(math.random(0, 255)) end
  return table.concat(out)
end

local function hex (s)
  return (string.gsub(s, ".", function (c) return string.format("%02x", string.byte(c)) end))
end

local function quoted (s) return '"' .. string.gsub(s, '[\\"]', "\\%0") .. '"' end

-- The names of RFC 7616, 6.1, and what the hash is called here.
local DIGESTS = { ["md5"] = "md5", ["sha-256"] = "sha256", ["sha-512-256"] = "sha512-256" }

--- The answer of Digest.
-- @param auth Table with <code>username</code> and <code>password</code>.
-- @param challenge The server's challenge.
-- @param method The request's method.
-- @param path What the request asks for.
-- @param cnonce The client's nonce. Default: a random one.
-- @return The value of an <code>Authorization</code> field, or nil if the challenge can't be answered.
function digest (auth, challenge, method, path, cnonce)
  local params = challenge.params
  if not have_openssl or not params or not params.nonce then return nil end
  local realm, nonce = params.realm or "", params.nonce
  local algorithm = string.lower(params.algorithm or "MD5")
  local plain = string.gsub(algorithm, "%-sess$", "")
  local name = DIGESTS[plain]
  if not name then return nil end
  local function hash (...) return hex(openssl.digest(name, table.concat({ ... }, ":"))) end
  cnonce = cnonce or hex(random_bytes(8))
  local count = "00000001"
  -- Of the two kinds of protection only "auth" is offered; the other one covers the body, and servers don't ask for it.
  local qop
  for word in string.gmatch(string.lower(params.qop or ""), "[^%s,]+") do
    if word == "auth" then qop = word end
  end
  if params.qop and not qop then return nil end

  local ha1 = hash(auth.username, realm, auth.password or "")
  if plain ~= algorithm then ha1 = hash(ha1, nonce, cnonce) end
  local ha2 = hash(method, path)
  local response = qop and hash(ha1, nonce, count, cnonce, qop, ha2) or hash(ha1, nonce, ha2)

  local fields = {
    "username=" .. quoted(auth.username), "realm=" .. quoted(realm), "nonce=" .. quoted(nonce),
    "uri=" .. quoted(path), "response=" .. quoted(response),
  }
  local function add (field) fields[#fields + 1] = field end
  if params.algorithm then add("algorithm=" .. params.algorithm) end
  if params.opaque then add("opaque=" .. quoted(params.opaque)) end
  if qop then add("qop=" .. qop) add("nc=" .. count) end
  if qop or plain ~= algorithm then add("cnonce=" .. quoted(cnonce)) end
  return "Digest " .. table.concat(fields, ", ")
end

-- NTLM ------------------------------------------------------------------------------------------------------------

-- [MS-NLMP] 2.2.2.5: Unicode, NTLM, sign always, extended session security, target information.
local NTLM_FLAGS = 0x00000001 | 0x00000004 | 0x00000200 | 0x00008000 | 0x00080000
local TARGET_INFO = 0x00800000

local function utf16 (s)
  local out = {}
  if not utf8.len(s) then return (string.gsub(s, ".", "%0\0")) end
  for _, code in utf8.codes(s) do
    if code > 0xFFFF then
      code = code - 0x10000
      out[#out + 1] = string.pack("<I2I2", 0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF))
    else
      out[#out + 1] = string.pack("<I2", code)
    end
  end
  return table.concat(out)
end

--- The first message of NTLM.
-- @return The value of an <code>Authorization</code> field, or nil if NTLM can't be done.
function ntlm_negotiate ()
  if not have_openssl then return nil end
  return "NTLM " .. base64.enc("NTLMSSP\0" .. string.pack("<I4I4", 1, NTLM_FLAGS) .. ("\0"):rep(16))
end

-- The server's nonce, flags and target information.
local function parse_ntlm_challenge (blob)
  if #blob < 32 or string.sub(blob, 1, 12) ~= "NTLMSSP\0\2\0\0\0" then return nil end
  local flags, nonce = string.unpack("<I4c8", blob, 21)
  local info = ""
  if flags & TARGET_INFO ~= 0 and #blob >= 48 then
    local len, _, offset = string.unpack("<I2I2I4", blob, 41)
    info = string.sub(blob, offset + 1, offset + len)
  end
  return { flags = flags, nonce = nonce, info = info }
end

-- 100 ns since 1601, from seconds since 1970.
local function file_time () return (os.time() + 11644473600) * 10000000 end

--- The NTLMv2 answer to a challenge ([MS-NLMP] 3.3.2).
-- @param auth Table with <code>username</code>, <code>password</code> and maybe <code>domain</code>.
-- @param nonce The server's nonce, eight bytes.
-- @param info The server's target information.
-- @param client_nonce Eight bytes.
-- @param time The time in units of 100 ns since 1601.
-- @return The response for the NT field, and that for the LM field.
function ntlmv2_response (auth, nonce, info, client_nonce, time)
  local user, domain = auth.username, auth.domain or ""
  local key = openssl.hmac("md5", openssl.md4(utf16(auth.password or "")), utf16(string.upper(user) .. domain))
  local blob = string.pack("<I1I1I2I4I8c8I4", 1, 1, 0, 0, time, client_nonce, 0) .. info .. ("\0"):rep(4)
  local nt = openssl.hmac("md5", key, nonce .. blob) .. blob
  local lm = openssl.hmac("md5", key, nonce .. client_nonce) .. client_nonce
  return nt, lm
end

--- The last message of NTLM.
-- @param auth Table with <code>username</code>, <code>password</code> and maybe <code>domain</code>.
-- @param challenge The server's challenge.
-- @return The value of an <code>Authorization</code> field, or nil if the challenge is none of NTLM.
function ntlm_authenticate (auth, challenge)
  local blob = decoded(challenge)
  local server = blob and parse_ntlm_challenge(blob)
  if not server or not have_openssl then return nil end
  local nt, lm = ntlmv2_response(auth, server.nonce, server.info, random_bytes(8), file_time())
  local values = { lm, nt, utf16(auth.domain or ""), utf16(auth.username), "", "" }
  local fields, offset = {}, 64
  for i, value in ipairs(values) do
    fields[i] = string.pack("<I2I2I4", #value, #value, offset)
    offset = offset + #value
  end
  return "NTLM " .. base64.enc("NTLMSSP\0\3\0\0\0" .. table.concat(fields)
    .. string.pack("<I4", server.flags & (NTLM_FLAGS | TARGET_INFO)) .. table.concat(values))
end

return _ENV
