---
-- DRDA, which clients speak to Db2, Informix and Derby: what a server tells about itself, and logging in.
--
-- The source is The Open Group's "DRDA, Volume 3: Distributed Data Management Architecture".
--
-- @usage
-- local helper = drda.Helper:new()
-- helper:connect(host, port)
-- local status, info = helper:getServerInfo()
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("drda", stdnse.seeall)

local TIMEOUT_MS = 10000
local DATA_LEN_MAX = 65535

-- More structures are not read as one answer.
local CHAIN_MAX = 64

-- Text --------------------------------------------------------------------------------------------------------------

-- Code page 500: the byte of each printable character of ASCII, from the blank on.
local EBCDIC_OF_ASCII = "\x40\x4f\x7f\x7b\x5b\x6c\x50\x7d\x4d\x5d\x5c\x4e\x6b\x60\x4b\x61" -- blank to /
  .. "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\x7a\x5e\x4c\x7e\x6e\x6f" -- 0 to ?
  .. "\x7c\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xd1\xd2\xd3\xd4\xd5\xd6" -- @ to O
  .. "\xd7\xd8\xd9\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\x4a\xe0\x5a\x5f\x6d" -- P to _
  .. "\x79\x81\x82\x83\x84\x85\x86\x87\x88\x89\x91\x92\x93\x94\x95\x96" -- ` to o
  .. "\x97\x98\x99\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xc0\xbb\xd0\xa1" -- p to ~

local TO_EBCDIC, TO_ASCII = {}, {}
for i = 1, #EBCDIC_OF_ASCII do
  local ascii, ebcdic = string.char(31 + i), string.sub(EBCDIC_OF_ASCII, i, i)
  TO_EBCDIC[ascii], TO_ASCII[ebcdic] = ebcdic, ascii
end

--- Text in EBCDIC.
-- @class table
-- @name StringUtil
StringUtil = {}

--- From ASCII to EBCDIC; what has no place becomes a blank.
-- @param ascii The text.
-- @return The bytes.
function StringUtil.toEBCDIC (ascii)
  return (string.gsub(ascii, ".", function (c) return TO_EBCDIC[c] or "\x40" end))
end

--- From EBCDIC to ASCII; what has no place becomes a blank.
-- @param ebcdic The bytes.
-- @return The text.
function StringUtil.toASCII (ebcdic)
  return (string.gsub(ebcdic, ".", function (c) return TO_ASCII[c] or " " end))
end

--- Fills up a text at its end.
-- @param str The text.
-- @param chr What to fill with.
-- @param len The length it shall have.
-- @return The text.
function StringUtil.padWithChar (str, chr, len)
  return str .. string.rep(chr, len - #str)
end

-- Structures ------------------------------------------------------------------------------------------------------

--- Numbers of structures.
-- @class table
-- @name CodePoint
CodePoint = {
  CODEPNT = 0x000c, TYPDEFNAM = 0x002f, TYPDEFOVR = 0x0035, EXCSAT = 0x1041, ACCSEC = 0x106d, SECCHK = 0x106e,
  PRDID = 0x112e, SRVCLSNM = 0x1147, SVRCOD = 0x1149, SYNERRCD = 0x114a, SRVRLSLV = 0x115a, EXTNAM = 0x115e,
  SRVNAM = 0x116d, USRID = 0x11a0, PASSWORD = 0x11a1, SECMEC = 0x11a2, SECCHKCD = 0x11a4, SECCHKRM = 0x1219,
  SYNTAXRM = 0x124c, MGRLVLLS = 0x1404, EXCSATRD = 0x1443, ACCSECRD = 0x14ac, ACCRDB = 0x2001, PRDDATA = 0x2104,
  RDBACCL = 0x210f, RDBNAM = 0x2110, CRRTKN = 0x2135, ACCRDBRM = 0x2201, RDBNFNRM = 0x2211, RDBAFLRM = 0x221a,
  RDBATHRM = 0x22cb, RDBACCL_SQL = 0x2407,
}

--- Ways to log in.
-- @class table
-- @name SecMec
SecMec = {
  USER_PASSWORD = 3, USER_ONLY = 4, CHANGE_PASSWORD = 5, USER_PASS_SUBST = 6, USER_ENC_PASS = 7, ENC_USER_ENC_PASS = 9,
  ENC_CHANGE_PASS = 10, KERBEROS = 11, ENC_USER_DATA = 12, ENC_USER_ENC_PASS_ENC_DATA = 13,
  ENC_USER_ENC_PASS_ENC_NEWPASS_ENC_DATA = 14,
}

--- The head of a structure: length, magic, format, number, inner length, what it is.
-- @class table
-- @name DDM
DDM = {
  Magic = 0xd0,
  Formats = { RESERVED = 0x80, CHAINED = 0x40, CONTINUE = 0x20, SAME_CORRELATION = 0x10 },
}
DDM.__index = DDM

--- Makes a head.
-- @param codepoint What the structure is.
-- @param length The length of its parameters.
-- @param corelid The number of the request. Default: 1.
-- @return The head; <code>tostring</code> makes the bytes.
function DDM:new (codepoint, length, corelid)
  return setmetatable({ CodePoint = codepoint or 0, Length = (length or 0) + 10, Length2 = (length or 0) + 4, Format = 0x01,
    CorelId = corelid or 1 }, self)
end

--- Sets whether another structure follows.
-- @param chained True or false.
function DDM:setChained (chained)
  if chained then self.Format = self.Format | DDM.Formats.CHAINED else self.Format = self.Format & ~DDM.Formats.CHAINED end
end

--- Tells whether another structure follows.
-- @return True or false.
function DDM:isChained ()
  return self.Format & DDM.Formats.CHAINED ~= 0
end

--- Reads a head from ten bytes.
-- @param str The bytes.
-- @return True or false, and an error.
function DDM:fromString (str)
  if #str < 10 then return false, "the head is cut off" end
  self.Length, self.Magic, self.Format, self.CorelId, self.Length2, self.CodePoint = string.unpack(">I2BBI2I2I2", str)
  if self.Magic ~= DDM.Magic or self.Length < 10 then return false, "not a structure of DRDA" end
  return true
end

function DDM:__tostring ()
  return string.pack(">I2BBI2I2I2", self.Length, DDM.Magic, self.Format, self.CorelId, self.Length2, self.CodePoint)
end

--- A parameter.
-- @class table
-- @name DRDAParameter
DRDAParameter = {}
DRDAParameter.__index = DRDAParameter

--- Makes a parameter.
-- @param codepoint What it is.
-- @param data Its value.
-- @return The parameter; <code>tostring</code> makes the bytes.
function DRDAParameter:new (codepoint, data)
  return setmetatable({ CodePoint = codepoint, Data = data or "" }, self)
end

--- The value.
-- @return The bytes.
function DRDAParameter:getData () return self.Data end

--- The value as text.
-- @return The text.
function DRDAParameter:getDataAsASCII () return StringUtil.toASCII(self.Data) end

--- Reads a parameter.
-- @param data Bytes.
-- @param pos Where it starts.
-- @return Where it ends; nil if it is malformed.
function DRDAParameter:fromString (data, pos)
  if pos + 3 > #data then return nil end
  local length, codepoint, start = string.unpack(">I2I2", data, pos)
  if length < 4 or pos + length - 1 > #data then return nil end
  self.CodePoint, self.Data = codepoint, string.sub(data, start, pos + length - 1)
  return pos + length
end

function DRDAParameter:__tostring ()
  return string.pack(">I2I2", #self.Data + 4, self.CodePoint) .. self.Data
end

--- A structure: its head and parameters.
-- @class table
-- @name DRDA
DRDA = {}
DRDA.__index = DRDA

--- Makes an empty structure.
-- @return The structure; <code>tostring</code> makes the bytes.
function DRDA:new ()
  return setmetatable({ Params = {} }, self)
end

--- Sets the head.
-- @param ddm The head.
function DRDA:setDDM (ddm) self.DDM = ddm end

--- Adds a parameter; nil is ignored.
-- @param param The parameter.
function DRDA:addParameter (param)
  if not param then return end
  self.Params[#self.Params + 1] = param
  local length = 0
  for _, one in ipairs(self.Params) do length = length + #one.Data + 4 end
  self.DDM.Length, self.DDM.Length2 = length + 10, length + 4
end

--- A parameter.
-- @param codepoint What it is.
-- @return The first one, or nil.
function DRDA:getParameter (codepoint)
  for _, one in ipairs(self.Params) do
    if one.CodePoint == codepoint then return one end
  end
end

--- Reads a structure.
-- @param socket The socket.
-- @return True or false.
-- @return An error.
function DRDA:receive (socket)
  local status, head = socket:receive_buf(match.numbytes(10), true)
  if not status then return false, head end
  self.DDM = DDM:new()
  local parsed, err = self.DDM:fromString(head)
  if not parsed then return false, err end
  local len = self.DDM.Length - 10
  if len > DATA_LEN_MAX then return false, "the structure is too long" end
  local data = ""
  if len > 0 then
    status, data = socket:receive_buf(match.numbytes(len), true)
    if not status then return false, data end
  end
  -- What is not a list of parameters, as replies of data, is kept as it is.
  self.Data = data
  local pos = 1
  while pos <= #data do
    local param = DRDAParameter:new()
    local stop = param:fromString(data, pos)
    if not stop then break end
    self.Params[#self.Params + 1] = param
    pos = stop
  end
  return true
end

--- Sends the structure.
-- @param socket The socket.
-- @return True or false.
-- @return An error.
function DRDA:send (socket)
  return socket:send(tostring(self))
end

function DRDA:__tostring ()
  local parts = { tostring(self.DDM) }
  for _, one in ipairs(self.Params) do parts[#parts + 1] = tostring(one) end
  return table.concat(parts)
end

--- A chain of structures.
-- @class table
-- @name DRDAPacket
DRDAPacket = {}
DRDAPacket.__index = DRDAPacket

--- Makes a chain.
-- @param drda_array An array of structures.
-- @return The chain; <code>tostring</code> makes the bytes.
function DRDAPacket:new (drda_array)
  return setmetatable({ drda_array = drda_array or {} }, self)
end

--- A structure by its place.
-- @param n The place.
-- @return The structure, or nil.
function DRDAPacket:getDRDA (n) return self.drda_array[n] end

--- A structure by what it is.
-- @param codepoint What it is.
-- @return The structure, or nil.
function DRDAPacket:getDRDAByCodePoint (codepoint)
  for _, one in ipairs(self.drda_array) do
    if one.DDM.CodePoint == codepoint then return one end
  end
end

function DRDAPacket:__tostring ()
  local parts = {}
  for i, one in ipairs(self.drda_array) do
    one.DDM:setChained(i < #self.drda_array)
    one.DDM.CorelId = i
    parts[i] = tostring(one)
  end
  return table.concat(parts)
end

-- Commands --------------------------------------------------------------------------------------------------------

local function structure (codepoint, params)
  local drda = DRDA:new()
  drda:setDDM(DDM:new(codepoint))
  for _, param in ipairs(params) do drda:addParameter(DRDAParameter:new(param[1], param[2])) end
  return drda
end

local function text (str) return StringUtil.toEBCDIC(str) end

--- Makers of requests.
-- @class table
-- @name Command
Command = {}

--- Introduces the client.
-- @param extname The client's name.
-- @param srvname The name of its system.
-- @param rellev The version of its software.
-- @param mgrlvlls The levels of its managers, bytes.
-- @param srvclass The kind of its system.
-- @return The structure.
function Command.EXCSAT (extname, srvname, rellev, mgrlvlls, srvclass)
  return structure(CodePoint.EXCSAT, {
    { CodePoint.EXTNAM, text(extname) }, { CodePoint.SRVNAM, text(srvname) }, { CodePoint.SRVRLSLV, text(rellev) },
    { CodePoint.MGRLVLLS, mgrlvlls }, { CodePoint.SRVCLSNM, text(srvclass) },
  })
end

-- Names of databases have at least 18 bytes.
local function database_name (database)
  return StringUtil.padWithChar(text(database), "\x40", 18)
end

--- Asks for a way to log in.
-- @param secmec The way.
-- @param database The database's name.
-- @return The structure.
function Command.ACCSEC (secmec, database)
  local params = { { CodePoint.SECMEC, string.pack(">I2", secmec) } }
  if database then params[2] = { CodePoint.RDBNAM, database_name(database) } end
  return structure(CodePoint.ACCSEC, params)
end

--- Gives name and password.
-- @param secmec The way to log in.
-- @param database The database's name.
-- @param username The user's name.
-- @param password The password.
-- @return The structure.
function Command.SECCHK (secmec, database, username, password)
  return structure(CodePoint.SECCHK, {
    { CodePoint.SECMEC, string.pack(">I2", secmec) }, { CodePoint.RDBNAM, database_name(database) },
    { CodePoint.USRID, text(username) }, { CodePoint.PASSWORD, text(password) },
  })
end

--- Opens a database.
-- @param database The database's name.
-- @param rdbaccl The kind of access, bytes.
-- @param prdid The client's product.
-- @param prddata More about it, bytes.
-- @param typdefnam The name of the client's types.
-- @param crrtkn A token, bytes.
-- @param typdefovr Character sets, bytes.
-- @return The structure.
function Command.ACCRDB (database, rdbaccl, prdid, prddata, typdefnam, crrtkn, typdefovr)
  local params = { { CodePoint.RDBNAM, database_name(database) }, { CodePoint.RDBACCL, rdbaccl },
    { CodePoint.PRDID, text(prdid) }, { CodePoint.TYPDEFNAM, text(typdefnam) } }
  for _, one in ipairs({ { CodePoint.PRDDATA, prddata }, { CodePoint.CRRTKN, crrtkn }, { CodePoint.TYPDEFOVR, typdefovr } }) do
    if one[2] then params[#params + 1] = one end
  end
  return structure(CodePoint.ACCRDB, params)
end

--- A connection.
-- @class table
-- @name Comm
Comm = {}
Comm.__index = Comm

--- Makes a connection object; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @return The object.
function Comm:new (host, port)
  return setmetatable({ host = host, port = port, socket = nmap.new_socket() }, self)
end

--- Connects.
-- @return True or false.
-- @return An error.
function Comm:connect ()
  self.socket:set_timeout(TIMEOUT_MS)
  return self.socket:connect(self.host, self.port, "tcp")
end

--- Closes the connection.
-- @return True or false.
function Comm:close ()
  return self.socket:close()
end

--- Reads a chain of structures.
-- @return True or false.
-- @return An array of structures, or an error.
function Comm:recvDRDA ()
  local list = {}
  for i = 1, CHAIN_MAX do
    local drda = DRDA:new()
    local status, err = drda:receive(self.socket)
    if not status then return false, err end
    list[i] = drda
    if not drda.DDM:isChained() then return true, list end
  end
  return false, "the chain has no end"
end

--- Sends a chain and reads one.
-- @param packet The chain.
-- @return True or false.
-- @return The chain that is answered, or an error.
function Comm:exchDRDAPacket (packet)
  local status, err = self.socket:send(tostring(packet))
  if not status then return false, err end
  local received, list = self:recvDRDA()
  if not received then return false, list end
  return true, DRDAPacket:new(list)
end

--- What scripts use.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper; nothing is sent.
-- @return The helper.
function Helper:new ()
  return setmetatable({}, self)
end

--- Connects.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
-- @return An error.
function Helper:connect (host, port)
  self.comm = Comm:new(host, port)
  return self.comm:connect()
end

--- Closes the connection.
-- @return True or false.
function Helper:close ()
  return self.comm and self.comm:close()
end

-- Levels of managers as Derby's client and others have them: agent, SQL, security, RDB, TCP/IP.
local MANAGERS = string.pack(">I2I2I2I2I2I2I2I2I2I2", 0x1403, 7, 0x2407, 7, 0x1440, 7, 0x240f, 7, 0x1474, 5)

-- Character sets: one byte, two bytes, mixed (CCSID 1208, 1200, 1208). Servers know products by name: Derby's client.
local CHARACTER_SETS = string.pack(">I2I2I2I2I2I2I2I2I2", 6, 0x119c, 1208, 6, 0x119d, 1200, 6, 0x119e, 1208)

-- The name of the unit of work: address and port as logical names, and a number.
local TOKEN = text("N7F00001.G401") .. string.pack(">I6", 1)

local function open_database (database)
  return Command.ACCRDB(database, string.pack(">I2", CodePoint.RDBACCL_SQL), "DNC10020", nil, "QTDSQLASC", TOKEN,
    CHARACTER_SETS)
end

local function introduce ()
  return Command.EXCSAT("perilune", "perilune", "PLN01000", MANAGERS, "QDB2/JVM")
end

--- Asks for what the server tells about itself.
-- @return True or false.
-- @return A table with <code>extname</code>, <code>srvclass</code>, <code>srvname</code> and <code>prodrel</code>; or an error.
function Helper:getServerInfo ()
  local status, answer = self.comm:exchDRDAPacket(DRDAPacket:new({ introduce() }))
  if not status then return false, answer end
  local drda = answer:getDRDAByCodePoint(CodePoint.EXCSATRD)
  if not drda then return false, "the server tells nothing about itself" end
  local info = {}
  for name, codepoint in pairs({ extname = CodePoint.EXTNAM, srvclass = CodePoint.SRVCLSNM, srvname = CodePoint.SRVNAM,
    prodrel = CodePoint.SRVRLSLV }) do
    local param = drda:getParameter(codepoint)
    if param then info[name] = string.match(param:getDataAsASCII(), "^(.-)%s*$") end
  end
  return true, info
end

--- Logs in.
-- @param database The database's name.
-- @param username The user's name.
-- @param password The password.
-- @return True if the login is accepted, else false.
-- @return An error.
function Helper:login (database, username, password)
  local way = SecMec.USER_PASSWORD
  local status, answer = self.comm:exchDRDAPacket(DRDAPacket:new({ introduce(), Command.ACCSEC(way, database) }))
  if not status then return false, answer end
  if answer:getDRDAByCodePoint(CodePoint.RDBNFNRM) then return false, ("The database %s was not found"):format(database) end
  local drda = answer:getDRDAByCodePoint(CodePoint.ACCSECRD)
  local offered = drda and drda:getParameter(CodePoint.SECMEC)
  if not offered then return false, "the server does not answer the wish to log in" end
  local known = false
  for pos = 1, #offered.Data - 1, 2 do known = known or string.unpack(">I2", offered.Data, pos) == way end
  if not known then return false, "the server wants another way to log in" end

  status, answer = self.comm:exchDRDAPacket(DRDAPacket:new({
    Command.SECCHK(way, database, username, password), open_database(database),
  }))
  if not status then return false, answer end
  if answer:getDRDAByCodePoint(CodePoint.RDBNFNRM) then return false, ("The database %s was not found"):format(database) end
  drda = answer:getDRDAByCodePoint(CodePoint.SECCHKRM)
  local code = drda and drda:getParameter(CodePoint.SECCHKCD)
  if not code or code.Data ~= "\0" then return false, "Login failed" end
  if answer:getDRDAByCodePoint(CodePoint.RDBATHRM) then return false, "the user may not use the database" end
  if answer:getDRDAByCodePoint(CodePoint.ACCRDBRM) then return true, true end
  return false, "the database can not be opened"
end

return _ENV
