---
-- The Internet Key Exchange, version 1 (RFC 2408, RFC 2409): first messages, and what answers tell of the device.
--
-- @usage
-- local packet = ike.request(500, "udp", "Main", transforms, 2, "")
-- local answer = ike.send_request(host, port, packet)
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("ike", stdnse.seeall)

-- Payloads (RFC 2408, 3.1).
local SA, KEY_EXCHANGE, IDENTIFICATION, NONCE, NOTIFICATION, VENDOR_ID = 1, 4, 5, 10, 11, 13
local EXCHANGES = { Main = 2, Aggressive = 4 }
-- Octets of public values, by Diffie-Hellman group (RFC 2409, section 6; RFC 3526).
local GROUP_LEN = { [1] = 96, [2] = 128, [5] = 192, [14] = 256, [15] = 384, [16] = 512 }
local PAYLOADS_MAX = 64

-- Vendor identifiers that are hashes of known text or that devices were seen to send: beginning of the octets, product.
local function md5_id (text) return openssl.md5(text) end
local VENDORS = {
  { md5_id("MS NT5 ISAKMPOAKLEY"), "Microsoft Windows" },
  { md5_id("CISCO-UNITY"):sub(1, 14), "Cisco Unity" },
  { stdnse.fromhex("12f5f28c457168a9702d9fe274cc01"), "Cisco Unity" },
  { stdnse.fromhex("4f456c6a405d72544d42754d"), "strongSwan or Openswan" },
  { md5_id("strongSwan"), "strongSwan" },
  { stdnse.fromhex("f4ed19e0c114eb516faaac0ee37daf2807b4381f"), "Check Point VPN-1" },
  { stdnse.fromhex("166f932d55eb64d8e4df4fd37e2313f0d0fd8451"), "Juniper NetScreen" },
  { stdnse.fromhex("8299031757a36082c6a621de00"), "FortiGate" },
  { stdnse.fromhex("404bf439522ca3f6"), "SonicWall" },
}

-- Identifiers of extensions: they say what a device can, not what it is.
local EXTENSIONS = {
  { stdnse.fromhex("afcad71368a1f1c96b8696fc77570100"), "Dead Peer Detection v1.0" },
  { stdnse.fromhex("4a131c81070358455c5728f20e95452f"), "RFC 3947 NAT-T" },
  { stdnse.fromhex("90cb80913ebb696e086381b5ec427b1f"), "draft-ietf-ipsec-nat-t-ike-02" },
  { stdnse.fromhex("09002689dfd6b712"), "XAUTH" },
  { stdnse.fromhex("4048b7d56ebce88525e7de7f00d6c2d3"), "FRAGMENTATION" },
}

