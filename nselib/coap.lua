---
-- The Constrained Application Protocol (RFC 7252).
--
-- @usage
-- local helper = coap.Helper:new(host, port)
-- local status, response = helper:connect({ uri = "/.well-known/core" })
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local nmap = require "nmap"
local rand = require "rand"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("coap", stdnse.seeall)

-- Section 4.8: two seconds, twice as long each time, four times more. Two are enough here.
local FIRST_TIMEOUT_MS, TRIES = 2000, 3
-- Blocks of a payload (RFC 7959): what is put together at most.
local BLOCKS_MAX = 1024

COAP = {}

--- The port.
COAP.port = 5683

-- Types of messages (section 3).
COAP.types = { confirmable = 0, non_confirmable = 1, acknowledgement = 2, reset = 3 }

-- Codes: class and detail (section 12.1).
COAP.codes = {
  ping = 0x00, get = 0x01, post = 0x02, put = 0x03, delete = 0x04,
  created = 0x41, deleted = 0x42, valid = 0x43, changed = 0x44, content = 0x45, continue = 0x5f,
  bad_request = 0x80, unauthorized = 0x81, bad_option = 0x82, forbidden = 0x83, not_found = 0x84,
  method_not_allowed = 0x85, not_acceptable = 0x86, request_entity_incomplete = 0x88, precondition_failed = 0x8c,
  request_entity_too_large = 0x8d, unsupported_content_format = 0x8f, internal_server_error = 0xa0,
  not_implemented = 0xa1, bad_gateway = 0xa2, service_unavailable = 0xa3, gateway_timeout = 0xa4,
  proxying_not_supported = 0xa5,
}

-- Options (sections 5.10 and 12.2; RFC 7959): number and kind of value.
local OPTIONS = {
  if_match = { 1, "octets" }, uri_host = { 3, "text" }, etag = { 4, "octets" }, if_none_match = { 5, "empty" },
  observe = { 6, "number" }, uri_port = { 7, "number" }, location_path = { 8, "path" }, uri_path = { 11, "path" },
  content_format = { 12, "format" }, max_age = { 14, "number" }, uri_query = { 15, "query" }, accept = { 17, "format" },
  location_query = { 20, "query" }, block2 = { 23, "number" }, block1 = { 27, "number" }, size2 = { 28, "number" },
  proxy_uri = { 35, "text" }, proxy_scheme = { 39, "text" }, size1 = { 60, "number" },
}

-- Formats of payloads (section 12.3).
local FORMATS = {
  ["text/plain"] = 0, ["application/link-format"] = 40, ["application/xml"] = 41, ["application/octet-stream"] = 42,
  ["application/exi"] = 47, ["application/json"] = 50, ["application/cbor"] = 60,
}

local function invert (list)
  local names = {}
  for name, value in pairs(list) do names[type(value) == "table" and value[1] or value] = name end
  return names
end

local TYPE_NAMES, CODE_NAMES, OPTION_NAMES = invert(COAP.types), invert(COAP.codes), invert(OPTIONS)
local FORMAT_NAMES = invert(FORMATS)

-- A number in as few octets as it needs, none for 0 (section 3.2).
local function encode_number (number)
  local bytes = string.gsub(string.pack(">I4", number), "^%z+", "")
  return bytes
end

