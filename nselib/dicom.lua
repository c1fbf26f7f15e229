---
-- DICOM's upper layer (PS3.8): asking for an association.
--
-- @usage
-- local status, err, version, vendor = dicom.associate(host, port)
--
-- @args dicom.called_aet The name of the called application. Default: <code>ANY-SCP</code>.
-- @args dicom.calling_aet The name of the calling one. Default: <code>ECHOSCU</code>.
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("dicom", stdnse.seeall)

local TIMEOUT_MS = 3000
local PDU_LEN_MAX = 1048576

--- Kinds of packets (9.3.1).
-- @class table
-- @name PDU_CODES
PDU_CODES = {
  ASSOCIATE_REQUEST = 0x01, ASSOCIATE_ACCEPT = 0x02, ASSOCIATE_REJECT = 0x03, DATA = 0x04, RELEASE_REQUEST = 0x05,
  RELEASE_RESPONSE = 0x06, ABORT = 0x07,
}

--- Connects.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
-- @return A table with <code>socket</code>, or an error.
function start_connection (host, port)
  local dcm = { socket = nmap.new_socket() }
  dcm.socket:set_timeout(TIMEOUT_MS)
  local status, err = dcm.socket:connect(host, port, "tcp")
  if not status then
    dcm.socket:close()
    return false, "DICOM: Failed to connect to host: " .. tostring(err)
  end
  return true, dcm
end

--- Sends bytes.
-- @param dcm What <code>start_connection</code> returned.
-- @param data The bytes.
-- @return True or false.
-- @return An error.
function send (dcm, data)
  if not dcm.socket then return false, "No socket is open" end
  return dcm.socket:send(data)
end

--- Reads a packet.
-- @param dcm What <code>start_connection</code> returned.
-- @return True or false.
-- @return The packet, its head included; or an error.
function receive (dcm)
  local status, head = dcm.socket:receive_buf(match.numbytes(6), true)
  if not status then return false, head end
  local _, len = string.unpack(">BxI4", head)
  if len > PDU_LEN_MAX then return false, "the packet is too long" end
  if len == 0 then return true, head end
  local received, body = dcm.socket:receive_buf(match.numbytes(len), true)
  if not received then return false, body end
  return true, head .. body
end

--- Makes the head of a packet.
-- @param pdu_type The kind.
-- @param length The length of what follows.
-- @return True or false.
-- @return The bytes, or an error.
function pdu_header_encode (pdu_type, length)
  if math.type(pdu_type) ~= "integer" or pdu_type < 0 or pdu_type > 255 then return false, "PDU Type must be an unsigned integer" end
  if math.type(length) ~= "integer" or length < 0 or length > 0xffffffff then return false, "Length must be an unsigned integer" end
  return true, string.pack(">BxI4", pdu_type, length)
end

--- Sends data in a packet.
-- @param dicom What <code>start_connection</code> returned.
-- @param data The data.
-- @return True or false.
-- @return An error.
function send_pdata (dicom, data)
  local status, head = pdu_header_encode(PDU_CODES.DATA, #data)
  if not status then return false, head end
  return send(dicom, head .. data)
end

local function item (kind, data)
  return string.pack(">BxI2", kind, #data) .. data
end

local function padded (name)
  return string.sub(name, 1, 16) .. (" "):rep(16 - #name)
end

-- The names of objects (PS3.6, annex A): the application's context, asking whether anybody is there, the plainest encoding.
local APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
local VERIFICATION = "1.2.840.10008.1.1"
local IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
-- A name made of a random number (PS3.5, B.2).
local IMPLEMENTATION = "2.25.171238467120983467"

local function request (calling, called)
  local context = item(0x20, "\1\0\0\0" .. item(0x30, VERIFICATION) .. item(0x40, IMPLICIT_LITTLE_ENDIAN))
  local user = item(0x50, item(0x51, string.pack(">I4", 16384)) .. item(0x52, IMPLEMENTATION) .. item(0x55, "PERILUNE"))
  return "\0\1\0\0" .. padded(called) .. padded(calling) .. ("\0"):rep(32) .. item(0x10, APPLICATION_CONTEXT) .. context .. user
end

-- The names of the implementation in an acceptance.
local function implementation (body)
  local pos = 69
  while pos + 3 <= #body do
    local kind, len, start = string.unpack(">BxI2", body, pos)
    if kind == 0x50 then
      local stop, class, version = math.min(start + len, #body + 1), nil, nil
      local at = start
      while at + 3 < stop do
        local inner, size, from = string.unpack(">BxI2", body, at)
        local value = string.match(string.sub(body, from, from + size - 1), "^[%g ]*")
        if inner == 0x52 then class = value end
        if inner == 0x55 then version = value end
        at = from + size
      end
      return version, class
    end
    pos = start + len
  end
end

--- Asks for an association.
-- @param host The host table.
-- @param port The port table.
-- @param calling_aet The name of the calling application.
-- @param called_aet The name of the called one.
-- @return True if it is accepted; false if it is rejected or the other side does not speak DICOM; nil if there is no
--         connection.
-- @return An error; for a rejection <code>ASSOCIATE REJECT received</code>.
-- @return The version's name.
-- @return The name of the implementation's class.
function associate (host, port, calling_aet, called_aet)
  calling_aet = calling_aet or (stdnse.get_script_args("dicom.calling_aet")) or "ECHOSCU"
  called_aet = called_aet or (stdnse.get_script_args("dicom.called_aet")) or "ANY-SCP"
  local status, dcm = start_connection(host, port)
  if not status then return nil, dcm end
  local body = request(calling_aet, called_aet)
  local _, head = pdu_header_encode(PDU_CODES.ASSOCIATE_REQUEST, #body)
  local answer
  status, answer = send(dcm, head .. body)
  if status then status, answer = receive(dcm) end
  dcm.socket:close()
  if not status then return false, "Couldn't read ASSOCIATE response: " .. tostring(answer) end
  local kind = string.byte(answer)
  if kind == PDU_CODES.ASSOCIATE_ACCEPT and #answer >= 74 then
    return true, nil, implementation(string.sub(answer, 7))
  elseif kind == PDU_CODES.ASSOCIATE_REJECT then
    return false, "ASSOCIATE REJECT received"
  end
  return false, "Received unknown response"
end

return _ENV
