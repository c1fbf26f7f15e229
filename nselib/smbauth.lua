---
-- Authentication with LAN Manager and NTLM, versions 1 and 2 (MS-NLMP), and the accounts to try on a host.
--
-- Kinds of responses, as argument <code>smbtype</code> and the parameters called <code>hash_type</code> name them:
-- * <code>v1</code> - LM and NTLM, version 1.
-- * <code>LMv1</code>, <code>NTLMv1</code> (or <code>lm</code>, <code>ntlm</code>) - one of the two.
-- * <code>v2</code> - LM and NTLM, version 2 (the default).
-- * <code>LMv2</code>, <code>NTLMv2</code> - one of the two.
-- * <code>none</code> - no responses: nobody in particular logs on.
--
-- @args smbusername The user to log on as; <code>smbuser</code> is the same.
-- @args smbdomain The user's domain. Default: none.
-- @args smbpassword The user's password; <code>smbpass</code> is the same.
-- @args smbhash The password's hash, in place of the password: the NTLM hash in hexadecimal, or the LM and the NTLM
--       hash with a colon between them.
-- @args smbtype The kind of response, see above.
-- @args smbnoguest If given, guest accounts are not tried.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local unicode = require "unicode"
_ENV = stdnse.module("smbauth", stdnse.seeall)

-- Kinds of accounts, the most useful ones first.
local ACCOUNT_ADMIN, ACCOUNT_USER, ACCOUNT_GUEST, ACCOUNT_ANONYMOUS = 3, 2, 1, 0

-- Flags of a negotiation (MS-NLMP, 2.2.2.5): Unicode, target requested, sign, NTLM, always sign.
local DEFAULT_FLAGS = 0x00008215
local EXTENDED_SECURITY = 0x00080000
local SIGNATURE = "NTLMSSP\0"
-- Seconds between 1601 and 1970, in units of 100 ns.
local EPOCH_1601 = 116444736000000000

-- Accounts ------------------------------------------------------------------------------------------------------

local function accounts_of (host)
  local registry = host.registry
  if not registry.smbaccounts then init_account(host) end
  return registry.smbaccounts
end

