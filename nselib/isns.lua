---
-- Internet Storage Name Service (iSNS, RFC 4171): listing the portals and nodes a server knows.
--
-- @usage
-- local helper = isns.Helper:new(host, port)
-- helper:connect()
-- local status, portals = helper:listPortals()
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local match = require "match"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("isns", stdnse.seeall)

local TIMEOUT_MS = 10000
local HEADER_LEN = 12
local PIECES_MAX = 100
local VERSION = 1
local DEVICE_ATTRIBUTE_QUERY = 0x0002
-- Flags (5.1.4): from a client, the first piece, the last one.
local FLAG_CLIENT, FLAG_LAST, FLAG_FIRST = 0x8000, 0x0800, 0x0400
local SOURCE = "iqn.control.node"
-- Attributes (6.1).
local PORTAL_ADDRESS, PORTAL_PORT, NODE_NAME, NODE_TYPE = 16, 17, 32, 33
-- What a node may be (6.4.2), a set of bits.
local NODE_TYPES = { { 0x04, "Control" }, { 0x02, "Initiator" }, { 0x01, "Target" } }

--- An attribute: a number and a value.
Attribute = {}
Attribute.__index = Attribute

--- Makes an attribute.
-- @param tag Its number.
-- @param val Its value. Default: none.
-- @return The attribute; <code>tostring</code> makes its octets.
function Attribute:new (tag, val) return setmetatable({ tag = tag, val = val or "" }, self) end

