---
-- KNXnet/IP (ISO 22510, "KNX Standard" 3/8): asking for gateways and what they are.
--
-- @usage
-- local question = knx.query(0x0203, local_address, local_port)
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("knx", stdnse.seeall)

local HEADER_LEN, VERSION = 6, 0x10

--- Names of the service families a device may have (3/8/2, 7.5.4.3).
knxServiceFamilies = {
  [0x02] = "KNXnet/IP Core", [0x03] = "KNXnet/IP Device Management", [0x04] = "KNXnet/IP Tunnelling",
  [0x05] = "KNXnet/IP Routing", [0x06] = "KNXnet/IP Remote Logging",
  [0x07] = "KNXnet/IP Remote Configuration and Diagnosis", [0x08] = "KNXnet/IP Object Server",
  [0x09] = "KNXnet/IP Security",
}

--- Names of the blocks in a description (7.5.4.1).
knxDibDescriptionTypes = {
  [0x01] = "DEVICE_INFO", [0x02] = "SUPP_SVC_FAMILIES", [0x03] = "IP_CONFIG", [0x04] = "IP_CUR_CONFIG",
  [0x05] = "KNX_ADDRESSES", [0xfe] = "MFR_DATA",
}

--- Names of media (7.5.4.2).
knxMediumTypes = {
  [0x01] = "reserved", [0x02] = "KNX TP1", [0x04] = "KNX PL110", [0x08] = "reserved", [0x10] = "KNX RF", [0x20] = "KNX IP",
}

--- Makes a question, with the address that answers shall go to (7.5.1, 7.6).
-- @param service What is asked: 0x0201 for a search, 0x0203 for a description.
-- @param ip_address The address.
-- @param port The port's number.
-- @return Octets.
function query (service, ip_address, port)
  -- An address with its length and kind: 1 is UDP over IP version 4.
  local endpoint = string.pack(">BBc4I2", 8, 1, ipOps.ip_to_str(ip_address), port)
  return string.pack(">BBI2I2", HEADER_LEN, VERSION, service, HEADER_LEN + #endpoint) .. endpoint
end

--- Reads the header of a message.
-- @param knxMessage The octets.
-- @return The header's length, the protocol's version, what the message is, its whole length, and the position after
--         the header; nil if it is none.
function parseHeader (knxMessage)
  if #knxMessage < HEADER_LEN then return nil end
  local header_len, version, service, total, pos = string.unpack(">BBI2I2", knxMessage)
  if header_len ~= HEADER_LEN or version ~= VERSION or total ~= #knxMessage then return nil end
  return header_len, version, service, total, pos
end

--- Shows the address of a device: area, line, device (3/3/2, 1.4).
-- @param addr The number.
-- @return Text.
function parseKnxAddress (addr)
  return ("%d.%d.%d"):format(addr >> 12 & 0xf, addr >> 8 & 0xf, addr & 0xff)
end

return _ENV