-- Puts an account behind the last one of its kind or better, unless it is there already.
local function insert_account (accounts, account)
  for i, other in ipairs(accounts) do
    if other.username == account.username and other.domain == account.domain then
      if other.password == account.password and other.password_hash == account.password_hash then return end
    end
    if other.account_type < account.account_type then
      table.insert(accounts, i, account)
      return
    end
  end
  accounts[#accounts + 1] = account
end

--- Adds an account to those that are tried on a host.
-- @param host The host table.
-- @param username The user.
-- @param domain The user's domain.
-- @param password The password, nil if there is a hash.
-- @param password_hash The hash, see argument <code>smbhash</code>.
-- @param hash_type The kind of response.
-- @param is_admin True if the user is an administrator.
function add_account (host, username, domain, password, password_hash, hash_type, is_admin)
  local kind = is_admin and ACCOUNT_ADMIN or ACCOUNT_USER
  insert_account(accounts_of(host), {
    username = username,
    domain = domain or "",
    password = password,
    password_hash = password_hash,
    hash_type = hash_type or "v2",
    account_type = kind,
  })
  host.registry.smbindex = 1
end

--- Makes the list of accounts of a host: the user's, guest and nobody.
-- @param host The host table.
function init_account (host)
  local registry = host.registry
  if registry.smbaccounts then return end
  local accounts = {}
  registry.smbaccounts, registry.smbindex = accounts, 1
  local args = nmap.registry.args or {}
  local username, password = args.smbusername or args.smbuser, args.smbpassword or args.smbpass
  if username then
    insert_account(accounts, {
      username = username,
      domain = args.smbdomain or "",
      password = password or not args.smbhash and "" or nil,
      password_hash = args.smbhash,
      hash_type = string.lower(args.smbtype or "v2"),
      account_type = ACCOUNT_USER,
    })
  end
  if not stdnse.get_script_args("smbnoguest") then
    insert_account(accounts,
      { username = "guest", domain = "", password = "", hash_type = "v2", account_type = ACCOUNT_GUEST })
  end
  insert_account(accounts,
    { username = "", domain = "", password = "", hash_type = "none", account_type = ACCOUNT_ANONYMOUS })
end

--- The account to try now.
-- @param host The host table.
-- @return True, user, domain, password, hash and kind of response; or false and a message.
function get_account (host)
  local account = accounts_of(host)[host.registry.smbindex]
  if not account then return false, "No accounts left to try" end
  return true, account.username, account.domain, account.password, account.password_hash, account.hash_type
end

--- Goes on to the next account.
-- @param host The host table.
-- @param num Which one to go to. Default: the one after the present one.
function next_account (host, num)
  accounts_of(host)
  host.registry.smbindex = num or host.registry.smbindex + 1
end

-- Hashes --------------------------------------------------------------------------------------------------------

-- LMOWF, MS-NLMP 3.3.1: two halves of the password, each the key to a fixed text.
local function lm_create_hash (password)
  local padded = string.sub(string.upper(password) .. string.rep("\0", 14), 1, 14)
  local function half (key)
    return openssl.encrypt("DES", openssl.DES_string_to_key(key), nil, "KGS!@#$%")
  end
  return half(string.sub(padded, 1, 7)) .. half(string.sub(padded, 8))
end

--- Makes the NTLM hash of a password (NTOWFv1, MS-NLMP 3.3.1).
-- @param password The password.
-- @return True and the hash.
function ntlm_create_hash (password)
  return true, openssl.md4(unicode.utf8to16(password))
end

--- Makes the hash of version 2 (NTOWFv2, MS-NLMP 3.3.2).
-- @param ntlm The NTLM hash.
-- @param username The user.
-- @param domain The domain.
-- @return True and the hash.
function ntlmv2_create_hash (ntlm, username, domain)
  return true, openssl.hmac("MD5", ntlm, unicode.utf8to16(string.upper(username) .. (domain or "")))
end

-- DESL, MS-NLMP 6: the challenge encrypted with three keys taken from the hash.
local function des_long (hash, challenge)
  local padded = string.sub(hash .. string.rep("\0", 21), 1, 21)
  local parts = {}
  for i = 0, 2 do
    local key = openssl.DES_string_to_key(string.sub(padded, 7 * i + 1, 7 * i + 7))
    parts[i + 1] = openssl.encrypt("DES", key, nil, string.sub(challenge, 1, 8))
  end
  return table.concat(parts)
end

-- Responses -----------------------------------------------------------------------------------------------------

--- Answers a challenge with an LM hash.
-- @param lanman The hash.
-- @param challenge The server's 8 octets.
-- @return True and the response.
function lm_create_response (lanman, challenge)
  return true, des_long(lanman, challenge)
end

--- Answers a challenge with an NTLM hash.
-- @param ntlm The hash.
-- @param challenge The server's 8 octets.
-- @return True and the response.
function ntlm_create_response (ntlm, challenge)
  return true, des_long(ntlm, challenge)
end

--- Answers a challenge as version 2 does in the LM field.
-- @param ntlm The NTLM hash.
-- @param username The user.
-- @param domain The domain.
-- @param challenge The server's 8 octets.
-- @return True and the response.
function lmv2_create_response (ntlm, username, domain, challenge)
  return ntlmv2_create_response(ntlm, username, domain, challenge, 8)
end

--- Answers a challenge as version 2 does, with random octets of our own in place of the structure with the time.
-- @param ntlm The NTLM hash.
-- @param username The user.
-- @param domain The domain.
-- @param challenge The server's 8 octets.
-- @param client_challenge_length How many octets of our own.
-- @return True and the response.
function ntlmv2_create_response (ntlm, username, domain, challenge, client_challenge_length)
  local client_challenge = openssl.rand_bytes(client_challenge_length)
  local _, hash = ntlmv2_create_hash(ntlm, username, domain)
  return true, openssl.hmac("MD5", hash, challenge .. client_challenge) .. client_challenge
end

--- Answers a challenge as version 1 does with session security (MS-NLMP 3.3.1).
-- @param ntlm_password_hash The NTLM hash.
-- @param challenge The server's 8 octets.
-- @return True, the NTLM response and what goes in the LM field.
function ntlmv2_session_response (ntlm_password_hash, challenge)
  local client_challenge = openssl.rand_bytes(8)
  local mixed = string.sub(openssl.md5(challenge .. client_challenge), 1, 8)
  return true, des_long(ntlm_password_hash, mixed), client_challenge .. string.rep("\0", 16)
end

-- Version 2 with the structure that servers of today expect (NTLMv2_CLIENT_CHALLENGE, MS-NLMP 2.2.2.7).
local function ntlmv2_full_response (hash, challenge, target_info)
  local time = math.floor(nmap.clock() * 1e7) + EPOCH_1601
  local blob = string.pack("<BBI2I4I8", 1, 1, 0, 0, time) .. openssl.rand_bytes(8) .. "\0\0\0\0"
    .. (target_info or "\0\0\0\0") .. "\0\0\0\0"
  local proof = openssl.hmac("MD5", hash, challenge .. blob)
  return proof .. blob, openssl.hmac("MD5", hash, proof)
end

--- The key that signs messages after logging on with an NTLM response of version 1.
-- @param ntlm_hash The NTLM hash.
-- @param ntlm_response The response.
-- @param is_extended True if the responses went through a security blob.
-- @return The key.
function ntlm_create_mac_key (ntlm_hash, ntlm_response, is_extended)
  local key = openssl.md4(ntlm_hash)
  return is_extended and key or key .. ntlm_response
end

--- The key that signs messages after logging on with an LM response of version 1.
-- @param lm_hash The LM hash.
-- @param lm_response The response.
-- @param is_extended True if the responses went through a security blob.
-- @return The key.
function lm_create_mac_key (lm_hash, lm_response, is_extended)
  local key = string.sub(lm_hash, 1, 8) .. string.rep("\0", 8)
  return is_extended and key or key .. lm_response
end

--- Signs a message (MS-CIFS 3.1.4.1).
-- @param mac_key The key.
-- @param data The message, from the header on, with the sequence number in the signature's place.
-- @return The signature's 8 octets.
function calculate_signature (mac_key, data)
  return string.sub(openssl.md5(mac_key .. data), 1, 8)
end

-- The LM and the NTLM hash of an account. A hash of one part is the NTLM hash.
local function hashes_of (password, password_hash)
  if password_hash and password_hash ~= "" then
    local lm, ntlm = string.match(password_hash, "^%s*(%x+)%s*:%s*(%x+)%s*$")
    if not lm then ntlm = string.match(password_hash, "^%s*(%x+)%s*$") end
    if ntlm and #ntlm == 32 and (not lm or #lm == 32) then
      return stdnse.fromhex(lm or ntlm), stdnse.fromhex(ntlm)
    end
    stdnse.debug1("smbauth: not a hash: %s", password_hash)
  end
  password = password or ""
  local _, ntlm = ntlm_create_hash(password)
  return lm_create_hash(password), ntlm
end

--- Answers a challenge for an account.
-- @param username The user.
-- @param domain The domain.
-- @param password The password, nil if there is a hash.
-- @param password_hash The hash, see argument <code>smbhash</code>.
-- @param hash_type The kind of response.
-- @param challenge The server's 8 octets.
-- @param is_extended True if the responses go through a security blob.
-- @param target_info The target information of the server's challenge, if there is one.
-- @return The LM response.
-- @return The NTLM response.
-- @return The key that signs messages, nil if there is none.
function get_password_response (username, domain, password, password_hash, hash_type, challenge, is_extended,
                                target_info)
  local kind = string.lower(hash_type or "v2")
  if kind == "none" then return "\0", "", nil end
  if username == "" and (password or "") == "" and not password_hash then return "\0", "", nil end
  local lm, ntlm = hashes_of(password, password_hash)
  if kind == "v1" or kind == "ntlm" or kind == "ntlmv1" then
    local response = des_long(ntlm, challenge)
    local in_lm_field = kind == "v1" and des_long(lm, challenge) or response
    return in_lm_field, response, ntlm_create_mac_key(ntlm, response, is_extended)
  elseif kind == "lm" or kind == "lmv1" then
    local response = des_long(lm, challenge)
    return response, "", lm_create_mac_key(lm, response, is_extended)
  elseif kind == "lmv2" then
    local _, response = lmv2_create_response(ntlm, username, domain, challenge)
    return response, "", nil
  end
  local _, hash = ntlmv2_create_hash(ntlm, username, domain)
  local response, key = ntlmv2_full_response(hash, challenge, target_info)
  local _, in_lm_field = lmv2_create_response(ntlm, username, domain, challenge)
  if kind == "ntlmv2" then in_lm_field = "" end
  return in_lm_field, response, is_extended and key or key .. response
end

-- NTLM messages -------------------------------------------------------------------------------------------------

-- The flags and the target information of a challenge (MS-NLMP 2.2.1.2), nil if it is not one.
local function parse_challenge (blob)
  if #blob < 32 or string.sub(blob, 1, 8) ~= SIGNATURE then return nil end
  local kind, name_len, _, name_at, flags, challenge = string.unpack("<I4I2I2I4I4c8", blob, 9)
  if kind ~= 2 then return nil end
  local parsed = {
    flags = flags,
    challenge = challenge,
    target_name = string.sub(blob, name_at + 1, name_at + name_len),
    target_info = "",
  }
  if #blob >= 48 then
    local info_len, _, info_at = string.unpack("<I2I2I4", blob, 41)
    parsed.target_info = string.sub(blob, info_at + 1, info_at + info_len)
  end
  -- The version is there if the data begin after it.
  if #blob >= 56 and name_at >= 56 then parsed.version = string.sub(blob, 49, 56) end
  return parsed
end

-- NEGOTIATE_MESSAGE, MS-NLMP 2.2.1.1, without names.
local function negotiate_message (flags)
  return SIGNATURE .. string.pack("<I4I4", 1, flags) .. string.rep("\0", 16)
end

-- AUTHENTICATE_MESSAGE, MS-NLMP 2.2.1.3.
local function authenticate_message (flags, lm, ntlm, domain, username, workstation)
  local header_size = 64
  local fields, payload = {}, ""
  local function field (data)
    fields[#fields + 1] = string.pack("<I2I2I4", #data, #data, header_size + #payload)
    payload = payload .. data
  end
  -- The fields' order is fixed, that of the payload is not.
  field(lm)
  field(ntlm)
  field(unicode.utf8to16(domain))
  field(unicode.utf8to16(username))
  field(unicode.utf8to16(workstation))
  field("")
  return SIGNATURE .. string.pack("<I4", 3) .. table.concat(fields) .. string.pack("<I4", flags) .. payload
end

--- Makes the next message of a logon with NTLM.
-- @param security_blob What the server sent, nil or anything that is no challenge for the first message.
-- @param username The user.
-- @param domain The domain.
-- @param password The password, nil if there is a hash.
-- @param password_hash The hash, see argument <code>smbhash</code>.
-- @param hash_type The kind of response.
-- @param flags The negotiation flags. Default: Unicode, NTLM, signing, and the target's name wanted.
-- @return True, the message, the key that signs messages and the user; or false and an error.
function get_security_blob (security_blob, username, domain, password, password_hash, hash_type, flags)
  if type(flags) ~= "number" then flags = DEFAULT_FLAGS end
  if not security_blob then return true, negotiate_message(flags), "", "" end
  local at = string.find(security_blob, SIGNATURE, 1, true)
  if not at then return true, negotiate_message(flags), "", "" end
  local parsed = parse_challenge(string.sub(security_blob, at))
  if not parsed then return false, "Invalid NTLM challenge message" end
  username, domain = username or "", domain or ""
  local lm, ntlm, key = get_password_response(username, domain, password, password_hash, hash_type, parsed.challenge,
    true, parsed.target_info)
  -- Session security was not asked for: the responses are made without it.
  flags = flags & ~EXTENDED_SECURITY
  return true, authenticate_message(flags, lm, ntlm, domain, username, "perilune"), key or "", username
end

local INFO_NAMES = {
  [1] = "netbios_computer_name",
  [2] = "netbios_domain_name",
  [3] = "fqdn",
  [4] = "dns_domain_name",
  [5] = "dns_forest_name",
}

--- Takes out of a challenge what it tells about the host (MS-NLMP 2.2.2.1).
-- @param security_blob The server's challenge, bare or inside something else.
-- @return Table with those of these fields that are known: <code>target_realm</code>,
--         <code>netbios_computer_name</code>, <code>netbios_domain_name</code>, <code>fqdn</code>,
--         <code>dns_domain_name</code>, <code>dns_forest_name</code>, <code>timestamp</code> (100 ns since 1601),
--         <code>os_major_version</code>, <code>os_minor_version</code> and <code>os_build</code>; or false and an
--         error.
function get_host_info_from_security_blob (security_blob)
  local at = type(security_blob) == "string" and string.find(security_blob, SIGNATURE, 1, true)
  local parsed = at and parse_challenge(string.sub(security_blob, at))
  if not parsed then return false, "Invalid NTLM challenge message" end
  local info = {}
  if #parsed.target_name > 0 then
    local wide = parsed.flags & 1 ~= 0
    info.target_realm = wide and unicode.utf16to8(parsed.target_name) or parsed.target_name
  end
  if parsed.version then
    info.os_major_version, info.os_minor_version, info.os_build = string.unpack("<BBI2", parsed.version)
  end
  local pairs_left, pos = parsed.target_info, 1
  while pos + 3 <= #pairs_left do
    local id, len, value_at = string.unpack("<I2I2", pairs_left, pos)
    if id == 0 or value_at + len - 1 > #pairs_left then break end
    local value = string.sub(pairs_left, value_at, value_at + len - 1)
    if INFO_NAMES[id] then
      info[INFO_NAMES[id]] = unicode.utf16to8(value)
    elseif id == 7 and len == 8 then
      info.timestamp = string.unpack("<I8", value)
    end
    pos = value_at + len
  end
  return info
end

return _ENV