function Attribute:__tostring ()
  local value = self.val .. string.rep("\0", -#self.val % 4)
  return string.pack(">I4s4", self.tag, value)
end

--- A list of attributes.
Attributes = {}
Attributes.__index = Attributes

--- Makes an empty list.
-- @return The list; <code>tostring</code> makes its octets.
function Attributes:new () return setmetatable({}, self) end

--- Adds an attribute.
-- @param tag Its number.
-- @param val Its value. Default: none.
function Attributes:add (tag, val) self[#self + 1] = Attribute:new(tag, val) end

function Attributes:__tostring ()
  local parts = {}
  for i, attribute in ipairs(self) do parts[i] = tostring(attribute) end
  return table.concat(parts)
end

--- Reads a list.
-- @param data The octets.
-- @return The list, as far as it is whole.
function Attributes.parse (data)
  local list, pos = Attributes:new(), 1
  while pos + 7 <= #data do
    local tag, len, after = string.unpack(">I4I4", data, pos)
    if len > #data - after + 1 then break end
    list:add(tag, string.sub(data, after, after + len - 1))
    pos = after + len
  end
  return list
end

--- The header of a message.
Header = {}
Header.__index = Header

--- Makes a header.
-- @param func_id What the message is.
-- @param pdu_len How long it is without the header.
-- @param flags Flags.
-- @param trans_id A number the answer repeats.
-- @param seq_id The number of the piece.
-- @return The header; <code>tostring</code> makes its octets.
function Header:new (func_id, pdu_len, flags, trans_id, seq_id)
  return setmetatable({ version = VERSION, func_id = func_id, pdu_len = pdu_len, flags = flags, trans_id = trans_id,
    seq_id = seq_id }, self)
end

--- Reads a header.
-- @param data Its octets.
-- @return The header.
function Header.parse (data)
  local version, func_id, pdu_len, flags, trans_id, seq_id = string.unpack(">I2I2I2I2I2I2", data)
  local header = Header:new(func_id, pdu_len, flags, trans_id, seq_id)
  header.version = version
  return header
end

function Header:__tostring ()
  return string.pack(">I2I2I2I2I2I2", self.version, self.func_id, self.pdu_len, self.flags, self.trans_id, self.seq_id)
end

--- Questions.
Request = { DevAttrQry = {} }
Request.DevAttrQry.__index = Request.DevAttrQry

--- Makes a question for attributes of devices (5.6.5.2).
-- @param trans_id A number the answer repeats.
-- @param keys The attributes that say which devices, a list.
-- @param wanted The attributes to tell, a list.
-- @return The question; <code>tostring</code> makes its octets.
function Request.DevAttrQry:new (trans_id, keys, wanted)
  return setmetatable({ trans_id = trans_id, keys = keys, wanted = wanted }, self)
end

function Request.DevAttrQry:__tostring ()
  -- Who asks, which devices, a delimiter, what to tell.
  local source = Attribute:new(NODE_NAME, SOURCE .. "\0")
  local body = tostring(source) .. tostring(self.keys) .. tostring(Attribute:new(0)) .. tostring(self.wanted)
  local flags = FLAG_CLIENT | FLAG_LAST | FLAG_FIRST
  return tostring(Header:new(DEVICE_ATTRIBUTE_QUERY, #body, flags, self.trans_id, 0)) .. body
end

--- Answers.
Response = {}
Response.__index = Response

--- Reads an answer.
-- @param header Its header.
-- @param data The octets after the header.
-- @return The answer: a table with <code>header</code>, <code>error</code> (0 for none) and <code>attributes</code>,
--         those after the delimiter; nil if it is cut off.
function Response.parse (header, data)
  if #data < 4 then return nil end
  local response = setmetatable({ header = header, attributes = {} }, Response)
  response.error = string.unpack(">I4", data)
  local delimited = false
  for _, attribute in ipairs(Attributes.parse(string.sub(data, 5))) do
    if delimited then
      table.insert(response.attributes, attribute)
    elseif attribute.tag == 0 and attribute.val == "" then
      delimited = true
    end
  end
  return response
end

--- A connection.
Session = {}
Session.__index = Session

--- Makes a connection; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @return The connection.
function Session:new (host, port) return setmetatable({ host = host, port = port, trans_id = 0 }, self) end

--- Connects.
-- @return True, or false and an error.
function Session:connect ()
  self.socket = nmap.new_socket()
  self.socket:set_timeout(TIMEOUT_MS)
  return self.socket:connect(self.host, self.port)
end

--- Sends a question.
-- @param req The question.
-- @return True, or false and an error.
function Session:send (req) return self.socket:send(tostring(req)) end

--- Receives an answer, whose pieces are put together (5.1.4).
-- @return True and the answer, or false and an error.
function Session:receive ()
  local parts = {}
  for _ = 1, PIECES_MAX do
    local status, head = self.socket:receive_buf(match.numbytes(HEADER_LEN), true)
    if not status then return false, head end
    local header = Header.parse(head)
    if header.version ~= VERSION then return false, "the answer is none" end
    if header.pdu_len > 0 then
      local data
      status, data = self.socket:receive_buf(match.numbytes(header.pdu_len), true)
      if not status then return false, data end
      parts[#parts + 1] = data
    end
    if header.flags & FLAG_LAST ~= 0 then
      local response = Response.parse(header, table.concat(parts))
      if not response then return false, "the answer is cut off" end
      if response.error ~= 0 then return false, ("the server refuses (%d)"):format(response.error) end
      return true, response
    end
  end
  return false, "the answer has too many pieces"
end

--- Closes the connection.
-- @return True, or false and an error.
function Session:close () return self.socket:close() end

Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @param host The host table.
-- @param port The port table.
-- @return The helper.
function Helper:new (host, port) return setmetatable({ session = Session:new(host, port) }, self) end

--- Connects.
-- @return True, or false and an error.
function Helper:connect () return self.session:connect() end

-- The attributes asked for, in groups: a new one begins with the first attribute.
local function query (self, first, second)
  local keys, wanted = Attributes:new(), Attributes:new()
  keys:add(first)
  wanted:add(first)
  wanted:add(second)
  local session = self.session
  session.trans_id = session.trans_id % 0xffff + 1
  local status, answer = session:send(Request.DevAttrQry:new(session.trans_id, keys, wanted))
  if not status then return false, answer end
  status, answer = session:receive()
  if not status then return false, answer end
  local groups = {}
  for _, attribute in ipairs(answer.attributes) do
    if attribute.tag == first then groups[#groups + 1] = {} end
    local group = groups[#groups]
    if group then group[attribute.tag] = attribute.val end
  end
  return true, groups
end

--- Lists the portals.
-- @return True and a list of tables with <code>addr</code>, <code>port</code> and <code>proto</code>; or false and an
--         error.
function Helper:listPortals ()
  local status, groups = query(self, PORTAL_ADDRESS, PORTAL_PORT)
  if not status then return false, groups end
  local portals = {}
  for _, group in ipairs(groups) do
    local address, port = group[PORTAL_ADDRESS], group[PORTAL_PORT]
    if #address == 16 and port and #port == 4 then
      -- IP version 4 is in the last four octets (6.3.1); bit 16 of the port is for UDP (6.3.2).
      local mapped = string.match(address, "^" .. string.rep("%z", 10) .. "[%z\xff][%z\xff](....)$")
      local kind, number = string.unpack(">I2I2", port)
      portals[#portals + 1] = {
        addr = ipOps.str_to_ip(mapped or address),
        port = number,
        proto = kind & 1 ~= 0 and "udp" or "tcp",
      }
    end
  end
  return true, portals
end

--- Lists the nodes of iSCSI.
-- @return True and a list of tables with <code>name</code> and <code>type</code>; or false and an error.
function Helper:listISCINodes ()
  local status, groups = query(self, NODE_NAME, NODE_TYPE)
  if not status then return false, groups end
  local nodes = {}
  for _, group in ipairs(groups) do
    local kinds = {}
    local bits = group[NODE_TYPE] and #group[NODE_TYPE] == 4 and string.unpack(">I4", group[NODE_TYPE]) or 0
    for _, kind in ipairs(NODE_TYPES) do
      if bits & kind[1] ~= 0 then kinds[#kinds + 1] = kind[2] end
    end
    local name = string.match(group[NODE_NAME], "^%Z+")
    if name then nodes[#nodes + 1] = { name = name, type = table.concat(kinds, ", ") } end
  end
  return true, nodes
end

--- Closes the connection.
-- @return True, or false and an error.
function Helper:close () return self.session:close() end

return _ENV
