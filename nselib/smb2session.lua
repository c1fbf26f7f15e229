---
-- Server Message Block, versions 2 and 3 (MS-SMB2): commands and their results, logging on, signatures.
--
-- The connection is the table that <code>smb.start</code> makes, after <code>smb2.negotiate_v2</code>. Library
-- <code>smb2files</code> goes on with shares and files, library <code>smb</code> is what scripts use. Messages are
-- signed and encrypted where the server wants it.
--
-- @copyright MIT OR Apache-2.0

local openssl = require "openssl"
local smb2 = require "smb2"
local smb2crypt = require "smb2crypt"
local smbauth = require "smbauth"
local smbcodes = require "smbcodes"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("smb2session", stdnse.seeall)

local HEADER_LEN = 64
local COMMAND_SESSION_SETUP, COMMAND_LOGOFF = 0x0001, 0x0002
local FLAG_ASYNC, FLAG_SIGNED = 0x02, 0x08
-- Of a session.
local FLAG_ENCRYPT = 0x04
local CREDITS = 32
-- A server says so many times that it is still at work, at most.
local PENDING_MAX = 100

local STATUS_PENDING = smbcodes.status_codes.NT_STATUS_PENDING
local STATUS_MORE = smbcodes.status_codes.NT_STATUS_MORE_PROCESSING_REQUIRED

--- Dialects that this library goes on with after the negotiation.
DIALECTS = { 0x0202, 0x0210, 0x0300, 0x0302, 0x0311 }

-- Signatures (MS-SMB2 3.1.4.1) ------------------------------------------------------------------------------------

local function xor (a, b)
  local octets = {}
  for i = 1, #a do octets[i] = string.char(string.byte(a, i) ~ string.byte(b, i)) end
  return table.concat(octets)
end

-- Doubles in the field of 2^128 elements (RFC 4493, 2.3).
local function double (block)
  local high, low = string.unpack(">I8I8", block)
  local carry = high >> 63
  return string.pack(">I8I8", high << 1 | low >> 63, low << 1 ~ carry * 0x87)
end

