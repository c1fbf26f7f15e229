---
-- NetWare Core Protocol over TCP (NCP): what a file server says of itself.
--
-- The source is Novell's "NetWare Core Protocols" reference. Questions to the directory (NDS) are not made:
-- <code>search</code> and <code>ResolveName</code> say so.
--
-- @usage
-- local helper = ncp.Helper:new(host, port)
-- helper:connect()
-- local status, info = helper:getServerInfo()
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("ncp", stdnse.seeall)

local TIMEOUT_MS = 10000
local HEADER_LEN, ANSWER_LEN_MAX = 8, 65536
local SIGNATURE_REQUEST, SIGNATURE_REPLY = "DmdT", "tNcP"
local REPLY_BUFFER_LEN = 0
local NO_DIRECTORY = "Questions to the directory are not supported"

--- Kinds of messages.
NCPType = { CreateConnection = 0x1111, ServiceRequest = 0x2222, ServiceReply = 0x3333, DestroyConnection = 0x5555,
  PositiveAck = 0x9999 }

--- Functions, and with them subfunctions.
NCPFunction = { GetMountVolumeList = { 0x16, 0x34 }, GetFileServerInfo = { 0x17, 0x11 }, Ping = { 0x68, 0x01 },
  EnumerateNetworkAddress = { 0x7b, 0x11 } }

--- Questions to the directory.
NCPVerb = { Resolve = 1, ReadEntry = 3, List = 5, Search = 6 }

--- Results.
Status = { CONNECTION_OK = 0, COMPLETION_OK = 0 }

--- A request.
Packet = {}
Packet.__index = Packet

--- Makes a request.
-- @return The request; <code>tostring</code> makes its octets.
function Packet:new ()
  return setmetatable({ type = NCPType.ServiceRequest, sequence = 0, connection = 0, task = 1, reply_len = REPLY_BUFFER_LEN },
    self)
end

--- Sets the kind.
-- @param t One of <code>NCPType</code>.
function Packet:setType (t) self.type = t end

--- The kind.
-- @return The number.
function Packet:getType () return self.type end

--- Sets the connection's number.
-- @param n The number.
function Packet:setConnNo (n) self.connection = n end

--- The connection's number.
-- @return The number.
function Packet:getConnNo () return self.connection end

--- Sets the request's number.
-- @param n The number.
function Packet:setSeqNo (n) self.sequence = n & 0xff end

--- The request's number.
-- @return The number.
function Packet:getSeqNo () return self.sequence end

--- Sets the task.
-- @param task The number.
function Packet:setTask (task) self.task = task end

--- Sets the function.
-- @param f The number.
function Packet:setFunc (f) self.func = f end

--- The function.
-- @return The number.
function Packet:getFunc () return self.func end

--- Sets the subfunction.
-- @param n The number.
function Packet:setSubFunc (n) self.subfunc = n end

--- The subfunction.
-- @return The number.
function Packet:getSubFunc () return self.subfunc end

--- Sets what follows.
-- @param data The octets.
function Packet:setData (data) self.data = data end

--- What follows.
-- @return The octets.
function Packet:getData () return self.data end

--- Sets how long the answer may be.
-- @param n The length.
function Packet:setNCPReplyBuf (n) self.reply_len = n end

