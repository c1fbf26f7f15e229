---
-- The wire protocol of MongoDB and its documents (BSON).
--
-- Commands go out as <code>OP_QUERY</code>, which servers up to 5.0 answer, or as <code>OP_MSG</code>, which servers from 3.6
-- on do; <code>query</code> reads the answers to both.
--
-- @usage
-- local status, packet = mongodb.serverStatusQuery(1)
-- local status, result = mongodb.query(socket, packet)
--
-- @args mongodb.db The database to log in to. Default: <code>admin</code>.
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local openssl = stdnse.silent_require "openssl"
_ENV = stdnse.module("mongodb", stdnse.seeall)

local OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013

local PACKET_LEN_MAX = 48000000
local DEPTH_MAX = 64

-- BSON ------------------------------------------------------------------------------------------------------------

local encode_document

-- The keys of a table, sorted, so that the same table gives the same bytes.
local function sorted_keys (dict)
  local keys = {}
  for key in pairs(dict) do keys[#keys + 1] = key end
  table.sort(keys, function (a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function encode_value (key, value, depth)
  local kind = math.type(value) or type(value)
  local name = tostring(key)
  if string.find(name, "%z") then return nil, "a key holds a zero byte" end
  if kind == "integer" and value >= -0x80000000 and value <= 0x7fffffff then
    return string.pack("<Bzi4", 0x10, name, value)
  elseif kind == "integer" then
    return string.pack("<Bzi8", 0x12, name, value)
  elseif kind == "float" then
    return string.pack("<Bzd", 0x01, name, value)
  elseif kind == "string" then
    return string.pack("<Bzs4", 0x02, name, value .. "\0")
  elseif kind == "boolean" then
    return string.pack("<BzB", 0x08, name, value and 1 or 0)
  elseif kind == "table" then
    local inner, err = encode_document(value, depth + 1)
    if not inner then return nil, err end
    return string.pack("<Bz", #value > 0 and 0x04 or 0x03, name) .. inner
  end
  return nil, "no form in BSON for a " .. type(value)
end

function encode_document (dict, depth)
  if depth > DEPTH_MAX then return nil, "the document is nested too deeply" end
  local parts = {}
  if #dict > 0 then
    for i, value in ipairs(dict) do
      local part, err = encode_value(i - 1, value, depth)
      if not part then return nil, err end
      parts[#parts + 1] = part
    end
  else
    for _, key in ipairs(sorted_keys(dict)) do
      local part, err = encode_value(key, dict[key], depth)
      if not part then return nil, err end
      parts[#parts + 1] = part
    end
  end
  local body = table.concat(parts)
  return string.pack("<I4", #body + 5) .. body .. "\0"
end

--- Makes a document of a table.
-- @param dict A table of strings, numbers, booleans and tables.
-- @return True or false.
-- @return The bytes, or an error.
function toBson (dict)
  local bytes, err = encode_document(dict, 1)
  if not bytes then return false, err end
  return true, bytes
end

local decode_document

local READERS = {
  [0x01] = function (data, pos) return string.unpack("<d", data, pos) end,
  [0x02] = function (data, pos)
    local text, after = string.unpack("<s4", data, pos)
    return string.sub(text, 1, -2), after
  end,
  [0x05] = function (data, pos)
    local len, _, after = string.unpack("<I4B", data, pos)
    if after + len - 1 > #data then error("cut off") end
    return string.sub(data, after, after + len - 1), after + len
  end,
  [0x06] = function (data, pos) return nil, pos end,
  [0x07] = function (data, pos)
    local id, after = string.unpack("c12", data, pos)
    return stdnse.tohex(id), after
  end,
  [0x08] = function (data, pos)
    local byte, after = string.unpack("B", data, pos)
    return byte ~= 0, after
  end,
  [0x09] = function (data, pos) return string.unpack("<i8", data, pos) end,
  [0x0a] = function (data, pos) return nil, pos end,
  [0x0b] = function (data, pos)
    local pattern, flags, after = string.unpack("zz", data, pos)
    return "/" .. pattern .. "/" .. flags, after
  end,
  [0x0d] = function (data, pos)
    local text, after = string.unpack("<s4", data, pos)
    return string.sub(text, 1, -2), after
  end,
  [0x10] = function (data, pos) return string.unpack("<i4", data, pos) end,
  [0x11] = function (data, pos) return string.unpack("<i8", data, pos) end,
  [0x12] = function (data, pos) return string.unpack("<i8", data, pos) end,
  [0x13] = function (data, pos) return string.unpack("c16", data, pos) end,
  [0x7f] = function (data, pos) return "max", pos end,
  [0xff] = function (data, pos) return "min", pos end,
}

-- Raises if the document is malformed.
function decode_document (data, pos, depth, is_array)
  if depth > DEPTH_MAX then error("nested too deeply") end
  local len = string.unpack("<I4", data, pos)
  if len < 5 or pos + len - 1 > #data then error("cut off") end
  local stop = pos + len - 1
  pos = pos + 4
  local result = {}
  while pos < stop do
    local kind, key, value
    kind, key, pos = string.unpack("Bz", data, pos)
    if kind == 0x03 or kind == 0x04 then
      value, pos = decode_document(data, pos, depth + 1, kind == 0x04)
    else
      local reader = READERS[kind]
      if not reader then error(("unknown type %d"):format(kind)) end
      value, pos = reader(data, pos)
    end
    if is_array then
      result[#result + 1] = value == nil and "" or value
    else
      result[key] = value
    end
  end
  return result, stop + 1
end

--- Reads a document.
-- @param data The bytes.
-- @return A table; or nil.
-- @return What follows the document; or an error.
function fromBson (data)
  local ok, result, after = pcall(decode_document, data, 1, 1, false)
  if not ok then return nil, "the document is malformed" end
  return result, string.sub(data, after)
end

-- Packets ---------------------------------------------------------------------------------------------------------

--- A packet under construction.
-- @class table
-- @name MongoData
MongoData = {}
MongoData.__index = MongoData

local request_id = 0x3000

--- Begins a packet.
-- @param o A table to use, or nil.
-- @param opCode The operation. Default: <code>OP_QUERY</code>.
-- @param responseTo The number of the packet that is answered.
-- @return The packet.
function MongoData:new (o, opCode, responseTo)
  o = setmetatable(o or {}, self)
  request_id = request_id + 1
  o.requestID = request_id
  o.responseTo = responseTo or 0xffffffff
  o.opCode = opCode or OP_QUERY
  o.parts = {}
  return o
end

--- Adds a number of four bytes.
-- @param value The number.
function MongoData:addInt32 (value)
  self.parts[#self.parts + 1] = string.pack("<I4", value & 0xffffffff)
end

--- Adds a string that ends with a zero byte.
-- @param value The string.
function MongoData:addString (value)
  self.parts[#self.parts + 1] = string.pack("z", value)
end

--- Adds a document.
-- @param dict A table.
-- @return True or false.
-- @return An error.
function MongoData:addBSON (dict)
  local status, bytes = toBson(dict)
  if not status then return false, bytes end
  self.parts[#self.parts + 1] = bytes
  return true
end

--- The bytes of the packet.
-- @return A string.
function MongoData:data ()
  local body = table.concat(self.parts)
  return string.pack("<I4I4I4I4", #body + 16, self.requestID, self.responseTo & 0xffffffff, self.opCode) .. body
end

-- A command as OP_QUERY.
local function command (database, document)
  local packet = MongoData:new({}, OP_QUERY)
  packet:addInt32(0)
  packet:addString(database .. ".$cmd")
  packet:addInt32(0)
  packet:addInt32(-1)
  local status, err = packet:addBSON(document)
  if not status then return false, err end
  return true, packet:data()
end

--- A command as <code>OP_MSG</code>, for servers from 3.6 on.
-- @param database The database's name.
-- @param name The command.
-- @param value Its value, such as 1.
-- @return True or false.
-- @return The packet, or an error.
function messageQuery (database, name, value)
  local first, err = encode_value(name, value or 1, 1)
  if not first then return false, err end
  local body = first .. encode_value("$db", database, 1)
  local packet = MongoData:new({}, OP_MSG, 0)
  packet:addInt32(0)
  packet.parts[#packet.parts + 1] = "\0" .. string.pack("<I4", #body + 5) .. body .. "\0"
  return true, packet:data()
end

--- Asks for the state of the server.
-- @param responseTo The number of the packet that is answered.
-- @return True or false.
-- @return The packet, or an error.
function serverStatusQuery (responseTo) return command("test", { serverStatus = 1 }) end

--- Asks for the time of the last operation.
-- @param responseTo The number of the packet that is answered.
-- @return True or false.
-- @return The packet, or an error.
function opTimeQuery (responseTo) return command("test", { getoptime = 1 }) end

--- Asks for the last error.
-- @param responseTo The number of the packet that is answered.
-- @return True or false.
-- @return The packet, or an error.
function lastErrorQuery (responseTo) return command("test", { getlasterror = 1 }) end

--- Asks for version and build.
-- @param responseTo The number of the packet that is answered.
-- @return True or false.
-- @return The packet, or an error.
function buildInfoQuery (responseTo) return command("admin", { buildinfo = 1 }) end

--- Asks for the databases.
-- @param responseTo The number of the packet that is answered.
-- @return True or false.
-- @return The packet, or an error.
function listDbQuery (responseTo) return command("admin", { listDatabases = 1 }) end

--- Tells whether a packet is there as a whole.
-- @param data Bytes received.
-- @return True or false.
function isPacketComplete (data)
  return #data >= 4 and #data >= string.unpack("<I4", data)
end

-- The document in an answer.
local function answer_of (data)
  if #data < 16 then return nil, "the answer is cut off" end
  local operation = string.unpack("<I4", data, 13)
  if operation == OP_REPLY then
    if #data < 36 then return nil, "the answer is cut off" end
    local flags = string.unpack("<I4", data, 17)
    local document, rest = fromBson(string.sub(data, 37))
    if not document then return nil, rest end
    if flags & 2 ~= 0 then return nil, document["$err"] or document.errmsg or "the query failed" end
    return document
  elseif operation == OP_MSG then
    if string.byte(data, 21) ~= 0 then return nil, "the answer is not understood" end
    return fromBson(string.sub(data, 22))
  end
  return nil, "the answer is not understood"
end

--- Sends a packet and reads the answer.
-- @param socket The socket.
-- @param data The packet.
-- @return True or false.
-- @return The document of the answer, a table; or an error.
function query (socket, data)
  local status, err = socket:send(data)
  if not status then return false, err end
  local buffer = ""
  while not isPacketComplete(buffer) do
    if #buffer >= 4 and string.unpack("<I4", buffer) > PACKET_LEN_MAX then return false, "the answer is too long" end
    local received, more = socket:receive()
    if not received then return false, more end
    buffer = buffer .. more
  end
  local document, failure = answer_of(buffer)
  if not document then return false, failure end
  return true, document
end

--- Logs in with the method of servers before 3.0 (<code>MONGODB-CR</code>).
-- @param socket The socket.
-- @param db The database's name.
-- @param username The user's name.
-- @param password The password.
-- @return True if the login is accepted, else false.
-- @return The document of the answer, or an error.
function login (socket, db, username, password)
  local _, packet = command(db, { getnonce = 1 })
  local status, response = query(socket, packet)
  if not status then return false, response end
  local nonce = response.nonce
  if type(nonce) ~= "string" then return false, "the server sent no nonce" end
  local secret = stdnse.tohex(openssl.md5(username .. ":mongo:" .. password))
  local key = stdnse.tohex(openssl.md5(nonce .. username .. secret))
  -- The command's name has to be the first key.
  local body = table.concat({
    encode_value("authenticate", 1, 1), encode_value("user", username, 1), encode_value("nonce", nonce, 1),
    encode_value("key", key, 1),
  })
  local out = MongoData:new({}, OP_QUERY)
  out:addInt32(0)
  out:addString(db .. ".$cmd")
  out:addInt32(0)
  out:addInt32(-1)
  out.parts[#out.parts + 1] = string.pack("<I4", #body + 5) .. body .. "\0"
  status, response = query(socket, out:data())
  if not status then return false, response end
  if response.ok == 1 then return true, response end
  return false, response.errmsg or "Authentication failed"
end

--- Turns a document into lines for <code>stdnse.format_output</code>.
-- @param resultTable A table.
-- @return An array of lines and arrays.
function queryResultToTable (resultTable)
  local keys = {}
  for key in pairs(resultTable) do keys[#keys + 1] = key end
  table.sort(keys, function (a, b)
    if type(a) == "number" and type(b) == "number" then return a < b end
    return tostring(a) < tostring(b)
  end)
  local result = {}
  for _, key in ipairs(keys) do
    local value = resultTable[key]
    if type(value) == "table" then
      result[#result + 1] = tostring(key)
      result[#result + 1] = queryResultToTable(value)
    else
      result[#result + 1] = tostring(key) .. " = " .. tostring(value)
    end
  end
  return result
end

return _ENV
