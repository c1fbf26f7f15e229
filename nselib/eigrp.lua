---
-- Enhanced Interior Gateway Routing Protocol (EIGRP, RFC 7868): messages that routers send each other, made and read.
--
-- @usage
-- local hello = eigrp.EIGRP:new(eigrp.OPCODE.HELLO, 1)
-- hello:addTLV({ type = eigrp.TLV.PARAM, k = { 1, 0, 1, 0, 0, 0 }, htime = 15 })
-- local octets = tostring(hello)
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("eigrp", stdnse.seeall)

local VERSION, HEADER_LEN = 2, 20
local TLVS_MAX = 1000

--- Kinds of messages (RFC 7868, 6.2).
OPCODE = { UPDATE = 1, REQUEST = 2, QUERY = 3, REPLY = 4, HELLO = 5, SIAQUERY = 10, SIAREPLY = 11 }

--- Kinds of what they hold (6.6, 6.8).
TLV = { PARAM = 0x0001, AUTH = 0x0002, SEQ = 0x0003, SWVER = 0x0004, MSEQ = 0x0005, PEERTERM = 0x0007, STUB = 0x0006,
  INT = 0x0102, EXT = 0x0103, COM = 0x0104, INT6 = 0x0402, EXT6 = 0x0403, COM6 = 0x0404 }

--- Where a route came from before (6.8.3.3).
EXT_PROTO = { NULL = 0, IGRP = 1, EIGRP = 2, Static = 3, RIP = 4, HELLO = 5, OSPF = 6, ISIS = 7, EGP = 8, BGP = 9,
  IDRP = 10, Connected = 11 }

--- Whether something is a route.
-- @param tlvtype Its kind.
-- @return True or false.
function isRoutingTLV (tlvtype)
  return tlvtype == TLV.INT or tlvtype == TLV.EXT or tlvtype == TLV.INT6 or tlvtype == TLV.EXT6
end

local function checksum (data)
  if #data % 2 == 1 then data = data .. "\0" end
  local sum = 0
  for pos = 1, #data, 2 do sum = sum + string.unpack(">I2", data, pos) end
  while sum > 0xffff do sum = (sum & 0xffff) + (sum >> 16) end
  return ~sum & 0xffff
end

--- A message.
EIGRP = {}
EIGRP.__index = EIGRP

--- Makes a message.
-- @param opcode What it is.
-- @param as The number of the autonomous system.
-- @param routerid The virtual router's number. Default: 0.
-- @param flags Flags. Default: none.
-- @param seq The message's number. Default: 0.
-- @param ack The number of the message that it answers. Default: 0.
-- @param checksum The sum. Default: worked out.
-- @param tlvs A list of what it holds.
-- @return The message; <code>tostring</code> makes its octets.
function EIGRP:new (opcode, as, routerid, flags, seq, ack, checksum, tlvs)
  return setmetatable({ ver = VERSION, opcode = opcode, as = tonumber(as) or 0, routerid = routerid or 0,
    flags = flags or 0, seq = seq or 0, ack = ack or 0, checksum = checksum, tlvs = tlvs or {} }, self)
end

--- Sets the version.
-- @param ver The version.
function EIGRP:setVersion (ver) self.ver = ver end

--- Sets what the message is.
-- @param opcode One of <code>OPCODE</code>.
function EIGRP:setOpcode (opcode) self.opcode = opcode end

--- Sets the flags.
-- @param flags The flags.
function EIGRP:setFlags (flags) self.flags = flags end

--- Sets the sum.
-- @param checksum The sum.
function EIGRP:setChecksum (checksum) self.checksum = checksum end

