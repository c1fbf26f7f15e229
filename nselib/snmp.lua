---
-- The Simple Network Management Protocol, versions 1 and 2c (RFC 1157, RFC 3416).
--
-- <code>Helper</code> is all that most scripts need. The <code>build…</code> functions make messages by hand, for
-- <code>encode</code> to turn into bytes.
--
-- @usage
-- local helper = snmp.Helper:new(host, port)
-- helper:connect()
-- local status, response = helper:get({}, "1.3.6.1.2.1.1.1.0")
-- if status then print(response[1][1]) end
--
-- @args creds.snmp The community, alone or as the password after a colon. Default: <code>public</code>.
-- @args snmp.version <code>v1</code> or 0 (the default), <code>v2c</code> or 1.
--
-- @copyright MIT OR Apache-2.0

local asn1 = require "asn1"
local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("snmp", stdnse.seeall)

-- A request goes over UDP: it is sent again when no answer comes.
local TRIES = 3
-- How long one try waits if the host's times do not say more.
local TIMEOUT_MIN_MS = 1000
-- A walk ends here: enough for the tables of a large router, and a peer that makes up rows forever is cut off.
local WALK_ROWS_MAX = 20000

-- Identifiers of protocol data units: context-specific and constructed (RFC 3416, section 3).
local PDU_GET, PDU_GET_NEXT, PDU_RESPONSE, PDU_SET, PDU_TRAP = "\xa0", "\xa1", "\xa2", "\xa3", "\xa4"
-- Identifiers of types (RFC 2578, section 7.1).
local TAG_OID, TAG_IP_ADDRESS = "\x06", "\x40"
-- What stands in place of a value that an agent does not have (RFC 3416, section 3).
local MISSING = { ["\x80"] = "noSuchObject", ["\x81"] = "noSuchInstance", ["\x82"] = "endOfMibView" }

-- Encoding ------------------------------------------------------------------------------------------------------

local encoder

local function encode_items (items)
  local parts = {}
  for i = 1, #items do parts[i] = encoder:encode(items[i]) or "" end
  return table.concat(parts)
end

local function encode_oid (enc, oid)
  if #oid < 2 then error("an object identifier has at least two numbers", 0) end
  local parts = { enc.encode_oid_component(oid[1] * 40 + oid[2]) }
  for i = 3, #oid do parts[#parts + 1] = enc.encode_oid_component(oid[i]) end
  return table.concat(parts)
end