function Packet:__tostring ()
  local body = string.pack(">I2BBBB", self.type, self.sequence, self.connection & 0xff, self.task, self.connection >> 8)
  if self.type == NCPType.ServiceRequest then
    body = body .. string.char(self.func)
    local rest = (self.subfunc and string.char(self.subfunc) or "") .. (self.data or "")
    -- Some functions have the length of what follows in front of the subfunction.
    body = body .. (self.func == 0x17 and string.pack(">s2", rest) or rest)
  else
    body = body .. "\0"
  end
  return string.pack(">c4I4I4I4", SIGNATURE_REQUEST, 16 + #body, 1, self.reply_len) .. body
end

--- An answer.
Response = {}
Response.__index = Response

--- Reads an answer.
-- @param header The 8 octets in front.
-- @param data The octets after them.
-- @return The answer: a table with <code>type</code>, <code>sequence</code>, <code>connection</code>,
--         <code>task</code>, <code>completion</code>, <code>status</code> and <code>data</code>; nil if it is none.
function Response:new (header, data)
  if #data < 8 then return nil end
  local o = setmetatable({ header = header, length = string.unpack(">I4", header, 5) }, self)
  local low, high, pos
  o.type, o.sequence, low, o.task, high, o.completion, o.status, pos = string.unpack(">I2BBBBBB", data)
  o.connection, o.data = high << 8 | low, string.sub(data, pos)
  return o
end

--- Receives an answer.
-- @param socket The socket.
-- @return True and the answer, or false and an error.
function Response.fromSocket (socket)
  local status, header = socket:receive_buf(match.numbytes(HEADER_LEN), true)
  if not status then return false, header end
  local signature, len = string.unpack(">c4I4", header)
  if signature ~= SIGNATURE_REPLY then return false, "the answer is none of NCP" end
  if len < HEADER_LEN + 8 or len > ANSWER_LEN_MAX then return false, "the answer's length is out of bounds" end
  local data
  status, data = socket:receive_buf(match.numbytes(len - HEADER_LEN), true)
  if not status then return false, data end
  return true, Response:new(header, data)
end

--- Whether the server refuses.
-- @return True or false.
function Response:hasErrors () return self.completion ~= 0 or self.status & 0x0f ~= 0 end

--- The completion's number.
-- @return The number, 0 for success.
function Response:getErrorCode () return self.completion end

--- The octets of the answer.
-- @return Octets.
function Response:getData () return self.data end

--- The octets in front.
-- @return Octets.
function Response:getHeader () return self.header end

--- The answer's length.
-- @return The length.
function Response:getLength () return self.length end

--- The answer's connection.
-- @return The number.
function Response:getConnNo () return self.connection end

--- Helpers of helpers.
Util = {}

--- A text up to its zero.
-- @param str The octets.
-- @return The text.
function Util.CToLuaString (str) return string.match(str, "^%Z*") end

--- Fills up a text with zeros.
-- @param str The text.
-- @param len How long it is to be.
-- @return The text.
function Util.ZeroPad (str, len) return str .. string.rep("\0", len - #str) end

--- What answers hold, by function. The functions may raise.
ResponseParser = {}

--- What a server says of itself.
-- @param data The answer's octets.
-- @return Table with <code>srvname</code>, <code>os_major</code>, <code>os_minor</code>, <code>conns_max_use</code>,
--         <code>conns_inuse</code>, <code>volumes_max</code> and, from newer servers, <code>prod_major</code>,
--         <code>prod_minor</code>, <code>prod_revision</code> and <code>os_lang_id</code>.
function ResponseParser.GetFileServerInfo (data)
  local info, name, pos = {}, nil, nil
  name, info.os_major, info.os_minor, info.conns_max_use, info.conns_inuse, info.volumes_max, info.os_rev,
    info.sftsupportlevel, info.ttssupportlevel, pos = string.unpack(">c48BBI2I2I2BBB", data)
  info.srvname = Util.CToLuaString(name)
  -- Most used connections, versions of parts, levels and flags come in between.
  pos = pos + 11
  if #data >= pos + 6 then
    info.prod_major, info.prod_minor, info.prod_revision, info.os_lang_id = string.unpack(">I2I2I2B", data, pos)
  end
  return info
end

--- What a server's directory says.
-- @param data The answer's octets.
-- @return Table with <code>tree_name</code>.
function ResponseParser.Ping (data)
  local len = string.unpack("<I4", data)
  local name = string.unpack("c" .. len, data, 5)
  -- Names are filled up with underscores.
  return { tree_name = (string.gsub(Util.CToLuaString(name), "_+$", "")) }
end

--- A connection.
NCP = {}
NCP.__index = NCP

--- Makes a connection of a socket.
-- @param socket The socket, connected.
-- @return The connection.
function NCP:new (socket) return setmetatable({ socket = socket, sequence = -1, connection = 0 }, self) end

--- Sends a request.
-- @param p The request.
-- @return True, or false and an error.
function NCP:SendPacket (p) return self.socket:send(tostring(p)) end

--- Sends a request and receives its answer.
-- @param p The request.
-- @return True and the answer, or false and an error.
function NCP:Exch (p)
  local status, err = self:SendPacket(p)
  if not status then return false, err end
  local response
  status, response = Response.fromSocket(self.socket)
  if not status then return false, response end
  if response:hasErrors() then return false, ("The server refuses (0x%02x)"):format(response.completion) end
  return true, response
end

--- Asks for a connection's number.
-- @return True, or false and an error.
function NCP:CreateConnect ()
  local p = Packet:new()
  p:setType(NCPType.CreateConnection)
  local status, response = self:Exch(p)
  if not status then return false, response end
  self.connection = response.connection
  return true
end

--- Gives the number back.
-- @return True, or false and an error.
function NCP:DestroyConnect ()
  local p = Packet:new()
  p:setType(NCPType.DestroyConnection)
  p:setConnNo(self.connection)
  return self:Exch(p)
end

local function ask (self, func, read)
  self.sequence = self.sequence + 1
  local p = Packet:new()
  p:setConnNo(self.connection)
  p:setSeqNo(self.sequence)
  p:setFunc(func[1])
  p:setSubFunc(func[2])
  local status, response = self:Exch(p)
  if not status then return false, response end
  local ok, result = pcall(read, response.data)
  if not ok then return false, "The answer is malformed" end
  return true, result
end

--- Asks what the server is.
-- @return True and a table, see <code>ResponseParser.GetFileServerInfo</code>; or false and an error.
function NCP:GetFileServerInfo () return ask(self, NCPFunction.GetFileServerInfo, ResponseParser.GetFileServerInfo) end

--- Asks which tree of the directory the server is in.
-- @return True and a table with <code>tree_name</code>, or false and an error.
function NCP:Ping () return ask(self, NCPFunction.Ping, ResponseParser.Ping) end

Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @param host The host table.
-- @param port The port table.
-- @return The helper.
function Helper:new (host, port) return setmetatable({ host = host, port = port }, self) end

--- Connects.
-- @return True, or false and an error.
function Helper:connect ()
  local socket = nmap.new_socket()
  socket:set_timeout(TIMEOUT_MS)
  local status, err = socket:connect(self.host, self.port)
  if not status then return false, err end
  self.socket, self.ncp = socket, NCP:new(socket)
  status, err = self.ncp:CreateConnect()
  if not status then return false, err end
  return true
end

--- Learns what the server says of itself.
-- @return True and a list of lines, or false and an error.
function Helper:getServerInfo ()
  local status, info = self.ncp:GetFileServerInfo()
  if not status then return false, info end
  local lines = { "Server name: " .. info.srvname }
  local asked, tree = self.ncp:Ping()
  if asked and tree.tree_name ~= "" then lines[#lines + 1] = "Tree Name: " .. tree.tree_name end
  lines[#lines + 1] = ("OS Version: %d.%d"):format(info.os_major, info.os_minor)
  if info.prod_major then
    lines[#lines + 1] = ("Product version: %d.%d (rev %d)"):format(info.prod_major, info.prod_minor, info.prod_revision)
    lines[#lines + 1] = "OS Language ID: " .. info.os_lang_id
  end
  return true, lines
end

--- Searches the directory: not supported.
-- @return False and an error.
function Helper:search () return false, NO_DIRECTORY end

--- Looks up a name in the directory: not supported.
-- @return False and an error.
function Helper:ResolveName () return false, NO_DIRECTORY end

--- Closes the connection.
-- @return True, or false and an error.
function Helper:close ()
  if self.ncp then self.ncp:DestroyConnect() end
  return self.socket:close()
end

return _ENV
