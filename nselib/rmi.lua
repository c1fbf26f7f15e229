---
-- Java RMI: the protocol of remote calls (JRMP), Java's serialised objects, the registry.
--
-- The sources are Oracle's "RMI Wire Protocol" and "Java Object Serialization Specification".
--
-- @usage
-- local registry = rmi.Registry:new(host, port)
-- local status, names = registry:list()
-- status, object = registry:lookup("name")
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("rmi", stdnse.seeall)

local TIMEOUT_MS = 10000

-- What a stream may hold at most: nesting, objects that can be referred to, items of an array or an annotation.
local DEPTH_MAX = 64
local HANDLES_MAX = 65536
local ITEMS_MAX = 65536
local TEXT_LEN_MAX = 1048576

STREAM_MAGIC = 0xaced
STREAM_VERSION = 5

-- The number of the first object in a stream.
local FIRST_HANDLE = 0x7e0000

--- What stands in front of each part of a stream.
-- @class table
-- @name TC
TC = {
  TC_NULL = 0x70, TC_REFERENCE = 0x71, TC_CLASSDESC = 0x72, TC_OBJECT = 0x73, TC_STRING = 0x74, TC_ARRAY = 0x75,
  TC_CLASS = 0x76, TC_BLOCKDATA = 0x77, TC_ENDBLOCKDATA = 0x78, TC_RESET = 0x79, TC_BLOCKDATALONG = 0x7a,
  TC_EXCEPTION = 0x7b, TC_LONGSTRING = 0x7c, TC_PROXYCLASSDESC = 0x7d, TC_ENUM = 0x7e,
}

local FLAG_NAMES = { { 1, "SC_WRITE_METHOD" }, { 2, "SC_SERIALIZABLE" }, { 4, "SC_EXTERNALIZABLE" }, { 8, "SC_BLOCK_DATA" },
  { 16, "SC_ENUM" } }

--- The names of a class's flags.
-- @param flags The number.
-- @return The names, each with a blank in front.
function flagsToString (flags)
  local text = ""
  for _, flag in ipairs(FLAG_NAMES) do
    if flags & flag[1] ~= 0 then text = text .. " " .. flag[2] end
  end
  return text
end

--- The name of what stands in front of a part.
-- @param constant The number.
-- @return The name.
function tcString (constant)
  for name, value in pairs(TC) do
    if value == constant then return name end
  end
  return ("Unknown code: %x"):format(constant or 0)
end

-- Classes and objects ---------------------------------------------------------------------------------------------

--- A class, and an object of it once its fields have values.
-- @class table
-- @name JavaClass
JavaClass = {}
JavaClass.__index = JavaClass

--- Makes an empty class.
-- @return The class.
function JavaClass:new ()
  return setmetatable({ _binaryflags = 0 }, self)
end