encoder = asn1.ASN1Encoder:new()
encoder:registerTagEncoders({
  -- SNMP has no booleans: false is what NULL is decoded to.
  ["boolean"] = function () return "\x05\x00" end,
  ["table"] = function (enc, val)
    local tag, content = val._snmp or "\x30", nil
    if tag == TAG_OID then
      content = encode_oid(enc, val)
    elseif tag == TAG_IP_ADDRESS then
      content = string.char(table.unpack(val))
    else
      content = encode_items(val)
    end
    return tag .. enc.encodeLength(#content) .. content
  end,
})

--- Encodes a value: a message, or one part of it.
-- @param val The value. In a table, field <code>_snmp</code> is the identifier octet; without it the table is a
--            sequence.
-- @return The bytes.
function encode (val)
  return encoder:encode(val)
end

-- Decoding ------------------------------------------------------------------------------------------------------

local decoder = asn1.ASN1Decoder:new()
decoder:registerBaseDecoders()

-- Counter32, Gauge32, TimeTicks and Counter64 have no sign, whatever their first bit is.
local function decode_unsigned (dec, data, len, pos)
  local next_pos = pos + len
  while len > 8 and string.byte(data, pos) == 0 do pos, len = pos + 1, len - 1 end
  if len < 1 or len > 8 then return nil, next_pos end
  return (string.unpack(">I" .. len, data, pos)), next_pos
end

local function decode_octets (dec, data, len, pos)
  return string.sub(data, pos, pos + len - 1), pos + len
end

local tag_decoders = {
  [TAG_IP_ADDRESS] = function (dec, data, len, pos)
    local address = { string.byte(data, pos, pos + math.min(len, 16) - 1) }
    address._snmp = TAG_IP_ADDRESS
    return address, pos + len
  end,
  ["\x41"] = decode_unsigned,
  ["\x42"] = decode_unsigned,
  ["\x43"] = decode_unsigned,
  ["\x44"] = decode_octets,
  ["\x45"] = decode_octets,
  ["\x46"] = decode_unsigned,
  ["\x47"] = decode_unsigned,
}
for tag in pairs(MISSING) do
  tag_decoders[tag] = function (dec, data, len, pos) return false, pos + len end
end
-- From GetRequest to Report.
for number = 0xa0, 0xa8 do
  local tag = string.char(number)
  tag_decoders[tag] = function (dec, data, len, pos)
    local pdu, next_pos = dec:decodeSeq(data, len, pos)
    if pdu then pdu._snmp = tag end
    return pdu, next_pos
  end
end
decoder:registerTagDecoders(tag_decoders)

--- Decodes a message, or one part of it.
-- @param encStr The bytes.
-- @param pos Where it begins. Default: 1.
-- @return The value: a sequence is a table, an object identifier or a PDU a table with field <code>_snmp</code>.
-- @return The position after it.
function decode (encStr, pos)
  decoder.depth = 0
  return decoder:decode(encStr, pos)
end

-- Names and addresses -------------------------------------------------------------------------------------------

--- Reads an object identifier.
-- @param oidStr As in <code>"1.3.6.1"</code>.
-- @return A table of its numbers.
function str2oid (oidStr)
  local oid = { _snmp = TAG_OID }
  for number in string.gmatch(oidStr, "%d+") do
    oid[#oid + 1] = math.tointeger(tonumber(number)) or 0
  end
  return oid
end

--- Shows an object identifier.
-- @param oid A table of its numbers.
-- @return Numbers with dots between them, or a message if it is something else.
function oid2str (oid)
  if type(oid) ~= "table" or oid._snmp and oid._snmp ~= TAG_OID then return "invalid oid" end
  return table.concat(oid, ".")
end

--- Shows an address.
-- @param ip A table of four numbers.
-- @return As in <code>"192.0.2.1"</code>, or a message if it is something else.
function ip2str (ip)
  if type(ip) ~= "table" or ip._snmp and ip._snmp ~= TAG_IP_ADDRESS then return "invalid ip" end
  return table.concat(ip, ".")
end

--- Reads an address.
-- @param ipStr As in <code>"192.0.2.1"</code>.
-- @return A table that is encoded as an address.
function str2ip (ipStr)
  local ip = { _snmp = TAG_IP_ADDRESS }
  for number in string.gmatch(ipStr, "%d+") do ip[#ip + 1] = tonumber(number) & 0xff end
  return ip
end

-- Messages ------------------------------------------------------------------------------------------------------

local function as_oid (oid)
  return type(oid) == "string" and str2oid(oid) or oid
end

-- RFC 3416, section 3: request-id, error-status, error-index and the bindings.
local function build_pdu (tag, options, bindings)
  options = options or {}
  return {
    _snmp = tag,
    options.reqId or math.random(1, 65535),
    options.err or 0,
    options.errIdx or 0,
    bindings,
  }
end

local function names_only (...)
  local bindings = {}
  for i = 1, select("#", ...) do
    bindings[i] = { as_oid((select(i, ...))), false }
  end
  return bindings
end

--- Puts a protocol data unit into a message.
-- @param PDU What one of the other functions made.
-- @param version 0 for version 1, 1 for version 2c. Default: 0.
-- @param commStr The community. Default: <code>public</code>.
-- @return The message, for <code>encode</code>.
function buildPacket (PDU, version, commStr)
  return { version or 0, commStr or "public", PDU }
end

--- Asks for values.
-- @param options Table with <code>reqId</code> (default: at random), <code>err</code> and <code>errIdx</code>, or nil.
-- @param ... Object identifiers, as text or as tables.
-- @return The protocol data unit.
function buildGetRequest (options, ...)
  return build_pdu(PDU_GET, options, names_only(...))
end

--- Asks for the values that follow.
-- @param options As for <code>buildGetRequest</code>.
-- @param ... Object identifiers, as text or as tables.
-- @return The protocol data unit.
function buildGetNextRequest (options, ...)
  return build_pdu(PDU_GET_NEXT, options, names_only(...))
end

--- Sets values.
-- @usage snmp.buildSetRequest({}, "1.3.6.1.2.1.1.4.0", "somebody")
-- @usage snmp.buildSetRequest({}, { { snmp.str2oid("1.3.6.1.2.1.1.4.0"), "somebody" } })
-- @param options As for <code>buildGetRequest</code>.
-- @param oid An object identifier, or a list of pairs of identifier and value.
-- @param value The value, if <code>oid</code> is one identifier.
-- @return The protocol data unit.
function buildSetRequest (options, oid, value)
  if type(oid) == "table" and not oid._snmp and type(oid[1]) == "table" then
    return build_pdu(PDU_SET, options, oid)
  end
  return build_pdu(PDU_SET, options, { { as_oid(oid), value } })
end

--- Answers a request.
-- @param options As for <code>buildGetRequest</code>.
-- @param oid An object identifier.
-- @param value Its value.
-- @return The protocol data unit.
function buildGetResponse (options, oid, value)
  return build_pdu(PDU_RESPONSE, options, { { as_oid(oid), value } })
end

--- Makes a trap of version 1 (RFC 1157, 4.1.6).
-- @param enterpriseOid What kind of object sends it.
-- @param agentIp Its address.
-- @param genTrap The generic trap, 0 to 6.
-- @param specTrap The specific trap.
-- @param timeStamp Hundredths of a second since the agent started.
-- @return The protocol data unit.
function buildTrap (enterpriseOid, agentIp, genTrap, specTrap, timeStamp)
  return {
    _snmp = PDU_TRAP,
    as_oid(enterpriseOid),
    type(agentIp) == "string" and str2ip(agentIp) or agentIp,
    genTrap,
    specTrap,
    timeStamp,
    {},
  }
end

-- The protocol data unit in a message, nil if the message is not what it should be.
local function pdu_of (message)
  if type(message) == "string" then message = decode(message) end
  local pdu = type(message) == "table" and message[3]
  if type(pdu) ~= "table" or not pdu._snmp then return nil end
  return pdu
end

--- Takes the bindings out of a response.
-- @param resp The message, as bytes or decoded.
-- @return A list with one table for each binding: the value, the identifier as text, the identifier as a table.
function fetchResponseValues (resp)
  local values = {}
  local pdu = pdu_of(resp)
  if not pdu or type(pdu[4]) ~= "table" then return values end
  for _, binding in ipairs(pdu[4]) do
    local oid, value = nil, nil
    if type(binding) == "table" then oid, value = binding[1], binding[2] end
    if type(oid) == "table" and oid._snmp == TAG_OID then
      if type(value) == "table" then
        if value._snmp == TAG_IP_ADDRESS then value = ip2str(value)
        elseif value._snmp == TAG_OID then value = oid2str(value) end
      end
      values[#values + 1] = { value, oid2str(oid), oid }
    end
  end
  return values
end

-- Conversations -------------------------------------------------------------------------------------------------

local VERSIONS = { v1 = 0, ["0"] = 0, ["1"] = 1, v2c = 1, [0] = 0, [1] = 1 }

local function default_version ()
  local wanted = stdnse.get_script_args("snmp.version")
  return wanted and VERSIONS[wanted] or 0
end

-- What the user said, or what a script found for this host, or what nearly every agent starts with.
local function default_community (host)
  local wanted = stdnse.get_script_args("creds.snmp")
  if type(wanted) == "string" then return string.match(wanted, ":(.*)$") or wanted end
  local found = type(host) == "table" and host.registry and host.registry.snmpcommunity
  return found or nmap.registry.snmpcommunity or "public"
end

Helper = {}

--- Makes a helper for an agent.
-- @param host The host table.
-- @param port The port table or a number.
-- @param community The community. Default: that of the script argument, or <code>public</code>.
-- @param options Table with <code>timeout</code> in milliseconds and <code>version</code>, 0 or 1.
-- @return The helper.
function Helper:new (host, port, community, options)
  local o = { host = host, port = port, options = options or {} }
  o.community = community or default_community(host)
  o.version = o.options.version or default_version()
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Opens the socket. Nothing is sent.
-- @return True, or false and an error.
function Helper:connect ()
  self.socket = nmap.new_socket("udp")
  local timeout = self.options.timeout
  if not timeout then
    timeout = math.max(stdnse.get_timeout(self.host), TIMEOUT_MIN_MS)
  end
  self.socket:set_timeout(timeout)
  local status, err = self.socket:connect(self.host, self.port, "udp")
  if not status then return false, "Failed to connect to the SNMP agent: " .. tostring(err) end
  return true
end

-- Waits for the answer to a request. Late answers to earlier ones are passed over, a few at most.
local function receive_answer (socket, request_id)
  for _ = 1, 10 do
    local status, data = socket:receive()
    if not status then return nil, data end
    local pdu = pdu_of(data)
    if pdu and pdu._snmp == PDU_RESPONSE and pdu[1] == request_id then return pdu, data end
  end
  return nil, "no answer to the request"
end

--- Sends a protocol data unit and waits for the answer.
-- @param message The protocol data unit, as the build functions make it.
-- @return True and the decoded answer, or false and an error.
function Helper:request (message)
  local packet = encode(buildPacket(message, self.version, self.community))
  local err
  for _ = 1, TRIES do
    local status
    status, err = self.socket:send(packet)
    if not status then break end
    local pdu, data = receive_answer(self.socket, math.tointeger(message[1]))
    if pdu then return true, decode(data) end
    err = data
    if err ~= "TIMEOUT" then break end
  end
  return false, err
end

-- The bindings of the answer, with an error status made into a failure.
local function exchange (helper, pdu)
  local status, response = helper:request(pdu)
  if not status then return false, response end
  local error_status = response[3][2]
  if type(error_status) == "number" and error_status ~= 0 then
    return false, "SNMP error " .. error_status, error_status
  end
  return true, fetchResponseValues(response)
end

--- Gets values.
-- @param options As for <code>buildGetRequest</code>.
-- @param ... Object identifiers.
-- @return True and a list as <code>fetchResponseValues</code> makes it, or false and an error.
function Helper:get (options, ...)
  return exchange(self, buildGetRequest(options, ...))
end

--- Gets the values that follow.
-- @param options As for <code>buildGetRequest</code>.
-- @param ... Object identifiers.
-- @return True and a list as <code>fetchResponseValues</code> makes it, or false and an error.
function Helper:getnext (options, ...)
  return exchange(self, buildGetNextRequest(options, ...))
end

--- Sets a value.
-- @param options As for <code>buildGetRequest</code>.
-- @param oid The object identifier, or a list of pairs.
-- @param setparam The value.
-- @return True and a list as <code>fetchResponseValues</code> makes it, or false and an error.
function Helper:set (options, oid, setparam)
  return exchange(self, buildSetRequest(options, oid, setparam))
end

-- -1, 0 or 1, in the order in which an agent steps through its identifiers.
local function compare_oids (a, b)
  for i = 1, math.min(#a, #b) do
    if a[i] ~= b[i] then return a[i] < b[i] and -1 or 1 end
  end
  if #a == #b then return 0 end
  return #a < #b and -1 or 1
end

--- Gets every value below an identifier.
-- @usage
-- local status, rows = helper:walk("1.3.6.1.2.1.2.2")
-- @param base_oid The identifier.
-- @return True and a list of tables with <code>oid</code> and <code>value</code>, in the agent's order; or false and an
--         error.
function Helper:walk (base_oid)
  local rows = { baseoid = base_oid }
  local prefix = base_oid .. "."
  local oid = str2oid(base_oid)
  while #rows < WALK_ROWS_MAX do
    local status, values, error_status = self:getnext({ reqId = 28428 + #rows % 65536 }, oid)
    if not status then
      -- noSuchName: the end of all an agent of version 1 has (RFC 1157, 4.1.3).
      if error_status then return true, rows end
      if #rows > 0 then return true, rows end
      return false, values
    end
    local value = values[1]
    if not value or value[1] == nil or value[1] == false and self.version > 0 then return true, rows end
    if string.sub(value[2], 1, #prefix) ~= prefix or compare_oids(value[3], oid) <= 0 then return true, rows end
    rows[#rows + 1] = { oid = value[2], value = value[1] }
    oid = value[3]
  end
  return true, rows
end

return _ENV
