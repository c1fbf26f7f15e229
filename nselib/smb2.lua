---
-- Server Message Block, versions 2 and 3 (MS-SMB2): negotiating, and messages for whoever wants to go on.
--
-- The connection is the table that <code>smb.start</code> makes.
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local math = require "math"
local openssl = require "openssl"
local os = require "os"
local smb2crypt = require "smb2crypt"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("smb2", stdnse.seeall)

local HEADER_LEN = 64
local MESSAGE_LEN_MAX = 0x100000
local COMMAND_NEGOTIATE = 0x0000
local CAPABILITY_ENCRYPTION = 0x40
local CONTEXT_INTEGRITY, CONTEXT_ENCRYPTION = 1, 2
-- MS-SMB2 knows 8 kinds of contexts.
local CONTEXTS_MAX = 16

-- Dialects (MS-SMB2 2.2.3), as people write them.
local DIALECT_NAMES = {
  [0x0202] = "202",
  [0x0210] = "210",
  [0x0300] = "300",
  [0x0302] = "302",
  [0x0311] = "311",
}

--- The name of a dialect.
-- @param dialect Its number.
-- @return The name, nil if there is no such dialect.
function dialect_name (dialect)
  return DIALECT_NAMES[dialect]
end

--- All dialects.
-- @return A list of numbers.
function dialects ()
  local list = {}
  for dialect in pairs(DIALECT_NAMES) do list[#list + 1] = dialect end
  table.sort(list)
  return list
end

--- Makes a header (MS-SMB2 2.2.1.2).
-- @param smb The connection. Its <code>MessageId</code> is counted up.
-- @param command The command's number.
-- @param overrides Table with <code>CreditCharge</code>, <code>Status</code>, <code>CreditR</code>,
--                  <code>Flags</code>, <code>NextCommand</code>, <code>MessageId</code>, <code>TreeId</code>,
--                  <code>SessionId</code> or <code>Signature</code> to use in place of the usual values.
-- @return 64 octets.
function smb2_encode_header_sync (smb, command, overrides)
  overrides = overrides or {}
  local id = overrides.MessageId or smb.MessageId or 0
  smb.MessageId = id + 1
  return string.pack("<c4I2I2I4I2I2I4I4I8I4I4I8c16", "\xfeSMB", HEADER_LEN, overrides.CreditCharge or 0,
    overrides.Status or 0, command, overrides.CreditR or 1, overrides.Flags or 0, overrides.NextCommand or 0, id, 0,
    overrides.TreeId or smb.TreeId or 0, overrides.SessionId or smb.SessionId or 0,
    overrides.Signature or string.rep("\0", 16))
end

-- The hash of all messages before and while logging on, which 3.1.1 makes keys of (3.2.5.2, 3.2.5.3). A connection that
-- has one keeps the one before the last message, too: the answer that ends the logon does not count.
local function hash_message (smb, message)
  if not smb.preauth_hash then return end
  smb.preauth_hash_before = smb.preauth_hash
  smb.preauth_hash = openssl.digest("sha512", smb.preauth_hash .. message)
end

--- Sends a message.
-- @param smb The connection.
-- @param header What <code>smb2_encode_header_sync</code> made.
-- @param data What follows the header.
-- @param overrides Unused.
-- @return True, or false and an error.
function smb2_send (smb, header, data, overrides)
  local message = header .. data
  if smb.crypt then
    message = smb2crypt.encrypt(smb.crypt, message)
  elseif smb.sign then
    message = smb.sign(message)
  end
  hash_message(smb, message)
  local status, err = smb.socket:send(string.pack(">s4", message))
  if not status then return false, "SMB2: failed to send: " .. tostring(err) end
  return true
end

--- Receives a message.
-- @param smb The connection.
-- @param read_data Unused.
-- @return True, the header and what follows it; or false and an error.
function smb2_read (smb, read_data)
  local status, prefix = smb.socket:receive_buf(match.numbytes(4), true)
  if not status then return false, "SMB2: failed to receive: " .. tostring(prefix) end
  local kind, len = string.unpack(">BI3", prefix)
  if kind ~= 0 or len < HEADER_LEN or len > MESSAGE_LEN_MAX then
    return false, "SMB2: the server's message is none of SMB2"
  end
  local message
  status, message = smb.socket:receive_buf(match.numbytes(len), true)
  if not status then return false, "SMB2: failed to receive: " .. tostring(message) end
  if smb.crypt and string.sub(message, 1, 4) == "\xfdSMB" then
    message = smb2crypt.decrypt(smb.crypt, message)
    if not message then return false, "SMB2: the server's message is not encrypted with the session's key" end
  end
  if #message < HEADER_LEN or string.sub(message, 1, 4) ~= "\xfeSMB" then return false, "SMB2: the server's message is none of SMB2" end
  hash_message(smb, message)
  return true, string.sub(message, 1, HEADER_LEN), string.sub(message, HEADER_LEN + 1)
end

-- What 3.1.1 has behind the dialects (MS-SMB2 2.2.3.1): hashes for integrity (SHA-512) and ciphers.
local function negotiate_contexts ()
  local salt = openssl.rand_bytes(32)
  local integrity = string.pack("<I2I2I2", 1, #salt, 1) .. salt
  local ciphers = string.pack("<I2", #smb2crypt.PREFERRED)
  for _, cipher in ipairs(smb2crypt.PREFERRED) do ciphers = ciphers .. string.pack("<I2", cipher) end
  local first = string.pack("<I2I2I4", CONTEXT_INTEGRITY, #integrity, 0) .. integrity
  return first .. string.rep("\0", -#first % 8) .. string.pack("<I2I2I4", CONTEXT_ENCRYPTION, #ciphers, 0) .. ciphers
end

-- The cipher that a server chose (2.2.4): 3.0 has one, 3.1.1 names it in a context.
local function chosen_cipher (smb, data)
  if smb.dialect ~= 0x0311 then
    local can = smb.dialect >= 0x0300 and smb.capabilities & CAPABILITY_ENCRYPTION ~= 0
    return can and 1 or nil
  end
  local at = string.unpack("<I4", data, 61) - HEADER_LEN + 1
  for _ = 1, math.min(smb.NegotiateContextCount, CONTEXTS_MAX) do
    if at < 1 or at + 7 > #data then return nil end
    local kind, len = string.unpack("<I2I2", data, at)
    if kind == CONTEXT_ENCRYPTION and len >= 4 and at + 11 <= #data then
      return (string.unpack("<I2", data, at + 10))
    end
    at = at + 8 + len
    at = at + -(at - 1) % 8
  end
end

local function negotiate_request (wanted, overrides)
  local names = {}
  for i, dialect in ipairs(wanted) do names[i] = string.pack("<I2", dialect) end
  local list = table.concat(names)
  local with_contexts = false
  for _, dialect in ipairs(wanted) do with_contexts = with_contexts or dialect == 0x0311 end
  -- DFS, leasing, multi-credit operations.
  local capabilities = overrides.Capabilities or 0x07
  local place, contexts = string.rep("\0", 8), ""
  if with_contexts then
    local padding = string.rep("\0", -(HEADER_LEN + 36 + #list) % 8)
    place = string.pack("<I4I2I2", HEADER_LEN + 36 + #list + #padding, 2, 0)
    contexts = padding .. negotiate_contexts()
  end
  return string.pack("<I2I2I2I2I4", 36, #wanted, overrides.SecurityMode or 1, 0, capabilities)
    .. openssl.rand_bytes(16) .. place .. list .. contexts
end

--- Negotiates version 2 or 3 (MS-SMB2 2.2.3, 2.2.4).
--
-- What the server says of itself goes into the connection: <code>dialect</code>, <code>security_mode</code>,
-- <code>server_guid</code>, <code>capabilities</code>, <code>max_trans</code>, <code>max_read</code>,
-- <code>max_write</code>, <code>time</code>, <code>date</code>, <code>start_time</code>, <code>start_date</code>
-- (<code>"N/A"</code> if the server does not tell), <code>security_blob</code> and <code>cipher</code> (its number).
-- @param smb The connection.
-- @param overrides Table with <code>Dialects</code>, a list of numbers. Default: all.
-- @return True and the dialect chosen, or false and an error.
function negotiate_v2 (smb, overrides)
  overrides = overrides or {}
  local wanted = overrides.Dialects or dialects()
  local header = smb2_encode_header_sync(smb, COMMAND_NEGOTIATE, overrides)
  local status, err = smb2_send(smb, header, negotiate_request(wanted, overrides), overrides)
  if not status then return false, err end
  local data
  status, header, data = smb2_read(smb)
  if not status then return false, header end
  local result = string.unpack("<I4", header, 9)
  if result ~= 0 then return false, ("SMB2: the server refuses (0x%08x)"):format(result) end
  if #data < 64 then return false, "SMB2: the server's answer is cut off" end
  local size, time, start_time, blob_at, blob_len
  size, smb.security_mode, smb.dialect, smb.NegotiateContextCount, smb.server_guid, smb.capabilities, smb.max_trans,
    smb.max_read, smb.max_write, time, start_time, blob_at, blob_len =
    string.unpack("<I2I2I2I2c16I4I4I4I4I8I8I2I2", data)
  if size ~= 65 then return false, "SMB2: the server's answer is none to a negotiation" end
  local function seconds (filetime)
    local time_s = filetime // 10000000 - 11644473600
    return time_s >= 0 and time_s < 253402300800 and time_s or 0
  end
  local function shown (filetime) return os.date("!%Y-%m-%dT%H:%M:%S", seconds(filetime)) end
  smb.time, smb.date = seconds(time), shown(time)
  smb.start_time, smb.start_date = seconds(start_time), start_time ~= 0 and shown(start_time) or "N/A"
  local at = blob_at - HEADER_LEN
  smb.security_blob = string.sub(data, at + 1, at + blob_len)
  smb.cipher = chosen_cipher(smb, data)
  return true, smb.dialect
end

return _ENV
