---
-- Server Message Block, version 3 (MS-SMB2): keys of a session and encrypted messages.
--
-- The ciphers are AES with 128 or 256 bits in the modes CCM (RFC 3610) and GCM (NIST SP 800-38D). Library
-- <code>smb2session</code> makes the keys once it is logged on, library <code>smb2</code> packs and unpacks messages.
--
-- @copyright MIT OR Apache-2.0

local openssl = require "openssl"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("smb2crypt", stdnse.seeall)

local TAG_LEN, BLOCK_LEN, ZERO_BLOCK = 16, 16, string.rep("\0", 16)
local TRANSFORM_LEN = 52
local FLAG_ENCRYPTED = 0x0001

-- Ciphers by their numbers (MS-SMB2 2.2.3.1.2), and how many octets their nonces have (2.2.41).
local CIPHERS = {
  [1] = { bits = 128, mode = "ccm", nonce_len = 11 },
  [2] = { bits = 128, mode = "gcm", nonce_len = 12 },
  [3] = { bits = 256, mode = "ccm", nonce_len = 11 },
  [4] = { bits = 256, mode = "gcm", nonce_len = 12 },
}

--- The ciphers in the order in which they are offered: those of 128 bits are what most servers have.
PREFERRED = { 2, 1, 4, 3 }

