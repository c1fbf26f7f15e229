---
-- The Intelligent Platform Management Interface over a network (IPMI 2.0, chapter 13): opening sessions.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local openssl = require "openssl"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("ipmi", stdnse.seeall)

-- RMCP: version 6, reserved, no sequence number, class IPMI (13.1.3).
local RMCP_HEADER = "\x06\0\xff\x07"

--- Types of payloads (table 13-16).
-- @class table
-- @name PAYLOADS
PAYLOADS = {
  IPMI = 0x00, SOL = 0x01,
  RMCPPLUSOPEN_REQ = 0x10, RMCPPLUSOPEN_REP = 0x11,
  RAKP1 = 0x12, RAKP2 = 0x13, RAKP3 = 0x14, RAKP4 = 0x15,
}

--- Results of opening a session (table 13-15).
-- @class table
-- @name RMCP_ERRORS
RMCP_ERRORS = {
  [0] = "No errors",
  "Insufficient resources to create a session",
  "Invalid session identifier",
  "Invalid payload type",
  "Invalid authentication algorithm",
  "Invalid integrity algorithm",
  "No matching authentication payload",
  "No matching integrity payload",
  "Inactive session identifier",
  "Invalid role",
  "Unauthorized role or privilege level",
  "Insufficient resources for a session at that role",
  "Invalid length of the name",
  "Unauthorized name",
  "Unauthorized GUID",
  "Invalid integrity check value",
  "Invalid confidentiality algorithm",
  "No cipher suite match",
  "Illegal or unrecognized parameter",
}

local function checksum (data)
  local sum = 0
  for i = 1, #data do sum = sum + string.byte(data, i) end
  return string.char(-sum & 0xff)
end

--- Makes the request for a channel's ways of authentication (22.13), outside a session.
-- @return The packet.
function channel_auth_request ()
  -- From us (0x81) to the controller (0x20): application, command 0x38, this channel with version 2.0 data,
  -- administrator.
  local head = "\x20" .. string.char(0x06 << 2)
  local body = "\x81" .. "\0" .. "\x38" .. "\x8e\x04"
  local message = head .. checksum(head) .. body .. checksum(body)
  return RMCP_HEADER .. string.pack("<BI4I4", 0, 0, 0) .. string.pack("s1", message)
end

local function bit (octet, number) return octet & 1 << number ~= 0 end

--- Reads the answer to <code>channel_auth_request</code>.
-- @param reply The packet.
-- @return Table with <code>ipmi_command</code>, <code>ipmi_completion_code</code>, <code>ipmi_compat_20</code>,
--         <code>ipmi_compat_md2</code>,
--         <code>ipmi_compat_md5</code>, <code>ipmi_compat_password</code>, <code>ipmi_compat_oem_auth</code>,
--         <code>ipmi_user_disable_message_auth</code>, <code>ipmi_user_disable_user_auth</code>,
--         <code>ipmi_user_non_null</code>, <code>ipmi_user_null</code>, <code>ipmi_user_anonymous</code>,
--         <code>ipmi_user_kg</code>, <code>ipmi_conn_15</code>, <code>ipmi_conn_20</code>, <code>ipmi_oem_id</code> and
--         <code>ipmi_oem_data</code>; nil if it is something else.
function parse_channel_auth_reply (reply)
  if #reply < 29 or string.sub(reply, 4, 4) ~= "\x07" then return nil end
  -- 4 octets of RMCP, 10 of session header, then addresses, function, checksum and sequence: the command.
  if string.byte(reply, 20) ~= 0x38 then return nil end
  local code, channel, compat, user, conn, oem_id, oem_data = string.unpack("<BBBBBI3B", reply, 21)
  return {
    ipmi_command = 0x38,
    ipmi_completion_code = code,
    ipmi_channel = channel,
    ipmi_compat_20 = bit(compat, 7),
    ipmi_compat_oem_auth = bit(compat, 5),
    ipmi_compat_password = bit(compat, 4),
    ipmi_compat_md5 = bit(compat, 2),
    ipmi_compat_md2 = bit(compat, 1),
    ipmi_compat_none = bit(compat, 0),
    ipmi_user_kg = bit(user, 5),
    ipmi_user_disable_message_auth = bit(user, 4),
    ipmi_user_disable_user_auth = bit(user, 3),
    ipmi_user_non_null = bit(user, 2),
    ipmi_user_null = bit(user, 1),
    ipmi_user_anonymous = bit(user, 0),
    ipmi_conn_20 = bit(conn, 1),
    ipmi_conn_15 = bit(conn, 0),
    ipmi_oem_id = oem_id,
    ipmi_oem_data = oem_data,
  }
end

--- Makes the header of a packet of version 2.0 outside a session (13.6).
-- @param payload_type One of <code>PAYLOADS</code>.
-- @return The octets, without the payload's length.
function rmcpplus_header (payload_type)
  return RMCP_HEADER .. string.pack("<BBI4I4", 0x06, payload_type, 0, 0)
end