local function payload (following, content)
  return string.pack(">BBI2", following, 0, 4 + #content) .. content
end

-- RFC 2409, appendix A: encryption, hash, authentication, group and a life of 8 hours.
local ENCRYPTION = { ["DES"] = { 1 }, ["3DES"] = { 5 }, ["AES/128"] = { 7, 128 }, ["AES/192"] = { 7, 192 },
  ["AES/256"] = { 7, 256 } }
local HASHES = { MD5 = 1, SHA1 = 2, ["SHA2-256"] = 4, ["SHA2-384"] = 5, ["SHA2-512"] = 6 }
local METHODS = { PSK = 1, RSA = 3, Hybrid = 64221, XAUTH = 65001 }

local function attribute (kind, value) return string.pack(">I2I2", 0x8000 | kind, value) end

local function transform_payload (number, last, transform, group)
  local encryption = ENCRYPTION[transform.encryption] or ENCRYPTION["3DES"]
  local content = string.pack(">BBI2", number, 1, 0) .. attribute(1, encryption[1])
  if encryption[2] then content = content .. attribute(14, encryption[2]) end
  content = content .. attribute(2, HASHES[transform.hash] or HASHES.SHA1)
    .. attribute(3, METHODS[transform.auth] or METHODS.PSK) .. attribute(4, group) .. attribute(11, 1)
    .. string.pack(">I2I2I4", 12, 4, 28800)
  return payload(last and 0 or 3, content)
end

--- Makes a first message.
-- @param port The port it is for, for the identification.
-- @param proto The protocol: <code>udp</code> or <code>tcp</code>.
-- @param mode <code>Main</code> or <code>Aggressive</code>.
-- @param transforms A list of tables with <code>encryption</code>, <code>hash</code> and <code>auth</code>.
-- @param diffie The Diffie-Hellman group.
-- @param id The identification, for aggressive mode.
-- @return The octets.
function request (port, proto, mode, transforms, diffie, id)
  local group = tonumber(diffie) or 2
  local list = {}
  for i, transform in ipairs(transforms) do list[i] = transform_payload(i, i == #transforms, transform, group) end
  local proposal = payload(0, string.pack("BBBB", 1, 1, 0, #transforms) .. table.concat(list))
  local sa = string.pack(">I4I4", 1, 1) .. proposal
  local body
  if mode == "Aggressive" then
    local identification = string.pack(">BBI2", 3, proto == "tcp" and 6 or 17, port) .. (id or "")
    body = payload(KEY_EXCHANGE, sa) .. payload(NONCE, openssl.rand_bytes(GROUP_LEN[group] or 128))
      .. payload(IDENTIFICATION, openssl.rand_bytes(20)) .. payload(0, identification)
  else
    body = payload(0, sa)
  end
  return openssl.rand_bytes(8) .. string.rep("\0", 8)
    .. string.pack(">BBBBI4I4", SA, 0x10, EXCHANGES[mode] or EXCHANGES.Main, 0, 0, 28 + #body) .. body
end

-- The payloads of a message: kinds and contents, nil if it is no message.
local function payloads_of (packet)
  if #packet < 28 then return nil end
  local kind, _, exchange = string.byte(packet, 17, 19)
  local list, pos = {}, 29
  while kind ~= 0 and #list < PAYLOADS_MAX do
    if pos + 3 > #packet then break end
    local following, _, len = string.unpack(">BBI2", packet, pos)
    if len < 4 or pos + len - 1 > #packet then break end
    list[#list + 1] = { kind = kind, content = string.sub(packet, pos + 4, pos + len - 1) }
    kind, pos = following, pos + len
  end
  return list, exchange
end

local function lookup (list, id)
  for _, known in ipairs(list) do
    if string.sub(id, 1, #known[1]) == known[1] then return known end
  end
  return nil
end

--- Reads an answer.
-- @param packet The octets.
-- @return Table with <code>mode</code>, <code>vids</code> (identifiers in hexadecimal), <code>info</code>
--         (<code>vendor</code> with <code>name</code> and <code>version</code>, <code>attribs</code>, a list of tables
--         with <code>text</code>) and <code>success</code>; nil if it is none.
function response (packet)
  local list, exchange = payloads_of(packet)
  if not list then return nil end
  local result = { success = false, vids = {}, info = { vendor = nil, attribs = {} } }
  result.mode = exchange == EXCHANGES.Main and "Main" or exchange == EXCHANGES.Aggressive and "Aggressive"
    or "Informational"
  for _, one in ipairs(list) do
    if one.kind == SA then
      result.success = true
    elseif one.kind == NOTIFICATION then
      result.notification = #one.content >= 8 and string.unpack(">I2", one.content, 7) or nil
    elseif one.kind == VENDOR_ID then
      result.vids[#result.vids + 1] = stdnse.tohex(one.content)
      local vendor, extension = lookup(VENDORS, one.content), lookup(EXTENSIONS, one.content)
      if vendor and not result.info.vendor then result.info.vendor = { name = vendor[2], version = vendor[3] } end
      if extension then table.insert(result.info.attribs, { text = extension[2] }) end
    end
  end
  return result
end

--- Sends a message and waits for the answer. Many devices answer to the protocol's own port only.
-- @param host The host table.
-- @param port The port table.
-- @param packet The message.
-- @return The answer, see <code>response</code>; an empty table if none came.
function send_request (host, port, packet)
  local socket = nmap.new_socket("udp")
  if nmap.is_privileged() then socket:bind(nil, 500) end
  socket:set_timeout(math.max(stdnse.get_timeout(host), 1000))
  local status, data = socket:connect(host, port, "udp")
  if status then status, data = socket:send(packet) end
  if status then status, data = socket:receive() end
  socket:close()
  -- The answer repeats our cookie.
  if not status or string.sub(data, 1, 8) ~= string.sub(packet, 1, 8) then return {} end
  return response(data) or {}
end

return _ENV