--- Makes a key (SP 800-108 with HMAC-SHA256, one round; MS-SMB2 3.1.4.2).
-- @param session_key The session's key.
-- @param label What the key is for, with a zero at its end.
-- @param context What it is bound to.
-- @param bits Its length, 128 or 256.
-- @return Octets.
function derive (session_key, label, context, bits)
  local input = string.pack(">I4", 1) .. label .. "\0" .. context .. string.pack(">I4", bits)
  return string.sub(openssl.hmac("SHA256", session_key, input), 1, bits // 8)
end

-- Modes -----------------------------------------------------------------------------------------------------------

local function aes (key, mode, iv, data)
  return openssl.encrypt(("aes-%d-%s"):format(8 * #key, mode), key, iv, data)
end

local function xor_block (a, b)
  local a1, a2 = string.unpack(">I8I8", a)
  local b1, b2 = string.unpack(">I8I8", b)
  return string.pack(">I8I8", a1 ~ b1, a2 ~ b2)
end

local function padded (data)
  return data .. string.rep("\0", -#data % BLOCK_LEN)
end

-- The tag of RFC 3610, 2.2, before it is encrypted: the last of a chain of blocks.
local function ccm_code (key, nonce, data, text)
  local counter_len = 15 - #nonce
  local flags = (#data > 0 and 0x40 or 0) | (TAG_LEN - 2) // 2 << 3 | counter_len - 1
  local blocks = string.pack("B", flags) .. nonce .. string.pack(">I" .. counter_len, #text)
  if #data > 0 then blocks = blocks .. padded(string.pack(">s2", data)) end
  blocks = blocks .. padded(text)
  return string.sub(aes(key, "cbc", ZERO_BLOCK, blocks), #blocks - BLOCK_LEN + 1, #blocks)
end

local function ccm_counter (nonce, number)
  local counter_len = 15 - #nonce
  return string.pack("B", counter_len - 1) .. nonce .. string.pack(">I" .. counter_len, number)
end

-- What falls out at the right when a number is shifted by four bits, put back in at the left (x^128 + x^7 + x^2 + x + 1).
local REDUCED = {}
for i = 0, 15 do
  local high = 0
  for bit = 0, 3 do
    if i >> bit & 1 == 1 then high = high ~ 0xe1 << 56 >> 3 - bit end
  end
  REDUCED[i] = high
end

-- Multiples of the hash's key by all polynomials of four coefficients, the first one in the highest bit (SP 800-38D, 6.3).
local function multiples (high, low)
  local highs, lows = { [0] = 0, [8] = high }, { [0] = 0, [8] = low }
  for _, i in ipairs({ 4, 2, 1 }) do
    local carry = low & 1
    low = low >> 1 | high << 63
    high = high >> 1 ~ carry * (0xe1 << 56)
    highs[i], lows[i] = high, low
  end
  for _, i in ipairs({ 2, 4, 8 }) do
    for j = 1, i - 1 do
      highs[i + j], lows[i + j] = highs[i] ~ highs[j], lows[i] ~ lows[j]
    end
  end
  return highs, lows
end

-- The hash of blocks (SP 800-38D, 6.4), four bits at a time from the last ones on.
local function ghash (hash_key, blocks)
  local highs, lows = multiples(string.unpack(">I8I8", hash_key))
  local high, low = 0, 0
  for at = 1, #blocks, BLOCK_LEN do
    local next_high, next_low = string.unpack(">I8I8", blocks, at)
    local words = { low ~ next_low, high ~ next_high }
    high, low = 0, 0
    for idx = 1, 2 do
      local word = words[idx]
      for shift = 0, 60, 4 do
        local nibble = word >> shift & 15
        local out = low & 15
        low = (low >> 4 | high << 60) ~ lows[nibble]
        high = high >> 4 ~ REDUCED[out] ~ highs[nibble]
      end
    end
  end
  return string.pack(">I8I8", high, low)
end

local function gcm_code (key, data, encrypted)
  local hash_key = string.sub(aes(key, "ecb", nil, ZERO_BLOCK), 1, BLOCK_LEN)
  local lengths = string.pack(">I8I8", 8 * #data, 8 * #encrypted)
  return ghash(hash_key, padded(data) .. padded(encrypted) .. lengths)
end

--- Encrypts and makes a tag.
-- @param mode <code>"ccm"</code> or <code>"gcm"</code>.
-- @param key 16 or 32 octets.
-- @param nonce 7 to 13 octets for CCM, 12 for GCM.
-- @param data What is only authenticated.
-- @param text What is encrypted.
-- @return The encrypted octets and the tag of 16 octets.
function seal (mode, key, nonce, data, text)
  if mode == "ccm" then
    local code = ccm_code(key, nonce, data, text)
    local out = string.sub(aes(key, "ctr", ccm_counter(nonce, 0), ZERO_BLOCK .. text), 1, BLOCK_LEN + #text)
    return string.sub(out, BLOCK_LEN + 1), xor_block(code, string.sub(out, 1, BLOCK_LEN))
  end
  local out = string.sub(aes(key, "ctr", nonce .. "\0\0\0\1", ZERO_BLOCK .. text), 1, BLOCK_LEN + #text)
  local encrypted = string.sub(out, BLOCK_LEN + 1)
  return encrypted, xor_block(gcm_code(key, data, encrypted), string.sub(out, 1, BLOCK_LEN))
end

--- Decrypts what has the right tag.
-- @param mode <code>"ccm"</code> or <code>"gcm"</code>.
-- @param key 16 or 32 octets.
-- @param nonce 7 to 13 octets for CCM, 12 for GCM.
-- @param data What is only authenticated.
-- @param encrypted What is decrypted.
-- @param tag The tag.
-- @return The text, nil if the tag is another.
function open (mode, key, nonce, data, encrypted, tag)
  local counter = mode == "ccm" and ccm_counter(nonce, 0) or nonce .. "\0\0\0\1"
  -- A stream: decrypting is encrypting.
  local out = string.sub(aes(key, "ctr", counter, ZERO_BLOCK .. encrypted), 1, BLOCK_LEN + #encrypted)
  local text = string.sub(out, BLOCK_LEN + 1)
  local code = mode == "ccm" and ccm_code(key, nonce, data, text) or gcm_code(key, data, encrypted)
  return xor_block(code, string.sub(out, 1, BLOCK_LEN)) == tag and text or nil
end

-- Messages --------------------------------------------------------------------------------------------------------

--- Makes the keys of a session.
-- @param smb The connection, logged on: <code>dialect</code>, <code>cipher</code> (its number, as negotiated) and
--            <code>preauth_hash_before</code>.
-- @param session_key The session's key.
-- @return A table for <code>encrypt</code> and <code>decrypt</code>, nil if there is no cipher.
function keys (smb, session_key)
  local cipher = CIPHERS[smb.cipher or 0]
  if not cipher then return nil end
  local labels, contexts = { "SMB2AESCCM\0", "SMB2AESCCM\0" }, { "ServerIn \0", "ServerOut\0" }
  if smb.dialect == 0x0311 then
    local hash = smb.preauth_hash_before or ""
    labels, contexts = { "SMBC2SCipherKey\0", "SMBS2CCipherKey\0" }, { hash, hash }
  end
  return {
    cipher = cipher,
    to_server = derive(session_key, labels[1], contexts[1], cipher.bits),
    of_server = derive(session_key, labels[2], contexts[2], cipher.bits),
    session_id = smb.SessionId,
    sent = 0,
    nonce_start = openssl.rand_bytes(cipher.nonce_len - 8),
  }
end

--- Packs a message (MS-SMB2 2.2.41).
-- @param session What <code>keys</code> made.
-- @param message The message.
-- @return What is sent.
function encrypt (session, message)
  session.sent = session.sent + 1
  local nonce = string.pack("<I8", session.sent) .. session.nonce_start
  local rest = nonce .. string.rep("\0", 16 - #nonce)
    .. string.pack("<I4I2I2I8", #message, 0, FLAG_ENCRYPTED, session.session_id)
  local encrypted, tag = seal(session.cipher.mode, session.to_server, nonce, rest, message)
  return "\xfdSMB" .. tag .. rest .. encrypted
end

--- Unpacks a message.
-- @param session What <code>keys</code> made.
-- @param packet What was received.
-- @return The message, nil if it is not what the server sent in this session.
function decrypt (session, packet)
  if #packet < TRANSFORM_LEN or string.sub(packet, 1, 4) ~= "\xfdSMB" then return nil end
  local rest, encrypted = string.sub(packet, 21, TRANSFORM_LEN), string.sub(packet, TRANSFORM_LEN + 1)
  local size, _, flags, id = string.unpack("<I4I2I2I8", rest, 17)
  if size ~= #encrypted or flags ~= FLAG_ENCRYPTED or id ~= session.session_id then return nil end
  local nonce = string.sub(rest, 1, session.cipher.nonce_len)
  return open(session.cipher.mode, session.of_server, nonce, rest, encrypted, string.sub(packet, 5, 20))
end

return _ENV
