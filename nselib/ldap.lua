---
-- The Lightweight Directory Access Protocol, version 3 (RFC 4511).
--
-- The functions work on a socket that the script has connected, with or without TLS.
--
-- @usage
-- local status, entries = ldap.searchRequest(socket, {
--   baseObject = "dc=example,dc=com",
--   scope = ldap.SCOPE.sub,
--   filter = { op = ldap.FILTER.equalityMatch, obj = "cn", val = "Ann" },
--   attributes = { "mail" },
-- })
--
-- @copyright MIT OR Apache-2.0

local asn1 = require "asn1"
local datetime = require "datetime"
local io = require "io"
local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("ldap", stdnse.seeall)

-- A message longer than this is none; more entries than this are not collected.
local MESSAGE_LEN_MAX = 16 * 1024 * 1024
local ENTRIES_MAX = 100000
local FILTER_DEPTH_MAX = 32

--- Numbers of operations (RFC 4511, appendix B).
-- @class table
-- @name APPNO
APPNO = { BindRequest = 0, BindResponse = 1, UnbindRequest = 2, SearchRequest = 3, SearchResponse = 4,
  SearchResDone = 5 }

-- References to other servers come between the entries of a search.
local SEARCH_REFERENCE = 19

--- What to do with aliases (4.5.1.3).
-- @class table
-- @name DEREFPOLICY
DEREFPOLICY = { never = 0, searching = 1, finding = 2, always = 3, default = 0 }

--- How far a search goes (4.5.1.2).
-- @class table
-- @name SCOPE
SCOPE = { base = 0, one = 1, sub = 2, children = 3, default = 0 }

--- Kinds of filters (4.5.1.7).
-- @class table
-- @name FILTER
FILTER = {
  _and = 0, _or = 1, _not = 2, equalityMatch = 3, substrings = 4, greaterOrEqual = 5, lessOrEqual = 6, present = 7,
  approxMatch = 8, extensibleMatch = 9,
}

--- Results that scripts look at.
-- @class table
-- @name ERRORS
ERRORS = { LDAP_SUCCESS = 0, LDAP_SIZELIMIT_EXCEEDED = 4 }

--- Results as text (RFC 4511, appendix A).
-- @class table
-- @name ERROR_MSG
ERROR_MSG = {
  [1] = "Operations error", [2] = "Protocol error", [3] = "Time limit exceeded", [4] = "Size limit exceeded.",
  [7] = "Authentication method not supported", [8] = "Stronger authentication required", [10] = "Referral",
  [11] = "Administrative limit exceeded", [12] = "Critical extension unavailable", [13] = "Confidentiality required",
  [16] = "No such attribute", [17] = "Undefined attribute type", [21] = "Invalid attribute syntax",
  [32] = "No such object", [33] = "Alias problem", [34] = "Invalid DN", [48] = "Inappropriate authentication",
  [49] = "The supplied credential is invalid.", [50] = "Insufficient access rights", [51] = "Busy",
  [52] = "Unavailable",
  [53] = "Unwilling to perform", [80] = "Other error",
}

-- Encoding ------------------------------------------------------------------------------------------------------

local encoder = asn1.ASN1Encoder:new()
local length = asn1.ASN1Encoder.encodeLength

