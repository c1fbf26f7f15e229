---
-- Notes remote procedure calls of IBM and HCL Domino: asking whether the directory has a user, as far as a server
-- answers to those that are not logged on (CVE-2006-5835: the answer may hold the user's ID file).
--
-- The protocol has no public description. The two messages here are those that clients are seen to send, the answers
-- are taken apart no further than a caller needs.
--
-- @usage
-- local helper = nrpc.Helper:new(host, port)
-- local status, err = helper:connect()
-- if status then
--   local found, id = helper:isValidUser("Anna Moon")
--   helper:disconnect()
-- end
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("nrpc", stdnse.seeall)

local TIMEOUT_MIN_MS = 5000
-- What a length of two octets allows, less what stands around a name.
local NAME_LEN_MAX = 0xff00
-- Where an answer says that it has a user, how that is said, and where the user's ID file begins.
local KIND_AT, KIND_FOUND, ID_AT = 3, 0x7e, 33

-- What opens a session.
local HELLO = stdnse.fromhex("00001e00000001000080000007320000700104020000fb2b2d00281f1e000000124c010000000000")
-- What stands in front of the length of a name, and between it and the view in which the name is looked up.
local LOOKUP = stdnse.fromhex("0100320002004f000100000500000900")
local VIEW = string.rep("\0", 16) .. "($Users)\0\0"

--- A message.
-- @class table
-- @name DominoPacket
DominoPacket = {}
DominoPacket.__index = DominoPacket

--- Makes a message.
-- @name DominoPacket:new
-- @param data What is in it.
-- @return The message.
function DominoPacket:new (data)
  return setmetatable({ data = data }, self)
end

--- Reads a message.
-- @name DominoPacket:read
-- @param domsock The socket.
-- @return True and what is in it, or false and an error.
function DominoPacket:read (domsock)
  local status, head = domsock:receive_buf(match.numbytes(2), true)
  if not status then return false, "failed to read the server's answer: " .. tostring(head) end
  local len = string.unpack("<I2", head)
  self.data = ""
  if len == 0 then return true, "" end
  local data
  status, data = domsock:receive_buf(match.numbytes(len), true)
  if not status then return false, "failed to read the server's answer: " .. tostring(data) end
  self.data = data
  return true, data
end

--- The message as it is sent, behind its length.
-- @name DominoPacket:__tostring
-- @return Octets.
function DominoPacket:__tostring ()
  return string.pack("<s2", self.data or "")
end

--- A session.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a session, not open yet.
-- @name Helper:new
-- @param host The host table.
-- @param port The port table.
-- @return The session.
function Helper:new (host, port)
  return setmetatable({ host = host, port = port }, self)
end

local function exchange (self, data)
  local status, err = self.domsock:send(tostring(DominoPacket:new(data)))
  if not status then return false, "failed to send: " .. tostring(err) end
  return DominoPacket:new():read(self.domsock)
end

--- Opens the session.
-- @name Helper:connect
-- @return True, or false and an error.
function Helper:connect ()
  self.domsock = nmap.new_socket()
  self.domsock:set_timeout(math.max(stdnse.get_timeout(self.host), TIMEOUT_MIN_MS))
  local status, err = self.domsock:connect(self.host, self.port, "tcp")
  if status then
    status, err = exchange(self, HELLO)
  end
  if not status then
    self:disconnect()
    return false, err
  end
  return true
end

--- Asks whether the directory has a user.
-- @name Helper:isValidUser
-- @param username The user's name.
-- @return True and the user's ID file, or false and an error, if there is no such user, too.
function Helper:isValidUser (username)
  if not self.domsock then return false, "the session is not open" end
  if #username > NAME_LEN_MAX then return false, "the name is too long" end
  local request = LOOKUP .. string.pack("<I2", #username + 1) .. VIEW .. username .. "\0"
  local status, answer = exchange(self, request)
  if not status then return false, answer end
  if #answer < ID_AT - 1 then return false, "the server's answer is cut off" end
  if string.byte(answer, KIND_AT) ~= KIND_FOUND then return false, "there is no such user" end
  return true, string.sub(answer, ID_AT)
end

--- Ends the session.
-- @name Helper:disconnect
-- @return True.
function Helper:disconnect ()
  if self.domsock then self.domsock:close() end
  self.domsock = nil
  return true
end

return _ENV
