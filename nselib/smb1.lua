---
-- Server Message Block, version 1 (MS-CIFS, MS-SMB): messages, negotiating, logging on.
--
-- The connection is the table that <code>smb.start</code> makes; library <code>smb1files</code> goes on with shares
-- and files, library <code>smb</code> is what scripts use.
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local os = require "os"
local smbauth = require "smbauth"
local smbcodes = require "smbcodes"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local unicode = require "unicode"
_ENV = stdnse.module("smb1", stdnse.seeall)

-- A message of the session service has at most 17 bits of length (RFC 1002, 4.3.1), 24 without NetBIOS; more than this
-- nobody sends us.
local MESSAGE_LEN_MAX = 0x20000
--- Octets of a header.
HEADER_LEN = 32
--- What stands where the command to be done next would.
NO_ANDX = "\xff\0\0\0"

local command_codes, status_codes, get_status_name =
  smbcodes.command_codes, smbcodes.status_codes, smbcodes.get_status_name

-- Messages ------------------------------------------------------------------------------------------------------

--- Makes a header (MS-CIFS 2.2.3.1).
--
-- Strings are in the server's 8-bit character set, and results are to be of 32 bits.
-- @param smb The connection.
-- @param command The command's number.
-- @param overrides Table with <code>flags</code>, <code>flags2</code>, <code>tid</code>, <code>uid</code>,
--                  <code>pid</code> or <code>mid</code> to use in place of the connection's.
-- @return 32 octets, without a signature.
function smb_encode_header (smb, command, overrides)
  overrides = overrides or {}
  -- Long names, signatures possible, long names used, reads of programs allowed, 32-bit results; security blobs.
  local flags2 = 0x6045 | (smb.extended_security and 0x0800 or 0)
  return string.pack("<c4BI4BI2I2i8I2I2I2I2I2", "\xffSMB", command, 0, overrides.flags or 0x18,
    overrides.flags2 or flags2, 0, 0, 0, overrides.tid or smb.tid or 0, overrides.pid or smb.pid or 0,
    overrides.uid or smb.uid or 0, overrides.mid or smb.mid or 1)
end

local function is_signed (smb)
  if not smb.mac_key or smb.mac_key == "" then return false end
  local wanted = stdnse.get_script_args("smbsign")
  if wanted == "force" then return true end
  if wanted == "ignore" then return false end
  return smb.security_mode ~= nil and smb.security_mode & 0x08 ~= 0
end

