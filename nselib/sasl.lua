---
-- Mechanisms of SASL (RFC 4422): PLAIN (RFC 4616), CRAM-MD5 (RFC 2195), DIGEST-MD5 (RFC 2831), NTLM (MS-NLMP).
--
-- The functions make the bytes that go to the server; base64 or another coding is the protocol's matter.
--
-- @usage
-- local helper = sasl.Helper:new("CRAM-MD5")
-- local answer = helper:encode("moon", "secret", challenge)
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local openssl = stdnse.silent_require "openssl"
_ENV = stdnse.module("sasl", stdnse.seeall)

-- DIGEST-MD5 ------------------------------------------------------------------------------------------------------

-- "key=value, key="value", ..." as a table with keys in lower case (RFC 2831, 7.1).
local function parse_challenge (challenge)
  local values, pos = {}, 1
  while pos <= #challenge do
    local key, after = string.match(challenge, "^[%s,]*([%w_%-]+)%s*=%s*()", pos)
    if not key then break end
    local value, stop
    if string.sub(challenge, after, after) == '"' then
      local parts, at = {}, after + 1
      while true do
        local plain, mark, behind = string.match(challenge, '^([^"\\]*)(["\\]?)()', at)
        parts[#parts + 1] = plain
        if mark ~= "\\" then
          stop = behind
          break
        end
        parts[#parts + 1] = string.sub(challenge, behind, behind)
        at = behind + 1
      end
      value = table.concat(parts)
    else
      value, stop = string.match(challenge, "^([^%s,]*)()", after)
    end
    values[string.lower(key)] = value
    pos = stop
  end
  return values
end

local function hex_md5 (text) return stdnse.tohex(openssl.md5(text)) end

local function quoted (text) return '"' .. string.gsub(text, '["\\]', "\\%0") .. '"' end

--- The Digest of RFC 2831 and, with a method, of HTTP (RFC 2617).
--
-- The table <code>challenge</code> has the fields of the server's challenge, with keys in lower case.
-- @class table
-- @name DigestMD5
DigestMD5 = {}
DigestMD5.__index = DigestMD5

--- Makes an answer to a challenge.
-- @param challenge The challenge, a string.
-- @param username The user's name.
-- @param password The password.
-- @param method The method of HTTP; nil for SASL.
-- @param uri What is asked for.
-- @param service The name of the service, such as <code>imap</code>.
-- @param realm The realm; default: the challenge's.
-- @return The object.
function DigestMD5:new (challenge, username, password, method, uri, service, realm)
  local o = setmetatable({}, self)
  o.challenge = parse_challenge(challenge)
  o.username, o.password = username, password
  o.method = method or "AUTHENTICATE"
  o.service = service
  o.challnc = o.challenge
  o.realm = realm or o.challenge.realm or ""
  o.uri = uri or (service or "") .. "/" .. o.realm
  return o
end

--- Works out the answer.
-- @return The answer, a string.
-- @return Its fields, a table.
function DigestMD5:calcDigest ()
  local challenge = self.challenge
  local cnonce = self.cnonce or stdnse.tohex(openssl.rand_bytes(8))
  local nc = "00000001"
  local algorithm = challenge.algorithm
  local session = algorithm and string.lower(algorithm) == "md5-sess"
  local http = self.method ~= "AUTHENTICATE"
  local qop
  for word in string.gmatch(challenge.qop or (http and "" or "auth"), "[^%s,]+") do
    if string.lower(word) == "auth" then qop = "auth" end
  end
  local nonce = challenge.nonce or ""

  local secret = self.username .. ":" .. self.realm .. ":" .. self.password
  -- Within SASL the inner digest goes in as bytes, in HTTP as hexadecimal digits.
  local a1
  if not http then
    a1 = openssl.md5(secret) .. ":" .. nonce .. ":" .. cnonce
  elseif session then
    a1 = hex_md5(secret) .. ":" .. nonce .. ":" .. cnonce
  else
    a1 = secret
  end
  local a2 = self.method .. ":" .. self.uri
  local middle = qop and nonce .. ":" .. nc .. ":" .. cnonce .. ":" .. qop or nonce
  local response = hex_md5(hex_md5(a1) .. ":" .. middle .. ":" .. hex_md5(a2))

  local fields = {
    username = self.username, realm = self.realm, nonce = nonce, algorithm = algorithm, opaque = challenge.opaque,
    ["digest-uri"] = self.uri, response = response,
  }
  local out = { "username=" .. quoted(self.username), "realm=" .. quoted(self.realm), "nonce=" .. quoted(nonce) }
  if qop then
    fields.cnonce, fields.nc, fields.qop = cnonce, nc, qop
    out[#out + 1] = "cnonce=" .. quoted(cnonce)
    out[#out + 1] = "nc=" .. nc
    out[#out + 1] = "qop=" .. qop
  end
  out[#out + 1] = (http and "uri=" or "digest-uri=") .. quoted(self.uri)
  out[#out + 1] = "response=" .. (http and quoted(response) or response)
  if http then
    if algorithm then out[#out + 1] = "algorithm=" .. algorithm end
    if challenge.opaque then out[#out + 1] = "opaque=" .. quoted(challenge.opaque) end
  elseif challenge.charset then
    out[#out + 1] = "charset=" .. challenge.charset
  end
  return table.concat(out, ","), fields
end

-- Mechanisms ------------------------------------------------------------------------------------------------------

--- PLAIN.
-- @param username The user's name.
-- @param password The password.
-- @return The message.
function plain_enc (username, password)
  return username .. "\0" .. username .. "\0" .. password
end

--- CRAM-MD5.
-- @param username The user's name.
-- @param password The password.
-- @param challenge The server's challenge.
-- @return The answer.
function cram_md5_enc (username, password, challenge)
  return username .. " " .. stdnse.tohex(openssl.hmac("md5", password, challenge))
end

--- DIGEST-MD5.
-- @param username The user's name.
-- @param password The password.
-- @param challenge The server's challenge.
-- @param service The name of the service, such as <code>imap</code>.
-- @param uri The digest URI; default: the service, a slash and the realm.
-- @return The answer, a string.
-- @return Its fields, a table.
function digest_md5_enc (username, password, challenge, service, uri)
  return DigestMD5:new(challenge, username, password, nil, uri, service):calcDigest()
end

--- NTLM: the last of its three messages, or the first one if there is no challenge.
-- @param username The user's name.
-- @param password The password.
-- @param challenge The server's challenge.
-- @return The message.
function ntlm_enc (username, password, challenge)
  local smbauth = require "smbauth"
  local _, blob = smbauth.get_security_blob(challenge, username, "", password, nil, "v1")
  return blob
end

local MECHANISMS = {
  ["PLAIN"] = plain_enc,
  ["CRAM-MD5"] = cram_md5_enc,
  ["DIGEST-MD5"] = digest_md5_enc,
  ["NTLM"] = ntlm_enc,
}

--- Tells whether a mechanism is known here.
-- @param mechanism Its name.
-- @return Its name in capitals, or nil.
-- @return An error.
function check_mechanism (mechanism)
  local name = mechanism and string.upper(mechanism)
  if name and MECHANISMS[name] then return name end
  return nil, "The mechanism is not supported: " .. tostring(mechanism)
end

--- Chooses a mechanism and makes its messages.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @param mechanism The mechanism's name.
-- @param callback A function in place of the built-in one.
-- @return The helper.
function Helper:new (mechanism, callback)
  local o = setmetatable({}, self)
  o:set_mechanism(mechanism)
  if callback then o:set_callback(callback) end
  return o
end

--- Sets the mechanism.
-- @param mechanism Its name.
-- @return Its name in capitals; nil if it is not supported.
function Helper:set_mechanism (mechanism)
  self.mechanism = mechanism and check_mechanism(mechanism)
  self.callback = self.mechanism and MECHANISMS[self.mechanism]
  return self.mechanism
end

--- The mechanism's name.
-- @return The name in capitals, or nil.
function Helper:get_mechanism ()
  return self.mechanism
end

--- Puts a function in the place of the built-in one.
-- @param callback The function.
function Helper:set_callback (callback)
  self.callback = callback
end

--- Goes back to the mechanism's built-in function.
function Helper:reset_callback ()
  self.callback = self.mechanism and MECHANISMS[self.mechanism]
end

--- Forgets mechanism and function.
function Helper:reset ()
  self.mechanism, self.callback = nil, nil
end

--- Makes a message.
-- @param ... What the mechanism's function takes: the user's name, the password, for most the challenge.
-- @return The message, or nil.
-- @return An error, or more about the message.
function Helper:encode (...)
  if not self.callback then return nil, "no mechanism is chosen" end
  return self.callback(...)
end

return _ENV
