---
-- The NAT Port Mapping Protocol (RFC 6886).
--
-- @usage
-- local helper = natpmp.Helper:new(host, port)
-- local status, response = helper:getWANIP()
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("natpmp", stdnse.seeall)

-- Section 3.1: the first wait is a quarter of a second, each next one twice as long. Four of nine are enough here.
local FIRST_TIMEOUT_MS, TRIES = 250, 4

-- Section 3.5.
local RESULTS = {
  [0] = "Success", [1] = "Unsupported version", [2] = "Not authorized", [3] = "Network failure",
  [4] = "Out of resources",
  [5] = "Unsupported opcode",
}
local OPERATIONS = { udp = 1, tcp = 2 }

Request = {}

--- A request for the public address.
Request.GetWANIP = {}

--- Makes it.
-- @return The request.
function Request.GetWANIP:new ()
  local o = { version = 0, op = 0 }
  setmetatable(o, self)
  self.__index = self
  return o
end

function Request.GetWANIP:__tostring ()
  return string.char(self.version, self.op)
end

--- A request to map a port.
Request.MapPort = {}

--- Makes it.
-- @param pubport The public port, 0 for any.
-- @param privport The private port.
-- @param proto <code>tcp</code> or <code>udp</code>.
-- @param lifetime Seconds, 0 to end the mapping.
-- @return The request.
function Request.MapPort:new (pubport, privport, proto, lifetime)
  local o = {
    version = 0,
    op = OPERATIONS[proto],
    pubport = pubport,
    privport = privport,
    lifetime = lifetime or 3600,
  }
  setmetatable(o, self)
  self.__index = self
  return o
end

function Request.MapPort:__tostring ()
  return string.pack(">BBI2I2I2I4", self.version, self.op, 0, self.privport, self.pubport, self.lifetime)
end

Response = {}

-- What all answers begin with: version, operation with its highest bit set, result, seconds since the device started.
local function read_head (data, op)
  if #data < 8 then return nil, "the answer is cut off" end
  local version, answer_op, result, time = string.unpack(">BBI2I4", data)
  if version ~= 0 or answer_op ~= op + 128 then return nil, "the answer is to something else" end
  if result ~= 0 then return nil, RESULTS[result] or ("Error %d"):format(result) end
  return { version = version, op = answer_op, rescode = result, time = time }
end

Response.GetWANIP = {}

--- Reads the answer.
-- @param data The octets.
-- @return Table with <code>ip</code> and <code>time</code>, or nil and an error.
function Response.GetWANIP:parse (data)
  local response, err = read_head(data, 0)
  if not response then return nil, err end
  if #data < 12 then return nil, "the answer is cut off" end
  response.ip = ipOps.str_to_ip(string.sub(data, 9, 12))
  return response
end

Response.MapPort = {}

--- Reads the answer.
-- @param data The octets.
-- @param op The request's operation.
-- @return Table with <code>pubport</code>, <code>privport</code>, <code>lifetime</code> and <code>time</code>, or nil
--         and
--         an error.
function Response.MapPort:parse (data, op)
  local response, err = read_head(data, op)
  if not response then return nil, err end
  if #data < 16 then return nil, "the answer is cut off" end
  response.privport, response.pubport, response.lifetime = string.unpack(">I2I2I4", data, 9)
  return response
end

Helper = {}

--- Makes a helper for a device.
-- @param host The host table.
-- @param port The port table or a number.
-- @return The helper.
function Helper:new (host, port)
  local o = { host = host, port = port }
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Sends a request and waits for the answer, again if none comes.
-- @param data The request.
-- @return True and the octets, or false and an error.
function Helper:exchPacket (data)
  local socket = nmap.new_socket("udp")
  local status, err = socket:connect(self.host, self.port, "udp")
  local timeout = FIRST_TIMEOUT_MS
  for _ = 1, TRIES do
    if not status then break end
    socket:set_timeout(timeout)
    status, err = socket:send(tostring(data))
    if not status then break end
    local received, answer = socket:receive()
    if received then
      socket:close()
      return true, answer
    end
    err, timeout = answer, timeout * 2
  end
  socket:close()
  return false, err
end

--- Asks for the public address.
-- @return True and a table with <code>ip</code>, or false and an error.
function Helper:getWANIP ()
  local status, data = self:exchPacket(Request.GetWANIP:new())
  if not status then return false, data end
  local response, err = Response.GetWANIP:parse(data)
  if not response then return false, err end
  return true, response
end

--- Maps a port to this machine.
-- @param pubport The public port, 0 for any.
-- @param privport The private port.
-- @param protocol <code>tcp</code> or <code>udp</code>.
-- @param lifetime Seconds.
-- @return True and a table with <code>pubport</code>, <code>privport</code> and <code>lifetime</code>, or false and an
--         error.
function Helper:mapPort (pubport, privport, protocol, lifetime)
  local op = OPERATIONS[protocol]
  if not op then return false, "the protocol is neither tcp nor udp" end
  local status, data = self:exchPacket(Request.MapPort:new(pubport, privport, protocol, lifetime))
  if not status then return false, data end
  local response, err = Response.MapPort:parse(data, op)
  if not response then return false, err end
  return true, response
end

--- Ends a mapping (section 3.4).
-- @param pubport Unused: the private port is enough.
-- @param privport The private port.
-- @return True, or false and an error.
function Helper:unmapPort (pubport, privport)
  local status, err
  for _, protocol in ipairs({ "udp", "tcp" }) do
    status, err = self:mapPort(0, privport, protocol, 0)
    if not status then return false, err end
  end
  return true
end

--- Ends all mappings to this machine.
-- @return True, or false and an error.
function Helper:unmapAllPorts ()
  return self:unmapPort(0, 0)
end

return _ENV