--- Sends a message.
-- @param smb The connection.
-- @param header What <code>smb_encode_header</code> made.
-- @param parameters The parameters' octets, an even number.
-- @param data The data's octets.
-- @param overrides Table with <code>parameters_length</code> or <code>data_length</code> to send in place of the true
--                  ones.
-- @return True, or false and an error.
function smb_send (smb, header, parameters, data, overrides)
  overrides = overrides or {}
  -- A connection of a newer version ends at a message of this one.
  if smb.commands then return false, "SMB: the connection is of a newer version" end
  local message = header
    .. string.pack("B", (overrides.parameters_length or #parameters // 2) & 0xff) .. parameters
    .. string.pack("<I2", (overrides.data_length or #data) & 0xffff) .. data
  if is_signed(smb) then
    smb.sequence = smb.sequence + 1
    local numbered = string.sub(message, 1, 14) .. string.pack("<I8", smb.sequence) .. string.sub(message, 23)
    local signature = smbauth.calculate_signature(smb.mac_key, numbered)
    message = string.sub(message, 1, 14) .. signature .. string.sub(message, 23)
    -- The answer has the next number.
    smb.sequence = smb.sequence + 1
  end
  local status, err = smb.socket:send(string.pack(">s4", message))
  if not status then return false, "SMB: failed to send: " .. tostring(err) end
  return true
end

--- Receives a message of the session service. Keep-alives are passed over.
-- @param smb The connection.
-- @return The message without its header of 4 octets, or nil and an error.
function receive_message (smb)
  for _ = 1, 16 do
    local status, prefix = smb.socket:receive_buf(match.numbytes(4), true)
    if not status then return nil, "SMB: failed to receive: " .. tostring(prefix) end
    local kind, len = string.unpack(">BI3", prefix)
    if len > MESSAGE_LEN_MAX then return nil, "SMB: message too long" end
    local message = ""
    if len > 0 then
      status, message = smb.socket:receive_buf(match.numbytes(len), true)
      if not status then return nil, "SMB: failed to receive: " .. tostring(message) end
    end
    if kind == 0 then return message end
  end
  return nil, "SMB: no message"
end

--- Receives a message.
-- @param smb The connection.
-- @param read_data False if the message has no data and what follows the parameters is to be left alone.
-- @return True, the header, the parameters and the data; or false and an error.
function smb_read (smb, read_data)
  local message, err = receive_message(smb)
  if not message then return false, err end
  if #message < HEADER_LEN + 1 or not string.find(message, "^[\xfe\xff]SMB") then
    return false, "SMB: the server's message is none of SMB"
  end
  local header = string.sub(message, 1, HEADER_LEN)
  local pos = HEADER_LEN + 1
  local parameters_len = 2 * string.byte(message, pos)
  if pos + parameters_len > #message then return false, "SMB: the server's message is cut off" end
  local parameters = string.sub(message, pos + 1, pos + parameters_len)
  pos = pos + parameters_len + 1
  local data = ""
  if read_data ~= false and pos + 1 <= #message then
    local data_len = string.unpack("<I2", message, pos)
    data = string.sub(message, pos + 2, pos + 1 + data_len)
  end
  return true, header, parameters, data
end

--- Sends a command and waits for its result. The command's number is checked, so that a late answer to something else
-- is not taken for this one.
-- @param smb The connection.
-- @param command The command's number.
-- @param parameters The parameters' octets.
-- @param data The data's octets.
-- @param overrides See <code>smb_send</code>.
-- @return The result's number, the parameters, the data and the header; or nil and an error.
function exchange (smb, command, parameters, data, overrides)
  local header = smb_encode_header(smb, command, overrides)
  local status, err = smb_send(smb, header, parameters, data, overrides)
  if not status then return nil, err end
  local answer
  status, answer, parameters, data = smb_read(smb)
  if not status then return nil, answer end
  local result = string.unpack("<I4", answer, 6)
  if string.byte(answer, 5) ~= command then return nil, "SMB: the answer is to another command" end
  return result, parameters, data, answer
end

-- Negotiating ---------------------------------------------------------------------------------------------------

-- Bits of a server's security mode and capabilities (MS-CIFS 2.2.4.52.2).
local CAP_UNICODE, CAP_EXTENDED_SECURITY = 0x00000004, 0x80000000

local function decode_string (data, pos, wide)
  if wide then
    local stop = pos
    while stop + 1 <= #data and string.sub(data, stop, stop + 1) ~= "\0\0" do stop = stop + 2 end
    return unicode.utf16to8(string.sub(data, pos, stop - 1)), stop + 2
  end
  local stop = string.find(data, "\0", pos, true) or #data + 1
  return string.sub(data, pos, stop - 1), stop + 1
end

--- Seconds since 1970 of a server's time, which is in 100 ns since 1601. Those out of reach of a calendar are its
-- beginning.
-- @param filetime The server's time.
-- @return Seconds.
function unix_time (filetime)
  local seconds = filetime // 10000000 - 11644473600
  return seconds >= 0 and seconds < 253402300800 and seconds or 0
end

-- Puts the server's clock into the connection. The zone is in minutes to the west.
local function set_time (smb, filetime, zone)
  smb.time = unix_time(filetime)
  smb.date = os.date("!%Y-%m-%dT%H:%M:%S", smb.time)
  smb.timezone = -zone // 60
  smb.timezone_str = zone == 0 and "UTC+0" or ("UTC%+d"):format(-zone // 60)
end

--- Negotiates version 1 of the protocol (MS-CIFS 2.2.4.52, MS-SMB 2.2.4.5).
--
-- What the server says of itself goes into the connection: <code>security_mode</code>, <code>max_mpx</code>,
-- <code>max_vc</code>, <code>max_buffer</code>, <code>max_raw_buffer</code>, <code>session_key</code>,
-- <code>capabilities</code>, <code>time</code>, <code>date</code>, <code>timezone</code>, <code>timezone_str</code>,
-- then <code>server_guid</code> and <code>security_blob</code>, or <code>server_challenge</code>, <code>domain</code>
-- and <code>server</code>.
-- @param smb The connection.
-- @param overrides Table with <code>dialects</code>, names of dialects to offer.
-- @return True, or false and an error.
function negotiate_v1 (smb, overrides)
  local dialects = overrides and overrides.dialects or { "NT LM 0.12" }
  local parts = {}
  for i, dialect in ipairs(dialects) do parts[i] = "\x02" .. dialect .. "\0" end
  local result, parameters, data = exchange(smb, command_codes.SMB_COM_NEGOTIATE, "", table.concat(parts), overrides)
  if not result then return false, parameters end
  if result ~= 0 then return false, get_status_name(result) end
  if #parameters < 2 then return false, "SMB: the server's answer has no dialect" end
  local dialect = string.unpack("<I2", parameters)
  if dialect == 0xffff then return false, "Server doesn't support any of the offered dialects" end
  if #parameters < 34 then return false, "Server negotiated an old dialect" end
  local filetime, zone, key_len
  smb.dialect, smb.security_mode, smb.max_mpx, smb.max_vc, smb.max_buffer, smb.max_raw_buffer, smb.session_key,
    smb.capabilities, filetime, zone, key_len = string.unpack("<I2BI2I2I4I4I4I4i8i2B", parameters)
  smb.key_length = key_len
  set_time(smb, filetime, zone)
  smb.extended_security = smb.extended_security and smb.capabilities & CAP_EXTENDED_SECURITY ~= 0
  if smb.extended_security then
    smb.server_guid = string.sub(data, 1, 16)
    smb.security_blob = string.sub(data, 17)
    return true
  end
  smb.server_challenge = string.sub(data, 1, key_len)
  local pos = key_len + 1
  -- These two are in Unicode if the server can, whatever was asked for.
  local wide = smb.capabilities & CAP_UNICODE ~= 0
  smb.domain, pos = decode_string(data, pos, wide)
  smb.server = decode_string(data, pos, wide)
  if smb.domain == "" then smb.domain = nil end
  if smb.server == "" then smb.server = nil end
  return true
end

-- Logging on ----------------------------------------------------------------------------------------------------

-- Unicode, large files, NT commands, RPC, 32-bit results; with it, security blobs.
local CAPABILITIES = 0x00000050

local function set_native (smb, data, pos)
  smb.os, pos = decode_string(data, pos)
  smb.lanmanager, pos = decode_string(data, pos)
  local domain = decode_string(data, pos)
  if domain ~= "" and not smb.domain then smb.domain = domain end
end

-- The account that was not let in as itself is a guest: bit 0 of the action (MS-CIFS 2.2.4.53.2).
local function set_logged_on (smb, header, parameters, key)
  smb.uid = string.unpack("<I2", header, 29)
  smb.is_guest = #parameters >= 6 and string.unpack("<I2", parameters, 5) & 1 or 0
  if smb.is_guest == 0 then
    smb.mac_key = key
    -- The logon itself had numbers 0 and 1.
    smb.sequence = 1
  end
end

local function logon_basic (smb, account, overrides)
  local hash_type = account.hash_type
  -- A server without extended security names itself nowhere, so a response of version 2 cannot name it; Samba refuses
  -- such a one. Only if it was asked for.
  if hash_type == "v2" and not stdnse.get_script_args("smbtype") then hash_type = "ntlm" end
  local lm, ntlm, key = smbauth.get_password_response(account.username, account.domain, account.password,
    account.password_hash, hash_type, smb.server_challenge or "", false)
  local parameters = NO_ANDX .. string.pack("<I2I2I2I4I2I2I4I4", 0xffff, 1, 1, smb.session_key or 0, #lm, #ntlm, 0,
    CAPABILITIES)
  local data = lm .. ntlm .. string.pack("<zzzz", account.username, account.domain, "Perilune", "Perilune")
  local result, answer, answer_data, header =
    exchange(smb, command_codes.SMB_COM_SESSION_SETUP_ANDX, parameters, data, overrides)
  if not result then return false, answer end
  if result ~= 0 then return false, get_status_name(result) end
  set_logged_on(smb, header, answer, key)
  set_native(smb, answer_data, 1)
  return true
end

local function logon_extended (smb, account, overrides)
  local blob
  -- One message to ask, one to answer the challenge.
  for _ = 1, 3 do
    local status, message, key = smbauth.get_security_blob(blob, account.username, account.domain, account.password,
      account.password_hash, account.hash_type)
    if not status then return false, message end
    local parameters = NO_ANDX .. string.pack("<I2I2I2I4I2I4I4", 0xffff, 1, 1, smb.session_key or 0, #message, 0,
      CAPABILITIES | CAP_EXTENDED_SECURITY)
    local data = message .. string.pack("<zz", "Perilune", "Perilune")
    local result, answer, answer_data, header =
      exchange(smb, command_codes.SMB_COM_SESSION_SETUP_ANDX, parameters, data, overrides)
    if not result then return false, answer end
    if result ~= 0 and result ~= status_codes.NT_STATUS_MORE_PROCESSING_REQUIRED then
      return false, get_status_name(result)
    end
    if #answer < 8 then return false, "SMB: the server's answer is cut off" end
    local blob_len = string.unpack("<I2", answer, 7)
    blob = string.sub(answer_data, 1, blob_len)
    smb.uid = string.unpack("<I2", header, 29)
    set_native(smb, answer_data, blob_len + 1)
    local info = smbauth.get_host_info_from_security_blob(blob)
    if info then
      smb.domain = info.netbios_domain_name or smb.domain
      smb.server = info.netbios_computer_name or smb.server
      smb.fqdn = info.fqdn or smb.fqdn
      smb.domain_dns = info.dns_domain_name or smb.domain_dns
      smb.forest_dns = info.dns_forest_name or smb.forest_dns
    end
    if result == 0 then
      set_logged_on(smb, header, answer, key)
      return true
    end
  end
  return false, "SMB: the server does not come to an end with the logon"
end

--- Logs on with one account (MS-CIFS 2.2.4.53, MS-SMB 2.2.4.6).
-- @param smb The connection, negotiated.
-- @param account Table with <code>username</code>, <code>domain</code>, <code>password</code>,
--                <code>password_hash</code> and <code>hash_type</code>.
-- @param overrides Values for the header.
-- @return True, or false and the name of the result.
function logon (smb, account, overrides)
  local way = smb.extended_security and logon_extended or logon_basic
  return way(smb, account, overrides)
end

--- Logs off.
-- @param smb The connection.
-- @param overrides Values for the header.
-- @return True, or false and an error.
function logoff (smb, overrides)
  local result, err = exchange(smb, command_codes.SMB_COM_LOGOFF_ANDX, NO_ANDX, "", overrides)
  smb.uid = 0
  if not result then return false, err end
  if result ~= 0 then return false, get_status_name(result) end
  return true
end

return _ENV