-- A path and a query are several options: one for each part.
local function values_of (kind, value)
  if kind == "number" or kind == "format" then return { encode_number(FORMATS[value] or value) } end
  if kind == "empty" then return { "" } end
  if kind == "text" or kind == "octets" then return { value } end
  if type(value) == "table" then return value end
  local parts = {}
  for part in string.gmatch(value, kind == "path" and "[^/]+" or "[^&]+") do parts[#parts + 1] = part end
  return parts
end

-- A difference or a length above 12 goes on in one or two octets (section 3.1).
local function nibble (number)
  if number < 13 then return number, "" end
  if number < 269 then return 13, string.char(number - 13) end
  return 14, string.pack(">I2", number - 269)
end

local function encode_options (options)
  local list = {}
  local function add (name, value)
    local known = OPTIONS[name]
    for _, bytes in ipairs(known and values_of(known[2], value) or {}) do
      list[#list + 1] = { known[1], bytes, #list }
    end
  end
  for name, value in pairs(options or {}) do
    if type(name) == "number" then add(value.name, value.value) else add(name, value) end
  end
  table.sort(list, function (a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[3] < b[3]
  end)
  local parts, before = {}, 0
  for i, option in ipairs(list) do
    local delta, delta_more = nibble(option[1] - before)
    local len, len_more = nibble(#option[2])
    parts[i] = string.char(delta << 4 | len) .. delta_more .. len_more .. option[2]
    before = option[1]
  end
  return table.concat(parts)
end

--- Makes messages.
COAP.header = {}

--- Makes a message.
-- @param options Table with <code>type</code> and <code>code</code> (names), <code>id</code>, <code>token</code>, and
--                <code>options</code>, values by name or a list of tables with <code>name</code> and
--                <code>value</code>.
-- @param payload Octets, or nil.
-- @return The message's octets, or nil and an error.
function COAP.header.build (options, payload)
  local kind = COAP.types[options.type or "confirmable"]
  local code = type(options.code) == "number" and options.code or COAP.codes[options.code or "get"]
  if not kind or not code then return nil, "unknown type or code" end
  local token = options.token or ""
  if #token > 8 then return nil, "the token is too long" end
  return string.pack(">BBI2", 0x40 | kind << 4 | #token, code, options.id or math.random(0, 0xffff)) .. token
    .. encode_options(options.options) .. (payload and payload ~= "" and "\xff" .. payload or "")
end

local function read_extended (data, pos, value)
  if value < 13 then return value, pos end
  if value == 13 then
    local more = string.byte(data, pos)
    return more and more + 13, pos + 1
  end
  if value == 15 or pos + 1 > #data then return nil end
  return string.unpack(">I2", data, pos) + 269, pos + 2
end

local function decode_value (kind, bytes)
  if kind ~= "number" and kind ~= "format" then return bytes end
  if #bytes > 8 then return nil end
  local number = #bytes > 0 and string.unpack(">I" .. #bytes, bytes) or 0
  return kind == "format" and FORMAT_NAMES[number] or number
end

-- The options of a message, and where its payload begins.
local function decode_options (data, pos)
  local options, number = {}, 0
  while pos <= #data and string.byte(data, pos) ~= 0xff do
    local first = string.byte(data, pos)
    local delta, len
    delta, pos = read_extended(data, pos + 1, first >> 4)
    if not delta then return nil end
    len, pos = read_extended(data, pos, first & 0xf)
    if not len or pos + len - 1 > #data then return nil end
    number = number + delta
    local name = OPTION_NAMES[number] or ("option_%d"):format(number)
    local kind = OPTIONS[name] and OPTIONS[name][2] or "octets"
    options[#options + 1] = { name = name, value = decode_value(kind, string.sub(data, pos, pos + len - 1)) }
    pos = pos + len
  end
  return options, pos + 1
end

--- Reads a message.
-- @param buf The octets.
-- @param pos Where it begins. Default: 1.
-- @return The position after it and a table with <code>version</code>, <code>type</code>, <code>code</code> (names),
--         <code>id</code>, <code>token</code>, <code>options</code> (a list of <code>name</code> and
--         <code>value</code>)
--         and <code>payload</code>; or false and an error.
function COAP.header.parse (buf, pos)
  local data = pos and string.sub(buf, pos) or buf
  if #data < 4 then return false, "the message is cut off" end
  local first, code, id, at = string.unpack(">BBI2", data)
  local token_len = first & 0xf
  if first >> 6 ~= 1 then return false, "the message is of another version" end
  if token_len > 8 or at + token_len - 1 > #data then return false, "the message is cut off" end
  local options, payload_at = decode_options(data, at + token_len)
  if not options then return false, "the options are cut off" end
  return #buf + 1, {
    version = 1,
    type = TYPE_NAMES[first >> 4 & 3],
    code = CODE_NAMES[code] or ("%d.%02d"):format(code >> 5, code & 0x1f),
    code_class = code >> 5,
    id = id,
    token_length = token_len,
    token = string.sub(data, at, at + token_len - 1),
    options = options,
    payload = string.sub(data, payload_at),
  }
end

--- Finds options of a message.
-- @param hdr The message.
-- @param name The option's name.
-- @param max How many at most. Default: all.
-- @return A list of values.
function COAP.header.find_options (hdr, name, max)
  local values = {}
  for _, option in ipairs(hdr.options or {}) do
    if option.name == name and #values < (max or math.huge) then values[#values + 1] = option.value end
  end
  return values
end

--- Finds an option of a message.
-- @param hdr The message.
-- @param name The option's name.
-- @return Its value, nil if the message does not have it.
function COAP.header.find_option (hdr, name)
  return COAP.header.find_options(hdr, name, 1)[1]
end

--- Reads payloads.
COAP.payload = {}

-- Links (RFC 6690, section 2): a target in angle brackets, then parameters after semicolons; commas between links.
local function parse_links (text)
  local links, pos = {}, 1
  while true do
    local _, stop, target = string.find(text, "^[%s,]*<([^>]*)>", pos)
    if not stop then return links end
    local link = { name = target, parameters = {} }
    pos = stop + 1
    while string.sub(text, pos, pos) == ";" do
      local _, after, name = string.find(text, "^;%s*([^=;,]*)", pos)
      local value = ""
      pos = after + 1
      if string.sub(text, pos, pos) == "=" then
        local _, quoted_end, quoted = string.find(text, '^="([^"]*)"', pos)
        if quoted_end then
          value, pos = quoted, quoted_end + 1
        else
          local _, plain_end, plain = string.find(text, "^=([^;,]*)", pos)
          value, pos = plain, plain_end + 1
        end
      end
      link.parameters[#link.parameters + 1] = { name = name, value = value }
    end
    links[#links + 1] = link
  end
end

--- Reads a payload.
-- @param hdr The message.
-- @param payload The payload's octets.
-- @return For links a list of tables with <code>name</code> and <code>parameters</code>, each with <code>name</code>
--         and
--         <code>value</code>; otherwise the octets.
function COAP.payload.parse (hdr, payload)
  if COAP.header.find_option(hdr, "content_format") == "application/link-format" then return parse_links(payload) end
  return payload
end

COAP.build = function (_, options, payload) return COAP.header.build(options, payload) end
COAP.parse = function (_, buf, pos) return COAP.header.parse(buf, pos) end

Comm = {}

--- Makes a connection, not open yet.
-- @param host The host table.
-- @param port The port table.
-- @return The connection.
function Comm:new (host, port)
  local o = { host = host, port = port }
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Opens the connection.
-- @param options Table with <code>timeout</code> in milliseconds.
-- @return True, or false and an error.
function Comm:connect (options)
  self.socket = nmap.new_socket("udp")
  self.socket:set_timeout(options and options.timeout or FIRST_TIMEOUT_MS)
  return self.socket:connect(self.host, self.port, "udp")
end

--- Closes the connection.
function Comm:close () return self.socket:close() end

--- Sends a message.
-- @param pkt Its octets.
-- @return True, or false and an error.
function Comm:send (pkt) return self.socket:send(pkt) end

--- Receives a message.
-- @return True and its octets, or false and an error.
function Comm:receive () return self.socket:receive() end

Helper = {}

--- Makes a helper.
-- @param host The host table.
-- @param port The port table.
-- @param options See <code>Comm:connect</code>.
-- @return The helper.
function Helper:new (host, port, options)
  local o = { host = host, port = port, options = options }
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Connects and sends a request.
-- @param options See <code>request</code>; nil to connect only.
-- @param payload The payload.
-- @return True and the answer, or false and an error.
function Helper:connect (options, payload)
  self.comm = Comm:new(self.host, self.port)
  local status, err = self.comm:connect(self.options)
  if not status or not options then return status, err end
  return self:request(options, payload)
end

--- Disconnects.
function Helper:close () return self.comm:close() end

--- Sends a message.
-- @param options See <code>COAP.header.build</code>.
-- @param payload The payload.
-- @return True, or false and an error.
function Helper:send (options, payload)
  local packet, err = COAP.header.build(options, payload)
  if not packet then return false, err end
  return self.comm:send(packet)
end

--- Receives a message.
-- @return True and the message, or false and an error.
function Helper:receive ()
  local status, data = self.comm:receive()
  if not status then return false, data end
  local pos, message = COAP.header.parse(data)
  if not pos then return false, message end
  return true, message
end

-- One request and its answer. An empty acknowledgement says that the answer comes later (section 5.2.2).
local function exchange (helper, options, payload)
  local err
  for _ = 1, TRIES do
    local status
    status, err = helper:send(options, payload)
    if not status then return false, err end
    for _ = 1, 5 do
      local message
      status, message = helper:receive()
      if not status then
        err = message
        break
      end
      if message.token == options.token and (message.code_class ~= 0 or message.type == "reset") then
        if message.type == "confirmable" then
          helper:send({ type = "acknowledgement", code = "ping", id = message.id })
        end
        return true, message
      end
      if message.id == options.id and message.type == "reset" then return true, message end
    end
  end
  return false, err
end

-- What options a request has, those of its address included.
local function options_of (options)
  local list = {}
  for key, value in pairs(options.options or {}) do
    if type(key) == "number" then list[#list + 1] = value else list[#list + 1] = { name = key, value = value } end
  end
  if options.uri then
    local path, query = string.match(options.uri, "^([^?]*)%??(.*)$")
    list[#list + 1] = { name = "uri_path", value = path }
    if query ~= "" then list[#list + 1] = { name = "uri_query", value = query } end
  end
  return list
end

--- Sends a request and waits for the answer. A payload that comes in blocks is put together (RFC 7959).
-- @param options See <code>COAP.header.build</code>; also <code>uri</code>, a path with a query.
-- @param payload The payload.
-- @return True and the answer, or false and an error.
function Helper:request (options, payload)
  local request = {}
  for key, value in pairs(options) do request[key] = value end
  request.options = options_of(options)
  local block_option
  local parts, answer = {}, nil
  for number = 0, BLOCKS_MAX - 1 do
    request.token = options.token or rand.random_string(4)
    request.id = math.random(0, 0xffff)
    local status, message = exchange(self, request, payload)
    if not status then return false, message end
    answer = answer or message
    parts[#parts + 1] = message.payload
    local block = COAP.header.find_option(message, "block2")
    -- The fourth bit: more blocks follow.
    if not block or block & 8 == 0 then break end
    if not block_option then
      block_option = { name = "block2" }
      request.options[#request.options + 1] = block_option
    end
    block_option.value = number + 1 << 4 | block & 7
  end
  answer.payload = COAP.payload.parse(answer, table.concat(parts))
  return true, answer
end

return _ENV
