---
-- The Service Location Protocol, version 2 (RFC 2608).
--
-- @usage
-- local helper = srvloc.Helper:new(host, port)
-- local status, urls = helper:ServiceRequest("service:printer")
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("srvloc", stdnse.seeall)

local VERSION = 2
local FLAG_MULTICAST = 0x2000
local TIMEOUT_MS, ANSWERS_MAX, URLS_MAX = 3000, 100, 1000

--- Functions (RFC 2608, section 8).
-- @class table
-- @name PacketFunction
PacketFunction = {
  SERVICE_REQUEST = 1, SERVICE_REPLY = 2, ATTRIBUTE_REQUEST = 6, ATTRIBUTE_REPLY = 7, SERVICE_TYPE_REQUEST = 9,
  SERVICE_TYPE_REPLY = 10,
}

-- The header: version, function, length, flags, no extension, a number, the language.
local function encode_packet (number, flags, xid, body)
  local language = string.pack(">s2", "en")
  local size = 12 + #language + #body
  return string.pack(">BBI3I2I3I2", VERSION, number, size, flags, 0, xid) .. language .. body
end

local function text (value) return string.pack(">s2", value or "") end

Request = { Service = {}, Attributes = {} }

local function request_class (class, number, encode)
  class.__index = class
  function class.__tostring (self) return encode_packet(number, self.flags or 0, self.xid, encode(self)) end
end

request_class(Request.Service, PacketFunction.SERVICE_REQUEST, function (self)
  -- Who answered before, the type, the scopes, a condition, who signs.
  return text("") .. text(self.srvtype) .. text(self.scope) .. text("") .. text("")
end)

--- Makes a request for services.
-- @param scope The scope.
-- @param srvtype The kind of services.
-- @return The request.
function Request.Service:new (scope, srvtype)
  return setmetatable({ scope = scope, srvtype = srvtype, xid = math.random(1, 0xffff) }, self)
end

request_class(Request.Attributes, PacketFunction.ATTRIBUTE_REQUEST, function (self)
  return text("") .. text(self.url) .. text(self.scope) .. text(self.taglist) .. text("")
end)

--- Makes a request for attributes.
-- @param scope The scope.
-- @param url The service.
-- @param taglist The attributes wanted, empty for all.
-- @return The request.
function Request.Attributes:new (scope, url, taglist)
  return setmetatable({ scope = scope, url = url, taglist = taglist, xid = math.random(1, 0xffff) }, self)
end

Reply = { Service = {}, Attributes = {} }

-- The function, the number and where the content begins, nil if it is no packet.
local function read_header (data)
  if #data < 16 or string.byte(data, 1) ~= VERSION then return nil end
  local number, xid = string.byte(data, 2), string.unpack(">I2", data, 11)
  local language_len = string.unpack(">I2", data, 13)
  local pos = 15 + language_len
  if pos + 1 > #data then return nil end
  return number, xid, pos
end

local function read_text (data, pos)
  if pos + 1 > #data then return nil end
  local len = string.unpack(">I2", data, pos)
  if pos + 1 + len > #data then return nil end
  return string.unpack(">s2", data, pos)
end

--- Reads an answer with services (section 8.2).
-- @param data The octets.
-- @return Table with <code>error_code</code>, <code>xid</code> and <code>urls</code>, a list of tables with
--         <code>url</code> and <code>lifetime</code>; nil if it is something else.
function Reply.Service.parse (data)
  local number, xid, pos = read_header(data)
  if number ~= PacketFunction.SERVICE_REPLY or pos + 3 > #data then return nil end
  local reply = { xid = xid, urls = {} }
  local count
  reply.error_code, count, pos = string.unpack(">I2I2", data, pos)
  for _ = 1, math.min(count, URLS_MAX) do
    if pos + 2 > #data then break end
    local lifetime = string.unpack(">I2", data, pos + 1)
    local url, after = read_text(data, pos + 3)
    if not url then break end
    reply.urls[#reply.urls + 1] = { url = url, lifetime = lifetime }
    -- Signatures are passed over.
    local signatures = string.byte(data, after)
    pos = after + 1
    for _ = 1, signatures or 0 do
      if pos + 3 > #data then break end
      pos = pos + string.unpack(">I2", data, pos + 2)
    end
  end
  return reply
end

--- Reads an answer with attributes (section 10.4).
-- @param data The octets.
-- @return Table with <code>error_code</code>, <code>xid</code> and <code>attributes</code>, text; nil if it is
--         something
--         else.
function Reply.Attributes.parse (data)
  local number, xid, pos = read_header(data)
  if number ~= PacketFunction.ATTRIBUTE_REPLY or pos + 1 > #data then return nil end
  local code, after = string.unpack(">I2", data, pos)
  return { xid = xid, error_code = code, attributes = read_text(data, after) or "" }
end

Helper = {}

--- Makes a helper.
-- @param host The host table or an address.
-- @param port The port table or a number.
-- @return The helper.
function Helper:new (host, port)
  local o = { host = host, port = port, socket = nmap.new_socket("udp") }
  o.socket:set_timeout(TIMEOUT_MS)
  setmetatable(o, self)
  self.__index = self
  return o
end

local function is_group (address)
  local first = tonumber(string.match(address, "^(%d+)%."))
  return first and (first >= 224 or first == 255) or string.find(address, "^[fF][fF]") ~= nil
end

-- Sends a request and collects the answers until nobody answers any more; one answer of one host is enough.
local function exchange (helper, request, parse)
  local address = type(helper.host) == "table" and helper.host.ip or helper.host
  local port = type(helper.port) == "table" and helper.port.number or helper.port
  local several = is_group(address)
  request.flags = several and FLAG_MULTICAST or 0
  local status, err = helper.socket:sendto(address, port, tostring(request))
  if not status then return nil, err end
  local replies = {}
  while #replies < ANSWERS_MAX do
    local data
    status, data = helper.socket:receive()
    if not status then break end
    local reply = parse(data)
    if reply and reply.xid == request.xid then
      replies[#replies + 1] = reply
      if not several then break end
    end
  end
  if #replies == 0 then return nil, "no answer" end
  return replies
end

--- Asks for services of a kind.
-- @param srvtype The kind, as <code>"service:printer"</code>.
-- @param scope The scope. Default: <code>default</code>.
-- @return True and a list of URLs, or false and an error.
function Helper:ServiceRequest (srvtype, scope)
  local replies, err = exchange(self, Request.Service:new(scope or "default", srvtype), Reply.Service.parse)
  if not replies then return false, err end
  local urls = {}
  for _, reply in ipairs(replies) do
    if reply.error_code == 0 then
      for _, entry in ipairs(reply.urls) do urls[#urls + 1] = entry.url end
    end
  end
  if #urls == 0 then return false, "no services" end
  return true, urls
end

--- Asks for the attributes of a service.
-- @param url The service.
-- @param scope The scope. Default: <code>default</code>.
-- @param taglist The attributes wanted. Default: all.
-- @return True and the text, or false and an error.
function Helper:AttributeRequest (url, scope, taglist)
  local replies, err = exchange(self, Request.Attributes:new(scope or "default", url, taglist), Reply.Attributes.parse)
  if not replies then return false, err end
  local parts = {}
  for _, reply in ipairs(replies) do
    if reply.error_code == 0 then parts[#parts + 1] = reply.attributes end
  end
  if #parts == 0 then return false, "no attributes" end
  return true, table.concat(parts, ",")
end

--- Ends it.
-- @return True, or false and an error.
function Helper:close () return self.socket:close() end

return _ENV