--- Adds something for the message to hold.
-- @param tlv A table with <code>type</code>; for parameters <code>k</code>, a list of six weights, and
--            <code>htime</code>, seconds; for versions <code>majv</code>, <code>minv</code>, <code>majtlv</code> and
--            <code>mintlv</code>; for others <code>data</code>.
function EIGRP:addTLV (tlv) self.tlvs[#self.tlvs + 1] = tlv end

local function encode (tlv)
  local data = tlv.data or ""
  if tlv.type == TLV.PARAM then
    local k = tlv.k or {}
    data = string.pack(">BBBBBBI2", k[1] or 1, k[2] or 0, k[3] or 1, k[4] or 0, k[5] or 0, k[6] or 0, tlv.htime or 15)
  elseif tlv.type == TLV.SWVER then
    data = string.pack("BBBB", tlv.majv or 0, tlv.minv or 0, tlv.majtlv or 1, tlv.mintlv or 2)
  end
  return string.pack(">I2I2", tlv.type, 4 + #data) .. data
end

function EIGRP:__tostring ()
  local parts = {}
  for i, tlv in ipairs(self.tlvs) do parts[i] = encode(tlv) end
  local body = table.concat(parts)
  local function whole (sum)
    return string.pack(">BBI2I4I4I4I2I2", self.ver, self.opcode, sum, self.flags, self.seq, self.ack, self.routerid,
      self.as) .. body
  end
  return whole(self.checksum or checksum(whole(0)))
end

-- What a route costs (6.8.1): from here to there.
local function read_metric (tlv, data, pos)
  tlv.delay, tlv.bandwidth, tlv.mtu, tlv.hopcount, tlv.reliability, tlv.load, tlv.tag, tlv.flags, pos =
    string.unpack(">I4I4I3BBBBB", data, pos)
  return pos
end

-- Where a route leads: the length of the prefix and as many octets as it needs (6.8.2.1).
local function read_destination (tlv, data, pos, size)
  local mask = string.byte(data, pos) or error("cut off")
  local len = math.min((mask + 7) // 8, size)
  local octets = string.unpack("c" .. len, data, pos + 1)
  tlv.mask, tlv.dst = mask, ipOps.str_to_ip(octets .. string.rep("\0", size - len))
end

-- What the octets of each kind mean. The functions may raise.
local READERS = {
  [TLV.PARAM] = function (tlv, data)
    tlv.k = { string.unpack("BBBBBB", data) }
    tlv.k[7] = nil
    tlv.htime = string.unpack(">I2", data, 7)
  end,
  [TLV.SWVER] = function (tlv, data) tlv.majv, tlv.minv, tlv.majtlv, tlv.mintlv = string.unpack("BBBB", data) end,
  [TLV.INT] = function (tlv, data)
    tlv.nexthop = ipOps.str_to_ip((string.unpack("c4", data)))
    read_destination(tlv, data, read_metric(tlv, data, 5), 4)
  end,
  [TLV.EXT] = function (tlv, data)
    local nexthop, origin, pos
    nexthop, origin, tlv.oas, tlv.tag_external, tlv.emetric, tlv.eproto, tlv.eflags, pos =
      string.unpack(">c4c4I4I4I4xxBB", data)
    tlv.nexthop, tlv.orouterid = ipOps.str_to_ip(nexthop), ipOps.str_to_ip(origin)
    read_destination(tlv, data, read_metric(tlv, data, pos), 4)
  end,
  [TLV.INT6] = function (tlv, data)
    tlv.nexthop = ipOps.str_to_ip((string.unpack("c16", data)))
    read_destination(tlv, data, read_metric(tlv, data, 17), 16)
  end,
}

--- Reads a message.
-- @param eigrp_raw Its octets.
-- @return The message, whose <code>tlvs</code> are a list of tables with <code>type</code>, <code>data</code> and what
--         their kind has: see <code>addTLV</code>, and for routes <code>nexthop</code>, <code>dst</code>,
--         <code>mask</code> and the parts of what it costs; nil if it is none.
function EIGRP.parse (eigrp_raw)
  if type(eigrp_raw) ~= "string" or #eigrp_raw < HEADER_LEN then return nil end
  local ver, opcode, sum, flags, seq, ack, routerid, as, pos = string.unpack(">BBI2I4I4I4I2I2", eigrp_raw)
  if ver ~= VERSION then return nil end
  local parsed = EIGRP:new(opcode, as, routerid, flags, seq, ack, sum)
  while pos + 3 <= #eigrp_raw and #parsed.tlvs < TLVS_MAX do
    local kind, len = string.unpack(">I2I2", eigrp_raw, pos)
    if len < 4 or pos + len - 1 > #eigrp_raw then break end
    local tlv = { type = kind, length = len, data = string.sub(eigrp_raw, pos + 4, pos + len - 1) }
    local read = READERS[kind]
    if read and not pcall(read, tlv, tlv.data) then stdnse.debug1("EIGRP: a part is malformed (%d)", kind) end
    parsed.tlvs[#parsed.tlvs + 1] = tlv
    pos = pos + len
  end
  return parsed
end

return _ENV
