---
-- Distributed hash table of Vuze (formerly Azureus): asking a node who it is.
--
-- The source is the wiki of Vuze, "Distributed hash table".
--
-- @usage
-- local helper = vuzedht.Helper:new(host, port)
-- helper:connect()
-- local status, answer = helper:ping()
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local ipOps = require "ipOps"
local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("vuzedht", stdnse.seeall)

local TIMEOUT_MS = 5000
local VERSION, VENDOR_AZUREUS, NETWORK_STABLE = 0x32, 0, 0
-- From these versions of the protocol on, answers have more in their headers.
local VERSION_VENDOR, VERSION_NETWORK = 14, 9

local VENDORS = { [0] = "Azureus", [1] = "ShareNet" }
local NETWORKS = { [0] = "Stable", [1] = "CVS" }

--- Questions.
Request = { Actions = { PING = 1024, STORE = 1026, FIND_NODE = 1028, FIND_VALUE = 1030 }, Ping = {} }
Request.Ping.__index = Request.Ping

--- Makes a question who a node is.
-- @param address The node's own address.
-- @param port The node's own port.
-- @param session_id The number of our instance. Default: a random one.
-- @return The question; <code>tostring</code> makes its octets.
function Request.Ping:new (address, port, session_id)
  local random = openssl.rand_bytes(16)
  return setmetatable({
    address = address,
    port = port,
    -- The first bit tells questions from answers.
    connection_id = "\xff" .. string.sub(random, 2, 8),
    transaction_id = string.unpack(">I4", random, 9),
    session_id = session_id or string.unpack(">I4", random, 13),
  }, self)
end

function Request.Ping:__tostring ()
  return self.connection_id .. string.pack(">I4I4BBI4Bs1I2I4I8", Request.Actions.PING, self.transaction_id, VERSION,
    VENDOR_AZUREUS, NETWORK_STABLE, VERSION, ipOps.ip_to_str(self.address), self.port, self.session_id,
    math.floor(nmap.clock_ms()))
end

--- Answers.
Response = { Actions = { PING = 1025, STORE = 1027, FIND_NODE = 1029, FIND_VALUE = 1031, ERROR = 1032 } }
Response.__index = Response

--- Reads an answer.
-- @param data Its octets.
-- @return The answer: a table with <code>header</code> (<code>action</code>, <code>trans_id</code>,
--         <code>conn_id</code>, <code>proto_version</code>, <code>vendor_id</code>, <code>network_id</code>,
--         <code>instance_id</code>) and, for errors, <code>error</code>; <code>tostring</code> shows it. Nil if it is
--         none.
function Response.parse (data)
  if #data < 17 then return nil end
  local header, pos = { vendor_id = VENDOR_AZUREUS, network_id = NETWORK_STABLE, instance_id = 0 }, nil
  header.action, header.trans_id, header.conn_id, header.proto_version, pos = string.unpack(">I4I4c8B", data)
  local known = false
  for _, action in pairs(Response.Actions) do known = known or action == header.action end
  if not known then return nil end
  if header.proto_version >= VERSION_VENDOR and pos <= #data then header.vendor_id, pos = string.unpack("B", data, pos) end
  if header.proto_version >= VERSION_NETWORK and pos + 3 <= #data then
    header.network_id, pos = string.unpack(">I4", data, pos)
  end
  if pos + 3 <= #data then header.instance_id, pos = string.unpack(">I4", data, pos) end
  local answer = setmetatable({ header = header }, Response)
  if header.action == Response.Actions.ERROR and pos + 3 <= #data then
    answer.error = string.unpack(">I4", data, pos)
  end
  return answer
end

function Response:__tostring ()
  local header = self.header
  local function named (names, number) return ("%s (%d)"):format(names[number] or "Unknown", number) end
  local lines = {
    "Transaction id: " .. header.trans_id,
    "Connection id: 0x" .. stdnse.tohex(header.conn_id),
    "Protocol version: " .. header.proto_version,
    "Vendor id: " .. named(VENDORS, header.vendor_id),
    "Network id: " .. named(NETWORKS, header.network_id),
    "Instance id: " .. header.instance_id,
  }
  return "\n  " .. table.concat(lines, "\n  ")
end

Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @param host The host table.
-- @param port The port table.
-- @param lhost Our address. Default: the socket's.
-- @param lport Our port. Default: the socket's.
-- @return The helper.
function Helper:new (host, port, lhost, lport)
  return setmetatable({ host = host, port = port, lhost = lhost, lport = lport }, self)
end

--- Opens a socket; nothing is sent.
-- @return True, or false and an error.
function Helper:connect ()
  self.socket = nmap.new_socket("udp")
  self.socket:set_timeout(TIMEOUT_MS)
  return self.socket:connect(self.host, self.port)
end

-- Sends a question and receives the answer with its number.
local function exchange (self, request)
  local status, data = self.socket:send(tostring(request))
  for _ = 1, 5 do
    if not status then return false, data end
    status, data = self.socket:receive()
    local answer = status and Response.parse(data)
    if answer and answer.header.trans_id == request.transaction_id then return true, answer end
  end
  return false, "no answer"
end

--- Asks the node who it is. The first answer is mostly that it sees us elsewhere than we said; that is an answer, too.
-- @return True and the answer, or false and an error.
function Helper:ping ()
  local request = Request.Ping:new(self.host.ip, self.port.number)
  return exchange(self, request)
end

--- Closes the socket.
-- @return True, or false and an error.
function Helper:close () return self.socket:close() end

return _ENV
