---
-- JDWP, which debuggers speak to Java virtual machines: the handshake, commands, and bringing in a class.
--
-- The source is Oracle's "Java Debug Wire Protocol".
--
-- @usage
-- local status, socket = jdwp.connect(host, port)
-- local status, version = jdwp.getVersion(socket, 1)
-- socket:close()
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("jdwp", stdnse.seeall)

local TIMEOUT_MS = 10000
local PACKET_LEN_MAX = 4 * 1024 * 1024

-- A virtual machine may send events at any time; more than this before an answer is too much.
local EVENTS_MAX = 100
local THREADS_MAX, LIST_MAX = 1000, 100000

local HANDSHAKE = "JDWP-Handshake"
local HEAD_LEN = 11
local REPLY_FLAG = 0x80

--- Codes of errors.
-- @class table
-- @name ERROR_CODES
ERROR_CODES = {
  [0] = "NONE No error has occurred.",
  [10] = "INVALID_THREAD Passed thread is null, is not a valid thread or has exited.",
  [11] = "INVALID_THREAD_GROUP Thread group invalid.",
  [13] = "THREAD_NOT_SUSPENDED If the specified thread has not been suspended by an event.",
  [20] = "INVALID_OBJECT If this reference type has been unloaded and garbage collected.",
  [21] = "INVALID_CLASS Invalid class.",
  [23] = "INVALID_METHODID Invalid method.",
  [25] = "INVALID_FIELDID Invalid field.",
  [99] = "NOT_IMPLEMENTED The functionality is not implemented in this virtual machine.",
  [103] = "ILLEGAL_ARGUMENT Illegal argument.",
  [112] = "VM_DEAD The virtual machine is not running.",
  [113] = "INTERNAL An unexpected internal error has occurred.",
}

--- A command.
-- @class table
-- @name JDWPCommandPacket
JDWPCommandPacket = {}
JDWPCommandPacket.__index = JDWPCommandPacket

--- Makes a command.
-- @param id A number that the answer repeats.
-- @param command_set The set the command is in.
-- @param command The command.
-- @param data What it holds.
-- @return The command.
function JDWPCommandPacket:new (id, command_set, command, data)
  return setmetatable({ id = id, flags = 0, command_set = command_set, command = command, data = data or "" }, self)
end

