---
-- Canon's BJNP, by which its printers and scanners are found and asked who they are.
--
-- There is no document of the protocol's owner; what is known of it comes from the SANE project's description. A message
-- has a head of 16 bytes: <code>BJNP</code>, kind of device, code, a number of two bytes, a sequence and a session of
-- two bytes each, and the length of what follows. The identity is a text as of IEEE 1284: names and values.
--
-- @usage
-- local helper = bjnp.Helper:new(host, port)
-- if helper:connect() then
--   local status, identity = helper:getPrinterIdentity()
-- end
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("bjnp", stdnse.seeall)

local PRINTER, SCANNER = 1, 2
local ANSWER = 0x80
local MULTICAST_PORTS = { [PRINTER] = 8611, [SCANNER] = 8612 }
local TIMEOUT_MS, MAX_ANSWERS = 5000, 256

--- Messages.
-- @class table
-- @name BJNP
BJNP = {}

--- The head of every message.
BJNP.Header = {}
BJNP.Header.__index = BJNP.Header

function BJNP.Header:new (o)
  o = o or {}
  return setmetatable({ id = "BJNP", type = o.type or PRINTER, code = o.code or 1, length = o.length or 0,
    seq = o.seq or 1, session = o.session or 0 }, self)
end

function BJNP.Header.parse (data)
  if #data < 16 then return nil end
  local id, kind, code, _, seq, session, length = string.unpack(">c4BBI2I2I2I4", data)
  if id ~= "BJNP" then return nil end
  return setmetatable({ id = id, type = kind, code = code, seq = seq, session = session, length = length }, BJNP.Header)
end

function BJNP.Header:__tostring ()
  return string.pack(">c4BBI2I2I2I4", self.id, self.type, self.code, 0, self.seq, self.session, self.length)
end

-- What is shown of an identity, in this order.
local SHOWN = {
  { "MFG", "Manufacturer" }, { "MDL", "Model" }, { "DES", "Description" }, { "VER", "Firmware version" },
  { "CMD", "Command" },
}

-- A request of a kind of device, with the answer it gets.
local function device (kind, body)
  local codes = { DISCOVER = 1, IDENTITY = 0x30 }
  local class = { Code = codes, Request = {}, Response = {} }
  for name, code in pairs({ Discover = codes.DISCOVER, Identity = codes.IDENTITY }) do
    local request = {}
    request.__index = request
    function request.new (self)
      local content = name == "Identity" and body or ""
      return setmetatable({ header = BJNP.Header:new({ type = kind, code = code, length = #content }), body = content },
        self)
    end
    function request:__tostring () return tostring(self.header) .. self.body end
    class.Request[name] = request
  end
  local identity = {}
  identity.__index = identity
  function identity.parse (data)
    local header = BJNP.Header.parse(data)
    if not header or #data < 18 then return nil end
    local length = string.unpack(">I2", data, 17)
    local values = {}
    for pair in string.gmatch(string.sub(data, 19, 16 + length), "([^;]*);") do
      local name, value = string.match(pair, "^([%w ]+):(.*)$")
      if name then values[name] = value end
    end
    local lines = {}
    for _, field in ipairs(SHOWN) do
      -- A scanner has no version of its own.
      local wanted = kind == PRINTER or field[1] ~= "VER"
      if wanted and values[field[1]] then lines[#lines + 1] = field[2] .. ": " .. values[field[1]] end
    end
    return setmetatable({ header = header, data = lines }, identity)
  end
  class.Response.Identity = identity
  return class
end

--- Messages of printers.
BJNP.Printer = device(PRINTER, "")
--- Messages of scanners.
BJNP.Scanner = device(SCANNER, "\0\0\0\0")

--- Talks to devices.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @name Helper.new
-- @class function
-- @param host The host table.
-- @param port The port table.
-- @param options Table: <code>timeout</code> in milliseconds, <code>bcast</code> to ask all of the network.
-- @return The helper.
function Helper:new (host, port, options)
  return setmetatable({ host = host, port = port, options = options or {} }, self)
end

--- Opens the socket.
-- @name Helper.connect
-- @class function
-- @return True, or false and a message.
function Helper:connect ()
  self.socket = nmap.new_socket("udp")
  self.socket:set_timeout(self.options.timeout or TIMEOUT_MS)
  if self.options.bcast then return true end
  return self.socket:connect(self.host, self.port, "udp")
end

--- Asks who a device is.
-- @name Helper.getDeviceIdentity
-- @class function
-- @param devtype <code>BJNP.Printer</code> or <code>BJNP.Scanner</code>.
-- @return True and an array of lines, or false and a message.
function Helper:getDeviceIdentity (devtype)
  local request = devtype.Request.Identity:new()
  local status, data = self.socket:send(tostring(request))
  if not status then return false, data end
  status, data = self.socket:receive()
  if not status then return false, data end
  local response = devtype.Response.Identity.parse(data)
  if not response or response.header.code ~= devtype.Code.IDENTITY then return false, "Unexpected answer" end
  return true, response.data
end

--- Asks who a printer is.
-- @name Helper.getPrinterIdentity
-- @class function
-- @return True and an array of lines, or false and a message.
function Helper:getPrinterIdentity () return self:getDeviceIdentity(BJNP.Printer) end

--- Asks who a scanner is.
-- @name Helper.getScannerIdentity
-- @class function
-- @return True and an array of lines, or false and a message.
function Helper:getScannerIdentity () return self:getDeviceIdentity(BJNP.Scanner) end

--- Looks for devices.
-- @name Helper.discoverDevice
-- @class function
-- @param packet The request.
-- @return True and the address of the device, or with option <code>bcast</code> an array of addresses; or false and a
--         message.
function Helper:discoverDevice (packet)
  local status, data
  if self.options.bcast then
    status, data = self.socket:sendto(self.host, MULTICAST_PORTS[packet.header.type], tostring(packet))
  else
    status, data = self.socket:send(tostring(packet))
  end
  if not status then return false, data end
  local found = {}
  for _ = 1, MAX_ANSWERS do
    status, data = self.socket:receive()
    if not status then break end
    local header = BJNP.Header.parse(data)
    local ok, _, _, address = self.socket:get_info()
    if header and ok and header.type & ANSWER ~= 0 then found[#found + 1] = address end
    if not self.options.bcast then break end
  end
  if #found == 0 then return false, "No answer" end
  return true, self.options.bcast and found or found[1]
end

--- Looks for printers.
-- @name Helper.discoverPrinter
-- @class function
-- @return As <code>discoverDevice</code>.
function Helper:discoverPrinter () return self:discoverDevice(BJNP.Printer.Request.Discover:new()) end

--- Looks for scanners.
-- @name Helper.discoverScanner
-- @class function
-- @return As <code>discoverDevice</code>.
function Helper:discoverScanner () return self:discoverDevice(BJNP.Scanner.Request.Discover:new()) end

--- Closes the socket.
-- @name Helper.close
-- @class function
function Helper:close () return self.socket:close() end

return _ENV