encoder:registerTagEncoders({
  -- The items in a sequence; field _ldaptype is the identifier in hexadecimal.
  ["table"] = function (enc, val)
    local parts = {}
    for i = 1, #val do parts[i] = enc:encode(val[i]) end
    local content = table.concat(parts)
    return stdnse.fromhex(val._ldaptype or "30") .. length(#content) .. content
  end,
})

local function tagged (identifier, content)
  return string.char(identifier) .. length(#content) .. content
end

local function enumerated (number)
  return "\x0a\x01" .. string.char(number)
end

--- Encodes a value.
-- @param val A boolean, integer, string or nil; or a table of them, with the identifier in hexadecimal in field
--            <code>_ldaptype</code> if it is no sequence.
-- @return The bytes.
function encode (val)
  return encoder:encode(val)
end

--- Wraps an operation.
-- @param appno The operation's number, one of <code>APPNO</code>.
-- @param isConstructed True if it is made of other values.
-- @param data Its encoded content.
-- @return The bytes.
function encodeLDAPOp (appno, isConstructed, data)
  return tagged(asn1.BERtoInt(asn1.BERCLASS.Application, isConstructed, appno), data)
end

-- initial, any and final parts between the asterisks (4.5.1.7.2).
local function substring_filter (filter)
  local parts, list = {}, {}
  for part in string.gmatch(filter.val .. "*", "(.-)%*") do parts[#parts + 1] = part end
  for i, part in ipairs(parts) do
    if part ~= "" then
      local tag = i == 1 and 0x80 or i == #parts and 0x82 or 0x81
      list[#list + 1] = tagged(tag, part)
    end
  end
  return encode(filter.obj) .. tagged(0x30, table.concat(list))
end

local function encode_filter (filter, depth)
  if depth > FILTER_DEPTH_MAX then error("filters nested too deeply", 0) end
  local class = asn1.BERCLASS.ContextSpecific
  if filter.op == FILTER._and or filter.op == FILTER._or then
    local parts = {}
    for i, one in ipairs(filter.val) do parts[i] = encode_filter(one, depth + 1) end
    return tagged(asn1.BERtoInt(class, true, filter.op), table.concat(parts))
  elseif filter.op == FILTER._not then
    local one = filter.val.op and filter.val or filter.val[1]
    return tagged(asn1.BERtoInt(class, true, filter.op), encode_filter(one, depth + 1))
  elseif filter.op == FILTER.present then
    return tagged(asn1.BERtoInt(class, false, filter.op), filter.obj or filter.val)
  elseif filter.op == FILTER.substrings
    or filter.op == FILTER.equalityMatch and string.find(filter.val, "*", 1, true) then
    if filter.val == "*" then return encode_filter({ op = FILTER.present, obj = filter.obj }, depth + 1) end
    return tagged(asn1.BERtoInt(class, true, FILTER.substrings), substring_filter(filter))
  end
  return tagged(asn1.BERtoInt(class, true, filter.op), encode(filter.obj) .. encode(tostring(filter.val)))
end

--- Encodes a filter.
-- @param filter Table with <code>op</code>, one of <code>FILTER</code>, and what belongs to it: <code>obj</code> (the
--               attribute) and <code>val</code> (its value, in which asterisks stand for anything), or with and, or,
--               not in <code>val</code> a list of filters or one.
-- @return The bytes.
function createFilter (filter)
  return encode_filter(filter, 1)
end

-- Decoding ------------------------------------------------------------------------------------------------------

local decoder = asn1.ASN1Decoder:new()
decoder:registerBaseDecoders()

local function decode_sequence (dec, data, len, pos) return dec:decodeSeq(data, len, pos) end
local function decode_octets (dec, data, len, pos) return string.sub(data, pos, pos + len - 1), pos + len end

decoder:registerTagDecoders({
  ["\x0a"] = function (dec, data, len, pos) return dec.decodeInt(data, len, pos) end,
  ["\x31"] = decode_sequence,
  ["\x61"] = decode_sequence,
  ["\x64"] = decode_sequence,
  ["\x65"] = decode_sequence,
  ["\x73"] = decode_sequence,
  ["\x78"] = decode_sequence,
  ["\x80"] = decode_octets,
  ["\x87"] = decode_octets,
  ["\x8a"] = decode_octets,
  ["\x8b"] = decode_octets,
  ["\xa0"] = decode_sequence,
  ["\xa3"] = decode_sequence,
})

--- Decodes a value.
-- @param encStr The bytes.
-- @param pos Where it begins. Default: 1.
-- @return The value, a table for sequences and operations.
-- @return The position after it.
function decode (encStr, pos)
  decoder.depth = 0
  return decoder:decode(encStr, pos)
end

-- Where the first message of a stream ends, nil if it is not whole yet.
local function message_end (buffer)
  if #buffer < 2 then return nil end
  if string.byte(buffer, 1) ~= 0x30 then return 1, 1 end
  local first = string.byte(buffer, 2)
  if first >= 0x80 and #buffer < 2 + (first & 0x7f) then return nil end
  local len, pos = asn1.ASN1Decoder.decodeLength(buffer, 2)
  -- Something that is no message: one octet is taken, and the decoder says so.
  if not len or len > MESSAGE_LEN_MAX then return 1, 1 end
  if #buffer >= pos + len - 1 then return pos + len - 1, pos + len - 1 end
  return nil
end

-- The identifier octet of the operation in a message, its content and the message's number.
local function operation_of (message)
  local _, pos = asn1.ASN1Decoder.decodeLength(message, 2)
  local number, after = decode(message, pos)
  if math.type(number) ~= "integer" or after > #message then return nil end
  return string.byte(message, after), decode(message, after), number
end

-- The next message with the number, nil and an error.
local function receive_message (socket, number)
  for _ = 1, ENTRIES_MAX do
    local status, message = socket:receive_buf(message_end, true)
    if not status then return nil, message end
    local identifier, content, got = operation_of(message)
    if not identifier then return nil, "the answer is none of LDAP" end
    if got == number then return identifier, content end
    -- Number 0: the server closes the connection and says why (4.4.1).
    if got == 0 then return nil, type(content) == "table" and content[3] or "disconnected by the server" end
  end
  return nil, "no answer"
end

local message_number = 0

local function next_number ()
  message_number = message_number % 0x7fffffff + 1
  return message_number
end

local function failure (code, details)
  return ("\n  Error: %s\n  Details: %s"):format(ERROR_MSG[code] or ("Code %d"):format(code), tostring(details or ""))
end

-- Operations ----------------------------------------------------------------------------------------------------

--- Says who asks (4.2).
-- @param socket The socket.
-- @param params Table with <code>version</code> (3), <code>username</code> (a distinguished name) and
--               <code>password</code>; empty strings for nobody in particular.
-- @return True and a word, or false and an error.
function bindRequest (socket, params)
  local number = next_number()
  local content = encode(params.version or 3) .. encode(params.username or "") .. tagged(0x80, params.password or "")
  local status, err = socket:send(tagged(0x30, encode(number) .. encodeLDAPOp(APPNO.BindRequest, true, content)))
  if not status then return false, err end
  local identifier, result = receive_message(socket, number)
  if not identifier then return false, "bindRequest failed: " .. tostring(result) end
  if identifier ~= 0x61 or type(result) ~= "table" or math.type(result[1]) ~= "integer" then
    return false, "bindRequest failed: the answer is to something else"
  end
  if result[1] ~= ERRORS.LDAP_SUCCESS then return false, failure(result[1], result[3]) end
  return true, "Success"
end

--- Takes leave (4.3).
-- @param socket The socket.
-- @return True, or false and an error.
function unbindRequest (socket)
  return socket:send(tagged(0x30, encode(next_number()) .. encodeLDAPOp(APPNO.UnbindRequest, false, ""))), ""
end

local function search_message (params, number)
  local attributes = {}
  for i, name in ipairs(params.attributes or {}) do attributes[i] = encode(name) end
  local filter = params.filter and createFilter(params.filter) or tagged(0x87, "objectClass")
  local content = encode(params.baseObject or "") .. enumerated(params.scope or SCOPE.default)
    .. enumerated(params.derefPolicy or DEREFPOLICY.default) .. encode(params.sizeLimit or 0)
    .. encode(params.timeLimit or 0) .. encode(params.typesOnly or false) .. filter
    .. tagged(0x30, table.concat(attributes))
  return tagged(0x30, encode(number) .. encodeLDAPOp(APPNO.SearchRequest, true, content))
end

-- An entry as scripts know it: each attribute is a list of its name and its values.
local function entry_of (content)
  if type(content) ~= "table" or type(content[1]) ~= "string" then return nil end
  local entry = { objectName = content[1], attributes = {} }
  for _, attribute in ipairs(type(content[2]) == "table" and content[2] or {}) do
    if type(attribute) == "table" and type(attribute[1]) == "string" then
      local values = { attribute[1] }
      for _, value in ipairs(type(attribute[2]) == "table" and attribute[2] or {}) do values[#values + 1] = value end
      entry.attributes[#entry.attributes + 1] = values
    end
  end
  return entry
end

local function finish (entries, content)
  local code = type(content) == "table" and content[1]
  if math.type(code) ~= "integer" then return false, "the answer is none of LDAP" end
  entries.resultCode, entries.errorMessage = code, ""
  if code == ERRORS.LDAP_SUCCESS then return true, entries end
  entries.errorMessage = ("Code: %d|Error: %s|Details: %s"):format(code, ERROR_MSG[code] or "unknown",
    tostring(content[3] or ""))
  -- Cut short is better than nothing.
  if code == ERRORS.LDAP_SIZELIMIT_EXCEEDED and #entries > 0 then return true, entries end
  return false, entries.errorMessage
end

--- Searches (4.5).
-- @param socket The socket.
-- @param params Table with <code>baseObject</code>, <code>scope</code>, <code>derefPolicy</code>,
--               <code>sizeLimit</code>, <code>timeLimit</code>, <code>filter</code>, <code>attributes</code> (a list of
--               names) and <code>maxObjects</code>, how many entries to wait for at most.
-- @return True and a list of entries with <code>objectName</code> and <code>attributes</code>, each a list of the name
--         and the values; or false and an error.
function searchRequest (socket, params)
  local number = next_number()
  local status, err = socket:send(search_message(params, number))
  if not status then return false, err end
  local limit = params.maxObjects and params.maxObjects > 0 and params.maxObjects or ENTRIES_MAX
  local entries = {}
  while #entries < limit do
    local identifier, content = receive_message(socket, number)
    if not identifier then return false, content end
    if identifier == 0x65 then return finish(entries, content) end
    if identifier == 0x64 then
      entries[#entries + 1] = entry_of(content)
    elseif identifier & 0x1f ~= SEARCH_REFERENCE then
      return false, "the answer is to something else"
    end
  end
  entries.resultCode, entries.errorMessage = 0, ""
  return true, entries
end

--- Searches over UDP (CLDAP, MS-ADTS 6.3.3), with one answer.
-- @param host The host table.
-- @param port The port table.
-- @param params See <code>searchRequest</code>.
-- @return True and a list of entries, or false and an error.
function udpSearchRequest (host, port, params)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(math.max(stdnse.get_timeout(host), 1000))
  local status, data = socket:connect(host, port, "udp")
  local number = next_number()
  if status then status, data = socket:send(search_message(params, number)) end
  if status then status, data = socket:receive() end
  socket:close()
  if not status then return false, data end
  local entries, pos = {}, 1
  -- The datagram has the messages one after the other.
  while pos < #data do
    local len, value_pos = asn1.ASN1Decoder.decodeLength(data, pos + 1)
    if not len or value_pos + len - 1 > #data then break end
    local identifier, content, got = operation_of(string.sub(data, pos, value_pos + len - 1))
    if got == number and identifier == 0x65 then return finish(entries, content) end
    if got == number and identifier == 0x64 then entries[#entries + 1] = entry_of(content) end
    pos = value_pos + len
  end
  if #entries == 0 then return false, "the answer is none of LDAP" end
  entries.resultCode, entries.errorMessage = 0, ""
  return true, entries
end

-- Values --------------------------------------------------------------------------------------------------------

--- Shows a security identifier (MS-DTYP 2.4.2.2).
-- @param data Its octets.
-- @return Text without the letter in front, nil if there are not enough octets.
function convertObjectSid (data)
  if #data < 8 then return nil end
  local revision, count, authority = string.unpack(">BBI6", data)
  if #data < 8 + 4 * count then return nil end
  local parts = { revision, authority }
  for i = 1, count do parts[#parts + 1] = string.unpack("<I4", data, 5 + 4 * i) end
  return table.concat(parts, "-")
end

-- The identifier of an object (a GUID, MS-DTYP 2.3.4.2).
local function convert_guid (data)
  if #data ~= 16 then return stdnse.tohex(data) end
  local a, b, c, d, e = string.unpack("<I4I2I2>I2I6", data)
  return ("%08x-%04x-%04x-%04x-%012x"):format(a, b, c, d, e)
end

--- Shows a time of Active Directory.
-- @param timestamp 100 ns since 1601, in digits.
-- @return The time, or <code>"Never"</code>.
function convertADTimeStamp (timestamp)
  local number = math.tointeger(tonumber(timestamp))
  if not number or number <= 0 or number == math.maxinteger then return "Never" end
  return datetime.format_timestamp(number // 10000000 - 11644473600, 0)
end

--- Shows a generalized time (RFC 4517, 3.3.13).
-- @param timestamp As in <code>"20110121030045.0Z"</code>.
-- @return The time, or what was given if it is none.
function convertZuluTimeStamp (timestamp)
  local year, month, day, hour, minute, second = string.match(timestamp, "^(%d%d%d%d)(%d%d)(%d%d)(%d%d)(%d%d)(%d%d)")
  if not second then return timestamp end
  return ("%s/%s/%s %s:%s:%s UTC"):format(year, month, day, hour, minute, second)
end

local AD_TIMES = { lastlogon = true, lastlogontimestamp = true, pwdlastset = true, accountexpires = true,
  badpasswordtime = true, lastlogoff = true, lockouttime = true }
local ZULU_TIMES = { whencreated = true, whenchanged = true, dscorepropagationdata = true }

-- A value as people read it.
local function shown (name, value)
  if type(value) ~= "string" then return tostring(value) end
  local lower = string.lower(name)
  if lower == "objectsid" then return convertObjectSid(value) or stdnse.tohex(value) end
  if lower == "objectguid" then return convert_guid(value) end
  if AD_TIMES[lower] then return convertADTimeStamp(value) end
  if ZULU_TIMES[lower] then return convertZuluTimeStamp(value) end
  return value
end

--- Makes a table for <code>stdnse.format_output</code> of entries.
-- @param searchEntries What <code>searchRequest</code> gave.
-- @return The table.
function searchResultToTable (searchEntries)
  local result = {}
  for _, entry in ipairs(searchEntries) do
    local lines = {}
    for _, attribute in ipairs(entry.attributes) do
      for i = 2, #attribute do lines[#lines + 1] = attribute[1] .. ": " .. shown(attribute[1], attribute[i]) end
    end
    local name = entry.objectName ~= "" and "dn: " .. entry.objectName or "<ROOT>"
    result[#result + 1] = { lines, name = name }
  end
  return result
end

local function csv_field (text)
  return '"' .. string.gsub(text, '"', '""') .. '"'
end

--- Writes entries to a file, one a line, in comma-separated values; of several values of an attribute the last.
-- @param searchEntries What <code>searchRequest</code> gave.
-- @param filename The file.
-- @return True, or false and an error.
function searchResultToFile (searchEntries, filename)
  local names, seen = {}, {}
  for _, entry in ipairs(searchEntries) do
    for _, attribute in ipairs(entry.attributes) do
      if not seen[attribute[1]] then
        seen[attribute[1]] = true
        names[#names + 1] = attribute[1]
      end
    end
  end
  table.sort(names)
  local file, err = io.open(filename, "w")
  if not file then return false, err end
  local head = { csv_field("name") }
  for i, name in ipairs(names) do head[i + 1] = csv_field(name) end
  file:write(table.concat(head, ","), "\n")
  for _, entry in ipairs(searchEntries) do
    local values = {}
    for _, attribute in ipairs(entry.attributes) do
      values[attribute[1]] = shown(attribute[1], attribute[#attribute])
    end
    local fields = { csv_field(entry.objectName) }
    for i, name in ipairs(names) do fields[i + 1] = csv_field(values[name] or "") end
    file:write(table.concat(fields, ","), "\n")
  end
  file:close()
  return true
end

--- Collects the values of an attribute.
-- @param searchEntries What <code>searchRequest</code> gave.
-- @param attributeName The attribute.
-- @return A list, nil if no entry has it.
function extractAttribute (searchEntries, attributeName)
  local values = {}
  for _, entry in ipairs(searchEntries) do
    for _, attribute in ipairs(entry.attributes) do
      if string.lower(attribute[1]) == string.lower(attributeName) then
        for i = 2, #attribute do values[#values + 1] = attribute[i] end
      end
    end
  end
  return #values > 0 and values or nil
end

--- Copies a table with all it holds.
-- @param targetTable The table.
-- @return The copy.
function copyTable (targetTable)
  local copy = {}
  for key, value in pairs(targetTable) do copy[key] = type(value) == "table" and copyTable(value) or value end
  return copy
end

return _ENV