--- Makes the bytes.
-- @return A string.
function JDWPCommandPacket:pack ()
  return string.pack(">I4I4BBB", HEAD_LEN + #self.data, self.id, self.flags, self.command_set, self.command) .. self.data
end

--- An answer.
-- @class table
-- @name JDWPReplyPacket
JDWPReplyPacket = {}
JDWPReplyPacket.__index = JDWPReplyPacket

--- Makes an empty answer.
-- @return The answer.
function JDWPReplyPacket:new ()
  return setmetatable({}, self)
end

--- Reads an answer.
-- @param reply_packet Bytes.
-- @return True or false.
-- @return A table with <code>id</code>, <code>flags</code>, <code>error_code</code> and <code>data</code>; or an error.
function JDWPReplyPacket:parse_reply (reply_packet)
  if #reply_packet < HEAD_LEN then return false, "the packet is cut off" end
  local reply = JDWPReplyPacket:new()
  reply.length, reply.id, reply.flags, reply.error_code = string.unpack(">I4I4BI2", reply_packet)
  if reply.length ~= #reply_packet then return false, "the packet is cut off" end
  if reply.flags & REPLY_FLAG == 0 then return false, "not an answer" end
  if reply.error_code ~= 0 then
    return false, ERROR_CODES[reply.error_code] or ("error %d"):format(reply.error_code)
  end
  reply.data = string.sub(reply_packet, HEAD_LEN + 1)
  return true, reply
end

--- Makes a text with its length in front.
-- @param data The text.
-- @return The bytes.
function toUTF8 (data)
  return string.pack(">s4", data)
end

--- Connects and shakes hands.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
-- @return The socket, or an error.
function connect (host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(TIMEOUT_MS)
  local status, err = socket:connect(host, port)
  if status then status, err = socket:send(HANDSHAKE) end
  local answer
  if status then
    status, answer = socket:receive_buf(match.numbytes(#HANDSHAKE), true)
    err = answer
  end
  if status and answer ~= HANDSHAKE then status, err = false, "JDWP-Handshake expected" end
  if not status then
    socket:close()
    return false, err
  end
  return true, socket
end

--- Reads a whole packet.
-- @param socket The socket.
-- @return True or false.
-- @return The bytes, or an error.
function receive_all (socket)
  local status, head = socket:receive_buf(match.numbytes(HEAD_LEN), true)
  if not status then return false, head end
  local length = string.unpack(">I4", head)
  if length < HEAD_LEN or length > PACKET_LEN_MAX then return false, "the packet's length is out of bounds" end
  if length == HEAD_LEN then return true, head end
  local received, rest = socket:receive_buf(match.numbytes(length - HEAD_LEN), true)
  if not received then return false, rest end
  return true, head .. rest
end

--- Sends a command and reads its answer; events in between are dropped.
-- @param socket The socket.
-- @param command The command.
-- @return True or false.
-- @return The answer's data, or an error.
function executeCommand (socket, command)
  local status, err = socket:send(command:pack())
  if not status then return false, err end
  for _ = 1, EVENTS_MAX do
    local received, packet = receive_all(socket)
    if not received then return false, packet end
    local _, id, flags = string.unpack(">I4I4B", packet)
    if flags & REPLY_FLAG ~= 0 and id == command.id then
      local parsed, reply = JDWPReplyPacket:parse_reply(packet)
      if not parsed then return false, reply end
      return true, reply.data
    end
  end
  return false, "there is no answer between the events"
end

-- Runs a command and reads its data by a function that may raise.
local function ask (socket, id, set, command, data, reader)
  local status, answer = executeCommand(socket, JDWPCommandPacket:new(id, set, command, data))
  if not status then return false, answer end
  local ok, result, more = pcall(reader, answer)
  if not ok then return false, "the answer is malformed" end
  return true, result, more
end

--- Asks for the version.
-- @param socket The socket.
-- @param id A number for the command.
-- @return True or false.
-- @return The description that the virtual machine gives of itself; or an error.
-- @return A table with <code>major</code> and <code>minor</code> of the protocol, <code>version</code> and
--         <code>name</code>.
function getVersion (socket, id)
  return ask(socket, id, 1, 1, "", function (data)
    local details, pos = {}, nil
    local description
    description, details.major, details.minor, pos = string.unpack(">s4I4I4", data)
    details.version, details.name = string.unpack(">s4s4", data, pos)
    return description, details
  end)
end

-- Numbers of threads, classes, methods and objects are of eight octets; callers have them as numbers.
local function number (value) return type(value) == "string" and value or string.pack(">I8", value) end

-- A list with its length in front, each entry read by the function, which returns it and the position after it.
local function read_list (data, pos, read)
  local count, list = nil, {}
  count, pos = string.unpack(">I4", data, pos)
  for i = 1, math.min(count, LIST_MAX) do list[i], pos = read(data, pos) end
  return list, pos
end

-- Commands that look ---------------------------------------------------------------------------------------------

--- Asks for the threads.
-- @param socket The socket.
-- @param id A number for the command.
-- @return True and a list of the threads' numbers, or false and an error.
function getAllThreads (socket, id)
  return ask(socket, id, 1, 4, "", function (data)
    return (read_list(data, 1, function (octets, pos) return string.unpack(">I8", octets, pos) end))
  end)
end

--- Asks for the name of a thread.
-- @param socket The socket.
-- @param id A number for the command.
-- @param threadID The thread's number.
-- @return True and the name, or false and an error.
function getThreadName (socket, id, threadID)
  return ask(socket, id, 11, 1, number(threadID), function (data) return (string.unpack(">s4", data)) end)
end

--- Asks how a thread is.
-- @param socket The socket.
-- @param id A number for the command.
-- @param threadID The thread's number.
-- @return True, what it does (1: runs, 2: sleeps, 3: waits for a lock, 4: waits), and 1 if it is suspended; or false
--         and an error.
function threadStatus (socket, id, threadID)
  return ask(socket, id, 11, 4, number(threadID), function (data)
    local status, suspended = string.unpack(">I4I4", data)
    return status, suspended
  end)
end

-- Reads a class' kind, number and, where `with_names`, signatures; the last word is its status.
local function read_class (with_names)
  return function (data, pos)
    local class = {}
    class.refTypeTag, class.id, pos = string.unpack(">BI8", data, pos)
    if with_names then class.signature, class.genericSignature, pos = string.unpack(">s4s4", data, pos) end
    class.status, pos = string.unpack(">I4", data, pos)
    return class, pos
  end
end

--- Asks for all classes.
-- @param socket The socket.
-- @param id A number for the command.
-- @return True and a list of tables with <code>refTypeTag</code>, <code>id</code>, <code>signature</code>,
--         <code>genericSignature</code> and <code>status</code>; or false and an error.
function getAllClassesWithGeneric (socket, id)
  return ask(socket, id, 1, 20, "", function (data) return (read_list(data, 1, read_class(true))) end)
end

--- Looks for a class.
-- @param socket The socket.
-- @param id A number for the command.
-- @param signature Its name, as in <code>Ljava/lang/Class;</code>.
-- @return True and a list of tables with <code>refTypeTag</code>, <code>id</code> and <code>status</code>, mostly one;
--         or false and an error.
function getClassBySignature (socket, id, signature)
  return ask(socket, id, 1, 2, toUTF8(signature), function (data) return (read_list(data, 1, read_class(false))) end)
end

--- Asks for the methods of a class.
-- @param socket The socket.
-- @param id A number for the command.
-- @param classID The class' number.
-- @return True and a list of tables with <code>id</code>, <code>name</code>, <code>signature</code>,
--         <code>genericSignature</code> and <code>modBits</code>; or false and an error.
function getMethodsWithGeneric (socket, id, classID)
  return ask(socket, id, 2, 15, number(classID), function (data)
    return (read_list(data, 1, function (octets, pos)
      local method = {}
      method.id, method.name, method.signature, method.genericSignature, method.modBits, pos =
        string.unpack(">I8s4s4s4I4", octets, pos)
      return method, pos
    end))
  end)
end

--- Asks for the name of a class.
-- @param socket The socket.
-- @param id A number for the command.
-- @param classID The class' number.
-- @return True and the signature, or false and an error.
function getSignatureWithGeneric (socket, id, classID)
  return ask(socket, id, 2, 13, number(classID), function (data) return (string.unpack(">s4", data)) end)
end

--- Asks for the class that an object describes.
-- @param socket The socket.
-- @param id A number for the command.
-- @param classObjectID The number of the object that describes it.
-- @return True and the class' number, or false and an error.
function getReflectedType (socket, id, classObjectID)
  return ask(socket, id, 17, 1, number(classObjectID), function (data) return (select(2, string.unpack(">BI8", data))) end)
end

--- Asks for the class of an object.
-- @param socket The socket.
-- @param id A number for the command.
-- @param objectID The object's number.
-- @return True and the class' number, or false and an error.
function getRuntimeType (socket, id, objectID)
  return ask(socket, id, 9, 1, number(objectID), function (data) return (select(2, string.unpack(">BI8", data))) end)
end

--- Finds a method of a class.
-- @param socket The socket.
-- @param class The class' number.
-- @param methodName The method's name.
-- @param skipFirst True for the second one of that name.
-- @return The method's number, nil if there is none.
function findMethod (socket, class, methodName, skipFirst)
  local status, methods = getMethodsWithGeneric(socket, 0, class)
  if not status then return nil end
  for _, method in ipairs(methods) do
    if method.name == methodName then
      if not skipFirst then return method.id end
      skipFirst = false
    end
  end
  return nil
end

--- Makes a text inside of the virtual machine.
-- @param socket The socket.
-- @param id A number for the command.
-- @param ascii_string The text.
-- @return True and the text's number, or false and an error.
function createString (socket, id, ascii_string)
  return ask(socket, id, 1, 11, toUTF8(ascii_string), function (data) return (string.unpack(">I8", data)) end)
end

--- Reads a text inside of the virtual machine.
-- @param socket The socket.
-- @param id A number for the command.
-- @param stringID The text's number.
-- @return True and the text, or false and an error.
function readString (socket, id, stringID)
  return ask(socket, id, 10, 1, number(stringID), function (data) return (string.unpack(">s4", data)) end)
end

-- Commands that do something -------------------------------------------------------------------------------------

--- Lets all threads run.
-- @param socket The socket.
-- @param id A number for the command.
-- @return True, or false and an error.
function resumeVM (socket, id) return executeCommand(socket, JDWPCommandPacket:new(id, 1, 9, "")) end

--- Stops a thread.
-- @param socket The socket.
-- @param id A number for the command.
-- @param threadID The thread's number.
-- @return True, or false and an error.
function suspendThread (socket, id, threadID)
  return executeCommand(socket, JDWPCommandPacket:new(id, 11, 2, number(threadID)))
end

--- Asks for an event at the next step of a thread, which then stops.
-- @param socket The socket.
-- @param id A number for the command.
-- @param threadID The thread's number.
-- @return True and the request's number, or false and an error.
function setThreadSinglestep (socket, id, threadID)
  -- A single step stops its thread; one condition: that thread, the least step, into calls.
  local data = string.pack(">BBI4B", 1, 1, 1, 10) .. number(threadID) .. string.pack(">I4I4", 0, 0)
  return ask(socket, id, 15, 1, data, function (answer) return (string.unpack(">I4", answer)) end)
end

--- Takes such a request back.
-- @param socket The socket.
-- @param id A number for the command.
-- @param eventID The request's number.
-- @return True, or false and an error.
function clearThreadSinglestep (socket, id, eventID)
  return executeCommand(socket, JDWPCommandPacket:new(id, 15, 2, string.pack(">BI4", 1, eventID)))
end

-- What a call returned, a value with its kind in front; what it threw is an error.
local function read_value (data)
  local kind = string.sub(data, 1, 1)
  local sizes = { V = 0, Z = 1, B = 1, C = 2, S = 2, I = 4, F = 4 }
  local value = string.sub(data, 1, 1 + (sizes[kind] or 8))
  local thrown = string.unpack(">xI8", data, #value + 1)
  if thrown ~= 0 then return nil, thrown end
  return value
end

local function invoke (socket, id, set, command, data, count, arguments, options)
  local whole = data .. string.pack(">I4", count) .. (arguments or "") .. string.pack(">I4", options or 0)
  local status, value, thrown = ask(socket, id, set, command, whole, read_value)
  if not status then return false, value end
  if not value then return false, ("the call threw an exception (object %d)"):format(thrown) end
  return true, value
end

--- Calls a method of a class.
-- @param socket The socket.
-- @param id A number for the command.
-- @param classID The class' number.
-- @param methodID The method's number.
-- @param numberOfArguments How many arguments there are.
-- @param arguments Their octets, each a kind and a value.
-- @param options Options. Default: none.
-- @param threadID The thread to call in, stopped by an event.
-- @return True and the result, a kind and a value, as octets; or false and an error.
function invokeStaticMethod (socket, id, classID, methodID, numberOfArguments, arguments, options, threadID)
  local data = number(classID) .. number(threadID or 0) .. number(methodID)
  return invoke(socket, id, 3, 3, data, numberOfArguments, arguments, options)
end

--- Calls a method of an object.
-- @param socket The socket.
-- @param id A number for the command.
-- @param objectID The object's number.
-- @param threadID The thread to call in, stopped by an event.
-- @param classID The class' number.
-- @param methodID The method's number.
-- @param numberOfArguments How many arguments there are.
-- @param arguments Their octets, each a kind and a value.
-- @return True and the result, a kind and a value, as octets; or false and an error.
function invokeObjectMethod (socket, id, objectID, threadID, classID, methodID, numberOfArguments, arguments)
  local data = number(objectID) .. number(threadID) .. number(classID) .. number(methodID)
  return invoke(socket, id, 9, 6, data, numberOfArguments or 0, arguments)
end

--- Makes an object.
-- @param socket The socket.
-- @param id A number for the command.
-- @param classID Its class' number.
-- @param threadID The thread to make it in, stopped by an event.
-- @param methodID The number of the constructor.
-- @param numberOfArguments How many arguments there are.
-- @param arguments Their octets, each a kind and a value.
-- @return True and the object's number, or false and an error.
function newClassInstance (socket, id, classID, threadID, methodID, numberOfArguments, arguments)
  local data = number(classID) .. number(threadID) .. number(methodID)
  local status, value = invoke(socket, id, 3, 4, data, numberOfArguments, arguments)
  if not status then return false, value end
  return true, (string.unpack(">xI8", value))
end

--- Makes an array.
-- @param socket The socket.
-- @param id A number for the command.
-- @param arrayType The number of the array's class.
-- @param length How many entries it has.
-- @return True and the array's number, or false and an error.
function newArrayInstance (socket, id, arrayType, length)
  local data = number(arrayType) .. string.pack(">I4", length)
  return ask(socket, id, 4, 1, data, function (answer) return (string.unpack(">xI8", answer)) end)
end

--- Sets entries of an array of octets.
-- @param socket The socket.
-- @param id A number for the command.
-- @param objectID The array's number.
-- @param idx From which entry on, from 0.
-- @param values The octets.
-- @return True, or false and an error.
function setArrayValues (socket, id, objectID, idx, values)
  local data = number(objectID) .. string.pack(">I4I4", idx, #values) .. values
  return executeCommand(socket, JDWPCommandPacket:new(id, 13, 3, data))
end

-- Waits for a thread that stops at a step: its number, or nil and an error.
local function wait_for_step (socket)
  for _ = 1, EVENTS_MAX do
    local status, packet = receive_all(socket)
    if not status then return nil, packet end
    -- A composite event: what stops, how many events, the first one's kind, request and thread.
    if #packet >= HEAD_LEN + 18 and string.byte(packet, 10) == 64 and string.byte(packet, 11) == 100 then
      local _, _, kind, _, thread = string.unpack(">BI4BI4I8", packet, HEAD_LEN + 1)
      if kind == 1 then return thread end
    end
  end
  return nil, "no thread stops"
end

-- Stops a thread by an event, so that methods can be called in it: its number, or nil and an error.
local function stop_thread (socket)
  local status, threads = getAllThreads(socket, 0)
  if not status then return nil, threads end
  local requests = {}
  for i = 1, math.min(#threads, THREADS_MAX) do
    local set, request = setThreadSinglestep(socket, 0, threads[i])
    if set then requests[#requests + 1] = request end
  end
  resumeVM(socket, 0)
  local thread, err = wait_for_step(socket)
  for _, request in ipairs(requests) do clearThreadSinglestep(socket, 0, request) end
  return thread, err
end

-- One class by its name: its number, or nil and an error.
local function class_of (socket, signature)
  local status, classes = getClassBySignature(socket, 0, signature)
  if not status then return nil, classes end
  if not classes[1] then return nil, "there is no class " .. signature end
  return classes[1].id
end

-- The method of that name and those parameters.
local function method_of (socket, class, name, signature)
  local status, methods = getMethodsWithGeneric(socket, 0, class)
  if not status then return nil, methods end
  for _, method in ipairs(methods) do
    if method.name == name and method.signature == signature then return method.id end
  end
  return nil, "there is no method " .. name
end

-- The octets of a class as an array in the virtual machine: its number, or nil and an error.
local function octets_in_machine (socket, octets)
  local kind, err = class_of(socket, "[B")
  if not kind then return nil, err end
  local status, array = newArrayInstance(socket, 0, kind, #octets)
  if not status then return nil, array end
  status, err = setArrayValues(socket, 0, array, 0, octets)
  if not status then return nil, err end
  return array
end

-- Makes the virtual machine prepare a class, before which it tells no methods of it: asks the object that describes it.
local function prepare (socket, thread, described)
  local kind, method, err
  kind, err = class_of(socket, "Ljava/lang/Class;")
  if not kind then return false, err end
  method, err = method_of(socket, kind, "getDeclaredMethods", "()[Ljava/lang/reflect/Method;")
  if not method then return false, err end
  return invokeObjectMethod(socket, 0, described, thread, kind, method, 0, "")
end

--- Brings a class into the virtual machine and makes an object of it. A thread stops for it, until the connection ends.
-- @param socket The socket.
-- @param class_bytes The class, as a compiler wrote it.
-- @return True and a table with the numbers <code>id</code> of the class, <code>instance</code> of the object and
--         <code>thread</code>; or false and an error.
function injectClass (socket, class_bytes)
  local thread, err = stop_thread(socket)
  if not thread then return false, err end
  local loader_class
  loader_class, err = class_of(socket, "Ljava/lang/ClassLoader;")
  if not loader_class then return false, err end
  local find, define
  find, err = method_of(socket, loader_class, "getSystemClassLoader", "()Ljava/lang/ClassLoader;")
  if not find then return false, err end
  define, err = method_of(socket, loader_class, "defineClass", "([BII)Ljava/lang/Class;")
  if not define then return false, err end
  local status, loader = invokeStaticMethod(socket, 0, loader_class, find, 0, "", 0, thread)
  if not status then return false, loader end
  local array
  array, err = octets_in_machine(socket, class_bytes)
  if not array then return false, err end
  local arguments = string.pack(">c1I8c1I4c1I4", "[", array, "I", 0, "I", #class_bytes)
  local described
  status, described =
    invokeObjectMethod(socket, 0, string.sub(loader, 2), thread, loader_class, define, 3, arguments)
  if not status then return false, described end
  status, err = prepare(socket, thread, string.sub(described, 2))
  if not status then return false, err end
  local class, instance
  status, class = getReflectedType(socket, 0, string.sub(described, 2))
  if not status then return false, class end
  local constructor = findMethod(socket, class, "<init>", false)
  if not constructor then return false, "the class has no constructor" end
  status, instance = newClassInstance(socket, 0, class, thread, constructor, 0, "")
  if not status then return false, instance end
  return true, { id = class, instance = instance, thread = thread }
end

return _ENV
