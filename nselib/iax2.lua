---
-- Inter-Asterisk eXchange, version 2 (IAX2, RFC 5456): proving to a server who one is.
--
-- @usage
-- local helper = iax2.Helper:new(host, port)
-- helper:connect()
-- local status, err = helper:regRelease(username, password)
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("iax2", stdnse.seeall)

local HEADER_LEN = 12
local TIMEOUT_MS = 5000
-- Frames of other calls, and news that nobody asked for, that are passed over at most.
local FRAMES_MAX = 10
local FRAME_IAX = 6

--- Frames and what they hold.
IAX2 = {
  --- Kinds of frames of the protocol itself (8.4), by name.
  SubClass = { NEW = 1, PING = 2, PONG = 3, ACK = 4, HANGUP = 5, REJECT = 6, ACCEPT = 7, AUTHREQ = 8, AUTHREP = 9,
    INVAL = 10, REGREQ = 13, REGAUTH = 14, REGACK = 15, REGREJ = 16, REGREL = 17, CALLTOKEN = 40 },
  --- Information elements (8.6), by name.
  InfoElement = { USERNAME = 6, AUTHMETHODS = 14, CHALLENGE = 15, MD5_RESULT = 16, CAUSE = 22, CALLTOKEN = 54 },
  --- Ways to prove who one is (8.6.13).
  AuthMethod = { PLAINTEXT = 1, MD5 = 2, RSA = 4 },
  Frame = {},
}
local Frame = IAX2.Frame
Frame.__index = Frame

--- Makes a full frame.
-- @param src_call Our number of the call.
-- @param dst_call The server's, 0 if it is not known yet.
-- @param subclass What the frame is.
-- @param elements A list of pairs: a number and octets.
-- @param out_seq The number of the frame.
-- @param in_seq The number of the frame expected next.
-- @return The frame; <code>tostring</code> makes its octets.
function Frame:new (src_call, dst_call, subclass, elements, out_seq, in_seq)
  return setmetatable({ src_call = src_call, dst_call = dst_call, subclass = subclass, elements = elements or {},
    out_seq = out_seq or 0, in_seq = in_seq or 0, time = 0, type = FRAME_IAX }, self)
end

function Frame:__tostring ()
  local parts = {}
  for i, element in ipairs(self.elements) do parts[i] = string.pack(">Bs1", element[1], element[2]) end
  -- The first bit says that the frame is a full one.
  return string.pack(">I2I2I4BBBB", self.src_call | 0x8000, self.dst_call, self.time, self.out_seq, self.in_seq,
    self.type, self.subclass) .. table.concat(parts)
end

--- Reads a full frame.
-- @param data Its octets.
-- @return The frame, whose <code>elements</code> are a table of octets by number; nil if it is none.
function Frame.parse (data)
  if #data < HEADER_LEN or string.byte(data) & 0x80 == 0 then return nil end
  local src_call, dst_call, time, out_seq, in_seq, kind, subclass, pos = string.unpack(">I2I2I4BBBB", data)
  local frame = Frame:new(src_call & 0x7fff, dst_call & 0x7fff, subclass, {}, out_seq, in_seq)
  frame.time, frame.type = time, kind
  while pos + 1 <= #data do
    local number, len = string.byte(data, pos, pos + 1)
    if pos + 1 + len > #data then break end
    frame.elements[number] = string.sub(data, pos + 2, pos + 1 + len)
    pos = pos + 2 + len
  end
  return frame
end

Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @param host The host table.
-- @param port The port table.
-- @param options Table with <code>timeout</code> in milliseconds.
-- @return The helper.
function Helper:new (host, port, options)
  return setmetatable({ host = host, port = port, options = options or {} }, self)
end

--- Opens a socket; nothing is sent.
-- @return True, or false and an error.
function Helper:connect ()
  self.socket = nmap.new_socket("udp")
  self.socket:set_timeout(self.options.timeout or TIMEOUT_MS)
  return self.socket:connect(self.host, self.port)
end

--- Sends a frame and receives the one that answers it.
-- @param req The frame.
-- @return True and a frame, or false and an error.
function Helper:exch (req)
  local status, err = self.socket:send(tostring(req))
  if not status then return false, err end
  for _ = 1, FRAMES_MAX do
    local received, data = self.socket:receive()
    if not received then return false, data end
    local frame = Frame.parse(data)
    local subclass = frame and frame.type == FRAME_IAX and frame.dst_call == req.src_call and frame.subclass
    if subclass and subclass ~= IAX2.SubClass.ACK then return true, frame end
  end
  return false, "the server sends no answer"
end

-- The element that answers a challenge, nil if the server wants something else.
local function proof (frame, password)
  local methods = frame.elements[IAX2.InfoElement.AUTHMETHODS]
  local challenge = frame.elements[IAX2.InfoElement.CHALLENGE]
  local bits = methods and #methods == 2 and string.unpack(">I2", methods) or 0
  if not challenge or bits & IAX2.AuthMethod.MD5 == 0 then return nil end
  return { IAX2.InfoElement.MD5_RESULT, stdnse.tohex(openssl.md5(challenge .. password)) }
end

--- Takes back a registration (6.1.2), for which the server wants to know who asks. There need not have been one.
-- @param username The user.
-- @param password The password.
-- @return True if they are right, or false and an error.
function Helper:regRelease (username, password)
  local SubClass, InfoElement = IAX2.SubClass, IAX2.InfoElement
  local call = math.random(1, 0x7fff)
  local name = { InfoElement.USERNAME, string.sub(username, 1, 255) }
  -- An empty token asks for one; servers of today answer it before anything else (8.6.36).
  local status, frame = self:exch(Frame:new(call, 0, SubClass.REGREL, { name, { InfoElement.CALLTOKEN, "" } }))
  if not status then return false, frame end
  if frame.subclass == SubClass.CALLTOKEN then
    local token = { InfoElement.CALLTOKEN, frame.elements[InfoElement.CALLTOKEN] or "" }
    call = call % 0x7fff + 1
    status, frame = self:exch(Frame:new(call, 0, SubClass.REGREL, { name, token }))
    if not status then return false, frame end
  end
  if frame.subclass == SubClass.REGAUTH then
    local answer = proof(frame, password)
    if not answer then return false, "Unsupported authentication method" end
    status, frame = self:exch(Frame:new(call, frame.src_call, SubClass.REGREL, { name, answer }, 1, 1))
    if not status then return false, frame end
  end
  if frame.subclass == SubClass.REGACK then return true end
  if frame.subclass == SubClass.REGREJ then
    return false, frame.elements[InfoElement.CAUSE] or "Release failed"
  end
  return false, ("unexpected answer (%d)"):format(frame.subclass)
end

--- Closes the socket.
-- @return True, or false and an error.
function Helper:close () return self.socket:close() end

return _ENV