--- Turns it into an array for <code>stdnse.format_output</code>.
-- @return The array.
function JavaClass:toTable ()
  local lines = {}
  if self.ifaces then lines[#lines + 1] = " implements " .. self.ifaces end
  if self.name then lines[#lines + 1] = self.name end
  if self.externalData then lines[#lines + 1] = self.externalData end
  if self.fields and #self.fields > 0 then
    local fields = {}
    for _, field in ipairs(self.fields) do
      local one = { field.type .. " " .. field.name }
      local value = field.value
      if type(value) == "table" and value.toTable then
        one[2] = value:toTable()
      elseif value ~= nil then
        one[2] = { tostring(value) }
      end
      fields[#fields + 1] = one
    end
    lines[#lines + 1] = "fields"
    lines[#lines + 1] = fields
  end
  if self.superClass then
    lines[#lines + 1] = "extends"
    lines[#lines + 1] = self.superClass:toTable()
  end
  return lines
end

--- The class's name.
-- @return The name; nil for a proxy.
function JavaClass:getName () return self.name end

--- The class above.
-- @return The class, or nil.
function JavaClass:getSuperClass () return self.superClass end

--- A field.
-- @param name Its name.
-- @return The field, a table with <code>name</code>, <code>type</code> and <code>value</code>; or nil.
function JavaClass:getFieldByName (name)
  for _, field in ipairs(self.fields or {}) do
    if field.name == name then return field end
  end
end

--- An array: <code>class</code>, <code>length</code>, <code>values</code>.
-- @class table
-- @name JavaArray
JavaArray = {}
JavaArray.__index = JavaArray

--- Makes an empty array.
-- @return The array.
function JavaArray:new ()
  return setmetatable({ values = {} }, self)
end

--- The items.
-- @return A Lua array.
function JavaArray:getValues () return self.values end

--- Turns it into an array for <code>stdnse.format_output</code>.
-- @return The array.
function JavaArray:toTable ()
  local lines = {}
  for _, value in ipairs(self.values) do
    lines[#lines + 1] = type(value) == "table" and value.toTable and value:toTable() or tostring(value)
  end
  return lines
end

-- Reading ---------------------------------------------------------------------------------------------------------

--- Reads a stream of serialised objects. The methods raise if it is malformed or cut off.
-- @class table
-- @name JavaDIS
JavaDIS = {}
JavaDIS.__index = JavaDIS

--- Makes a reader.
-- @param source A function that takes a number and returns that many bytes, or nil.
-- @return The reader.
function JavaDIS:new (source)
  return setmetatable({ source = source, handles = {}, depth = 0, block = "" }, self)
end

--- Reads bytes.
-- @param count How many.
-- @return The bytes.
function JavaDIS:take (count)
  if count > TEXT_LEN_MAX then error("the length is out of bounds", 0) end
  if count == 0 then return "" end
  local data = self.source(count)
  if not data then error("the stream is cut off", 0) end
  return data
end

--- Reads values as <code>string.unpack</code> does.
-- @param format The format; it has to be of a fixed size.
-- @return The values.
function JavaDIS:unpack (format)
  return string.unpack(format, self:take(string.packsize(format)))
end

--- Reads a text with its length in front.
-- @return The text.
function JavaDIS:readUTF ()
  return self:take((self:unpack(">I2")))
end

local function remember (self, value)
  if #self.handles >= HANDLES_MAX then error("too many objects", 0) end
  self.handles[#self.handles + 1] = value
  return value
end

local read_object

-- Objects and blocks up to the mark that ends them. Result: the bytes of all blocks.
local function read_annotation (self)
  local blocks = {}
  for _ = 1, ITEMS_MAX do
    local code = self:unpack("B")
    if code == TC.TC_ENDBLOCKDATA then return table.concat(blocks) end
    if code == TC.TC_BLOCKDATA then
      blocks[#blocks + 1] = self:take((self:unpack("B")))
    elseif code == TC.TC_BLOCKDATALONG then
      blocks[#blocks + 1] = self:take((self:unpack(">I4")))
    else
      read_object(self, code)
    end
  end
  error("an annotation has no end", 0)
end

local PRIMITIVES = {
  B = "b", C = ">I2", D = ">d", F = ">f", I = ">i4", J = ">i8", S = ">i2",
}

local function read_value (self, kind)
  if kind == "Z" then return self:unpack("B") ~= 0 end
  local format = PRIMITIVES[kind]
  if format then return (self:unpack(format)) end
  return read_object(self, (self:unpack("B")))
end

local function read_class_description (self, code)
  if code == TC.TC_NULL then return nil end
  if code == TC.TC_REFERENCE then return read_object(self, code) end
  local class = JavaClass:new()
  if code == TC.TC_PROXYCLASSDESC then
    remember(self, class)
    local count = self:unpack(">I4")
    if count > 256 then error("too many interfaces", 0) end
    local names = {}
    for i = 1, count do names[i] = self:readUTF() .. ", " end
    class.ifaces = table.concat(names)
  elseif code == TC.TC_CLASSDESC then
    class.name = self:readUTF()
    class.serial = stdnse.tohex(self:take(8))
    remember(self, class)
    class._binaryflags = self:unpack("B")
    class.flags = flagsToString(class._binaryflags)
    local count = self:unpack(">I2")
    local fields = {}
    for i = 1, count do
      local kind = self:take(1)
      local field = { name = self:readUTF(), kind = kind, type = kind }
      if kind == "L" or kind == "[" then field.type = tostring(read_object(self, (self:unpack("B")))) end
      fields[i] = field
    end
    if count > 0 then class.fields = fields end
  else
    error("no description of a class: " .. tcString(code), 0)
  end
  read_annotation(self)
  self.depth = self.depth + 1
  if self.depth > DEPTH_MAX then error("nested too deeply", 0) end
  class.superClass = read_class_description(self, (self:unpack("B")))
  self.depth = self.depth - 1
  return class
end

-- The end that a remote reference leads to (java.rmi.server.RemoteObject, "Serialized Form").
local function remote_reference (block)
  local ok, kind, pos = pcall(string.unpack, ">s2", block)
  if not ok then return nil end
  if kind == "UnicastRef2" then pos = pos + 1 elseif kind ~= "UnicastRef" then return nil end
  local read, address, number = pcall(string.unpack, ">s2I4", block, pos)
  return read and ("@%s:%d"):format(address, number) or nil
end

-- A copy of a class, with place for values.
local function instance_of (class)
  local object = JavaClass:new()
  for key, value in pairs(class) do object[key] = value end
  if class.fields then
    object.fields = {}
    for i, field in ipairs(class.fields) do object.fields[i] = { name = field.name, kind = field.kind, type = field.type } end
  end
  if class.superClass then object.superClass = instance_of(class.superClass) end
  return object
end

-- The values of an object: those of the class on top come first.
local function read_class_data (self, object, bottom)
  if object.superClass then read_class_data(self, object.superClass, bottom) end
  local flags = object._binaryflags
  if flags & 2 ~= 0 then
    for _, field in ipairs(object.fields or {}) do field.value = read_value(self, field.kind) end
    if flags & 1 ~= 0 then
      local block = read_annotation(self)
      -- Who extends the class of remote objects is shown with the end, since that is where people look for it.
      if object.name == "java.rmi.server.RemoteObject" then bottom.externalData = remote_reference(block) end
    end
  elseif flags & 4 ~= 0 then
    if flags & 8 == 0 then error("an object in a form of its own", 0) end
    read_annotation(self)
  end
end

local READERS = {
  [TC.TC_NULL] = function () return nil end,
  [TC.TC_REFERENCE] = function (self)
    local value = self.handles[self:unpack(">I4") - FIRST_HANDLE + 1]
    if value == nil then error("a reference to nothing", 0) end
    return value
  end,
  [TC.TC_STRING] = function (self) return remember(self, self:readUTF()) end,
  [TC.TC_LONGSTRING] = function (self)
    local len = self:unpack(">i8")
    if len < 0 or len > TEXT_LEN_MAX then error("the length is out of bounds", 0) end
    return remember(self, self:take(len))
  end,
  [TC.TC_CLASSDESC] = function (self) return read_class_description(self, TC.TC_CLASSDESC) end,
  [TC.TC_PROXYCLASSDESC] = function (self) return read_class_description(self, TC.TC_PROXYCLASSDESC) end,
  [TC.TC_CLASS] = function (self) return remember(self, read_class_description(self, (self:unpack("B")))) end,
  [TC.TC_ARRAY] = function (self)
    local array = JavaArray:new()
    array.class = read_class_description(self, (self:unpack("B")))
    remember(self, array)
    array.length = self:unpack(">I4")
    if array.length > ITEMS_MAX then error("too many items", 0) end
    local kind = string.sub(array.class and array.class.name or "", 2, 2)
    for i = 1, array.length do array.values[i] = read_value(self, kind) or false end
    return array
  end,
  [TC.TC_ENUM] = function (self)
    local class = read_class_description(self, (self:unpack("B")))
    remember(self, class or false)
    return read_object(self, (self:unpack("B")))
  end,
  [TC.TC_OBJECT] = function (self)
    local class = read_class_description(self, (self:unpack("B")))
    if not class then error("an object without a class", 0) end
    local object = remember(self, instance_of(class))
    read_class_data(self, object, object)
    return object
  end,
}

function read_object (self, code)
  local reader = READERS[code]
  if not reader then error("an unknown part: " .. tcString(code), 0) end
  self.depth = self.depth + 1
  if self.depth > DEPTH_MAX then error("nested too deeply", 0) end
  local value = reader(self)
  self.depth = self.depth - 1
  return value
end

--- Reads an object.
-- @return The object: text, a <code>JavaClass</code>, a <code>JavaArray</code>, or nil.
function JavaDIS:readObject ()
  return read_object(self, (self:unpack("B")))
end

-- Calling ---------------------------------------------------------------------------------------------------------

--- What is given to a call.
-- @class table
-- @name Arguments
Arguments = {}
Arguments.__index = Arguments

--- Makes an empty list.
-- @return The list.
function Arguments:new ()
  return setmetatable({ parts = {} }, self)
end

--- Adds a text.
-- @param str The text.
function Arguments:addString (str)
  self.parts[#self.parts + 1] = string.pack(">Bs2", TC.TC_STRING, str)
end

--- Adds bytes as they are.
-- @param str The bytes.
function Arguments:addRaw (str)
  self.parts[#self.parts + 1] = str
end

--- The bytes of all.
-- @return A string.
function Arguments:getData ()
  return table.concat(self.parts)
end

--- A connection on which methods are called.
-- @class table
-- @name RmiDataStream
RmiDataStream = {}
RmiDataStream.__index = RmiDataStream

--- Makes a connection object; nothing is sent.
-- @return The object.
function RmiDataStream:new ()
  return setmetatable({}, self)
end

-- The first bytes: magic, version, the protocol of streams; the answer to it, then both ends.
local PROTOCOL_STREAM, ACKNOWLEDGED = 0x4b, 0x4e
local CALL, RETURN_DATA = 0x50, 0x51
local NORMAL_RETURN, EXCEPTIONAL_RETURN = 1, 2

local function source_of (socket)
  return function (count)
    local status, data = socket:receive_buf(match.numbytes(count), true)
    return status and data or nil
  end
end

--- Connects and shakes hands.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
-- @return An error.
function RmiDataStream:connect (host, port)
  self.socket = nmap.new_socket()
  self.socket:set_timeout(TIMEOUT_MS)
  local status, err = self.socket:connect(host, port)
  if not status then return false, err end
  status, err = self.socket:send(string.pack(">c4I2B", "JRMI", 2, PROTOCOL_STREAM))
  if not status then return false, err end
  local ok, failure = pcall(function ()
    local reader = JavaDIS:new(source_of(self.socket))
    if reader:unpack("B") ~= ACKNOWLEDGED then error("not a server of RMI", 0) end
    reader:readUTF()
    reader:unpack(">I4")
  end)
  if not ok then
    self.socket:close()
    return false, failure
  end
  local _, address = self.socket:get_info()
  return self.socket:send(string.pack(">s2I4", address or "", 0))
end

--- Calls a method and reads what it returns.
-- @param objNum The number of the remote object.
-- @param hash The hash of its interface.
-- @param op The number of the method.
-- @param arguments What is given to it.
-- @return True or false.
-- @return What it returns; or an error.
function RmiDataStream:invoke (objNum, hash, op, arguments)
  local block = string.pack(">i8i4i8i2i4", objNum, 0, 0, 0, op) .. hash
  local call = string.pack(">BI2I2Bs1", CALL, STREAM_MAGIC, STREAM_VERSION, TC.TC_BLOCKDATA, block)
    .. (arguments and arguments:getData() or "")
  local status, err = self.socket:send(call)
  if not status then return false, err end
  local ok, result, exception = pcall(function ()
    local reader = JavaDIS:new(source_of(self.socket))
    if reader:unpack("B") ~= RETURN_DATA then error("the answer is not that to a call", 0) end
    if reader:unpack(">I2") ~= STREAM_MAGIC then error("the answer is not a stream of objects", 0) end
    reader:unpack(">I2")
    if reader:unpack("B") ~= TC.TC_BLOCKDATA then error("the answer has no head", 0) end
    local head = reader:take((reader:unpack("B")))
    return reader:readObject(), string.byte(head) == EXCEPTIONAL_RETURN
  end)
  if not ok then return false, result end
  if exception then
    return false, type(result) == "table" and result.name or "the call raised an exception"
  end
  return true, result
end

--- Closes the connection.
-- @return True or false.
function RmiDataStream:close ()
  return self.socket:close()
end

--- The registry: object 0 of a server.
-- @class table
-- @name Registry
Registry = {}
Registry.__index = Registry

-- The hash of sun.rmi.registry.RegistryImpl_Stub, and the numbers of its methods.
local REGISTRY_HASH = "\x44\x15\x4d\xc9\xd4\xe6\x3b\xdf"
local LIST, LOOKUP = 1, 2

--- Makes an object; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @return The object.
function Registry:new (host, port)
  return setmetatable({ host = host, port = port }, self)
end

--- Connects and shakes hands; every call does this.
-- @return True or false.
-- @return An error.
function Registry:_handshake ()
  self.out = RmiDataStream:new()
  return self.out:connect(self.host, self.port)
end

local function call (self, op, arguments)
  local status, err = self:_handshake()
  if not status then return false, err end
  local answered, result = self.out:invoke(0, REGISTRY_HASH, op, arguments)
  self.out:close()
  return answered, result
end

--- Lists the names.
-- @return True or false.
-- @return A <code>JavaArray</code> of names, or an error.
function Registry:list ()
  local status, names = call(self, LIST)
  if status and (type(names) ~= "table" or not names.getValues) then return false, "the answer is not a list" end
  return status, names
end

--- Asks for an object.
-- @param name Its name.
-- @return True or false.
-- @return The object, or an error.
function Registry:lookup (name)
  local arguments = Arguments:new()
  arguments:addString(name)
  return call(self, LOOKUP, arguments)
end

return _ENV