local function packet (payload_type, payload)
  return rmcpplus_header(payload_type) .. string.pack("<s2", payload)
end

-- A session's identifier: a number, or its four octets; without one a random number.
local function session_octets (id)
  if not id then return string.pack("<I4", math.random(1, 0xffffffff)) end
  return type(id) == "number" and string.pack("<I4", id) or id
end

-- Three choices of algorithms, each with its kind and a number (13.17).
local function open_request (console_session_id, authentication, integrity, confidentiality)
  local function choice (kind, algorithm) return string.pack("<BI2BBI3", kind, 0, 8, algorithm, 0) end
  local payload = string.pack("BBI2", 0, 0, 0) .. session_octets(console_session_id)
    .. choice(0, authentication) .. choice(1, integrity) .. choice(2, confidentiality)
  return packet(PAYLOADS.RMCPPLUSOPEN_REQ, payload)
end

--- Asks for a session with HMAC-SHA1 (13.17).
-- @param console_session_id A number of ours. Default: at random.
-- @return The packet.
function session_open_request (console_session_id)
  return open_request(console_session_id, 1, 1, 1)
end

--- Asks for a session without any algorithm: cipher suite 0.
-- @param console_session_id A number of ours. Default: at random.
-- @return The packet.
function session_open_cipher_zero_request (console_session_id)
  return open_request(console_session_id, 0, 0, 0)
end

-- The head of a payload of version 2.0 and the payload.
local function parse_head (reply, payload_type)
  if #reply < 20 or string.sub(reply, 4, 4) ~= "\x07" then return nil end
  local _, kind, session_id, sequence = string.unpack("<BBI4I4", reply, 5)
  local len = string.unpack("<I2", reply, 15)
  local payload = string.sub(reply, 17, 16 + len)
  if kind & 0x3f ~= payload_type or #payload < 2 then return nil end
  return {
    session_payload_type = kind & 0x3f,
    session_id = session_id,
    session_sequence = sequence,
    error_code = string.byte(payload, 2),
  }, payload
end

--- Reads the answer to a request for a session (13.18).
-- @param reply The packet.
-- @return Table with <code>session_payload_type</code>, <code>error_code</code>, <code>console_session_id</code> and
--         <code>bmc_session_id</code> (numbers); nil if it is something else.
function parse_open_session_reply (reply)
  local info, payload = parse_head(reply, PAYLOADS.RMCPPLUSOPEN_REP)
  if not info then return nil end
  if #payload >= 12 then
    info.console_session_id, info.bmc_session_id = string.unpack("<I4I4", payload, 5)
  end
  return info
end

--- Makes the first message of the exchange of keys (13.20).
-- @param bmc_session_id The controller's number.
-- @param console_random_id Sixteen octets of ours.
-- @param username The user.
-- @return The packet.
function rakp_1_request (bmc_session_id, console_random_id, username)
  -- Look the user up by name only; administrator.
  local payload = string.pack("BBI2", 0, 0, 0) .. session_octets(bmc_session_id) .. console_random_id .. "\x14\0\0"
    .. string.pack("s1", string.sub(username, 1, 16))
  return packet(PAYLOADS.RAKP1, payload)
end

--- Reads the answer to <code>rakp_1_request</code> (13.21).
-- @param reply The packet.
-- @return Table with <code>session_payload_type</code>, <code>error_code</code>, <code>bmc_random_id</code>,
--         <code>bmc_guid</code> and <code>hmac_sha1</code> (octets); nil if it is something else.
function parse_rakp_1_reply (reply)
  local info, payload = parse_head(reply, PAYLOADS.RAKP2)
  if not info then return nil end
  if #payload >= 40 then
    info.console_session_id = string.unpack("<I4", payload, 5)
    info.bmc_random_id = string.sub(payload, 9, 24)
    info.bmc_guid = string.sub(payload, 25, 40)
    info.hmac_sha1 = string.sub(payload, 41, 60)
  end
  return info
end

--- Puts together what the controller's hash is made of (13.31).
-- @param console_session_id Our session's number.
-- @param bmc_session_id The controller's.
-- @param console_random_id Our random octets.
-- @param bmc_random_id The controller's.
-- @param bmc_guid The controller's identifier.
-- @param auth_level The privilege level that was asked for.
-- @param username The user.
-- @return The octets.
function rakp_hmac_sha1_salt (console_session_id, bmc_session_id, console_random_id, bmc_random_id, bmc_guid,
                              auth_level, username)
  return session_octets(console_session_id) .. session_octets(bmc_session_id) .. console_random_id
    .. bmc_random_id .. bmc_guid
    .. string.char(auth_level) .. string.pack("s1", username)
end

--- Checks a password against the controller's hash.
-- @param salt What <code>rakp_hmac_sha1_salt</code> made.
-- @param hash The controller's hash.
-- @param password The password.
-- @return True if it is that password.
function verify_rakp_hmac_sha1 (salt, hash, password)
  return openssl.hmac("sha1", password, salt) == hash
end

return _ENV