--- The authentication code of a message by AES-128 (RFC 4493).
-- @param key 16 octets.
-- @param message The message.
-- @return 16 octets.
function aes_cmac (key, message)
  local subkey = double(openssl.encrypt("aes-128-ecb", key, nil, string.rep("\0", 16)))
  local last_len = #message % 16
  local whole = #message > 0 and last_len == 0
  if whole then last_len = 16 end
  local last = string.sub(message, #message - last_len + 1)
  if whole then
    last = xor(last, subkey)
  else
    last = xor(last .. "\x80" .. string.rep("\0", 15 - last_len), double(subkey))
  end
  local blocks = string.sub(message, 1, #message - last_len) .. last
  -- The last block of a chain of cipher blocks is the code.
  return string.sub(openssl.encrypt("aes-128-cbc", key, string.rep("\0", 16), blocks), #blocks - 15, #blocks)
end

-- The key for signatures of 3.x (3.1.4.2). 3.1.1 takes the hash of what was said before, see library `smb2`.
local function signing_key (smb, session_key)
  local label, context = "SMB2AESCMAC\0", "SmbSign\0"
  if smb.dialect == 0x0311 then label, context = "SMBSigningKey\0", smb.preauth_hash_before or "" end
  return smb2crypt.derive(session_key, label, context, 128)
end

-- A function that signs messages of the connection with the session's key.
local function signer (smb, session_key)
  local code
  if smb.dialect >= 0x0300 then
    local key = signing_key(smb, session_key)
    code = function (message) return aes_cmac(key, message) end
  else
    code = function (message) return string.sub(openssl.hmac("SHA256", session_key, message), 1, 16) end
  end
  return function (message)
    local flags = string.unpack("<I4", message, 17) | FLAG_SIGNED
    local head = string.sub(message, 1, 16) .. string.pack("<I4", flags) .. string.sub(message, 21, 48)
    local rest = string.sub(message, HEADER_LEN + 1)
    return head .. code(head .. string.rep("\0", 16) .. rest) .. rest
  end
end

-- Whether messages of a session that is nobody's guest are to be signed.
local function wants_signatures (smb)
  local wanted = stdnse.get_script_args("smbsign")
  if wanted == "force" then return true end
  -- 3.1.1 wants signatures at least when a share is opened (3.2.4.2.4).
  return wanted ~= "ignore" and (smb.signing_required == true or smb.dialect == 0x0311)
end

-- Commands --------------------------------------------------------------------------------------------------------

--- Sends a command and waits for its result.
-- @param smb The connection.
-- @param command The command's number.
-- @param body What follows the header.
-- @param overrides Values for the header, see <code>smb2.smb2_encode_header_sync</code>.
-- @return The result's number, the octets from the header's end on and the header; or nil and an error.
function exchange (smb, command, body, overrides)
  -- Version 2.0.2 has no charges.
  local over = { CreditCharge = smb.dialect ~= 0x0202 and 1 or 0, CreditR = CREDITS }
  for _, name in ipairs({ "CreditCharge", "CreditR", "Flags", "TreeId", "SessionId", "MessageId" }) do
    if overrides and overrides[name] then over[name] = overrides[name] end
  end
  local header = smb2.smb2_encode_header_sync(smb, command, over)
  local id = string.unpack("<I8", header, 25)
  local status, err = smb2.smb2_send(smb, header, body)
  if not status then return nil, err end
  for _ = 1, PENDING_MAX do
    local answer, data
    status, answer, data = smb2.smb2_read(smb)
    if not status then return nil, answer end
    local result, answered, _, flags = string.unpack("<I4I2I2I4", answer, 9)
    local answer_id = string.unpack("<I8", answer, 25)
    local waits = result == STATUS_PENDING and flags & FLAG_ASYNC ~= 0
    -- Notices of the server have all bits of the number set.
    if answer_id == id and not waits then
      if answered ~= command then return nil, "SMB2: the answer is to another command" end
      return result, data, answer
    end
  end
  return nil, "SMB2: the server does not come to an end with the command"
end

--- What a failed command is called.
-- @param result The result's number, nil if there is none.
-- @param err What went wrong then.
-- @return False, the name of the result or the error, and the number.
function failure (result, err)
  if not result then return false, err end
  return false, smbcodes.get_status_name(result), result
end

--- Takes out of an answer what it has at a place.
-- @param data The octets from the header's end on.
-- @param offset The place, counted from the header's beginning.
-- @param len How many octets.
-- @return The octets, nil if they are not there.
function part (data, offset, len)
  local at = offset - HEADER_LEN
  if len == 0 then return "" end
  if at < 0 or at + len > #data then return nil end
  return string.sub(data, at + 1, at + len)
end

-- Logging on ------------------------------------------------------------------------------------------------------

-- What the challenge of NTLM tells about the server.
local function set_names (smb, blob)
  local info = smbauth.get_host_info_from_security_blob(blob)
  if not info then return end
  smb.domain = info.netbios_domain_name or smb.domain
  smb.server = info.netbios_computer_name or smb.server
  smb.fqdn = info.fqdn or smb.fqdn
  smb.domain_dns = info.dns_domain_name or smb.domain_dns
  smb.forest_dns = info.dns_forest_name or smb.forest_dns
  smb.os_version = info.os_major_version and { info.os_major_version, info.os_minor_version, info.os_build }
end

local function setup_request (message)
  -- Signatures are possible; the file system may be distributed.
  return string.pack("<I2BBI4I4I2I2I8", 25, 0, 1, 1, 0, HEADER_LEN + 24, #message, 0) .. message
end

--- Logs on with one account (MS-SMB2 2.2.5).
-- @param smb The connection, negotiated.
-- @param account Table with <code>username</code>, <code>domain</code>, <code>password</code>,
--                <code>password_hash</code> and <code>hash_type</code>.
-- @param overrides Values for the header.
-- @return True, or false and the name of the result.
function logon (smb, account, overrides)
  local blob
  smb.sign, smb.crypt, smb.keys, smb.SessionId = nil, nil, nil, 0
  -- Each logon goes on from the negotiation.
  smb.preauth_hash = smb.negotiation_hash
  -- One message to ask, one to answer the challenge.
  for _ = 1, 3 do
    local status, message, key = smbauth.get_security_blob(blob, account.username, account.domain, account.password,
      account.password_hash, account.hash_type)
    if not status then return false, message end
    local result, data, header = exchange(smb, COMMAND_SESSION_SETUP, setup_request(message), overrides)
    if result ~= 0 and result ~= STATUS_MORE then return failure(result, data) end
    if #data < 8 then return false, "SMB2: the server's answer is cut off" end
    local _, flags, offset, len = string.unpack("<I2I2I2I2", data)
    blob = part(data, offset, len)
    if not blob then return false, "SMB2: the server's answer is cut off" end
    smb.SessionId = string.unpack("<I8", header, 41)
    if result == STATUS_MORE then set_names(smb, blob) end
    if result == 0 then
      -- Bit 0 is for guests, bit 1 for nobody in particular: they have no key.
      smb.uid, smb.is_guest = 1, flags & 1
      if flags & 3 == 0 and key and #key == 16 then
        if wants_signatures(smb) then smb.sign = signer(smb, key) end
        smb.keys = smb2crypt.keys(smb, key)
        -- All that follows is to be encrypted; else a share may want it.
        if flags & FLAG_ENCRYPT ~= 0 then smb.crypt = smb.keys end
      end
      smb.preauth_hash = nil
      return true
    end
  end
  return false, "SMB2: the server does not come to an end with the logon"
end

--- Logs off (MS-SMB2 2.2.7).
-- @param smb The connection.
-- @param overrides Values for the header.
-- @return True, or false and an error.
function logoff (smb, overrides)
  local result, err = exchange(smb, COMMAND_LOGOFF, string.pack("<I2I2", 4, 0), overrides)
  smb.uid, smb.SessionId, smb.sign, smb.crypt, smb.keys = 0, 0, nil, nil, nil
  if result ~= 0 then return failure(result, err) end
  return true
end

return _ENV
