---
-- Discovery of UPnP devices (UPnP Device Architecture 2.0, 1.3 and 2.3).
--
-- A device is asked with a search over UDP; its answer says where its description is, an XML document that is fetched
-- over HTTP.
--
-- @usage
-- local helper = upnp.Helper:new(host, port)
-- local status, result = helper:queryServices()
-- if status then return stdnse.format_output(true, result) end
--
-- @copyright MIT OR Apache-2.0

local http = require "http"
local httpread = require "httpread"
local nmap = require "nmap"
local slaxml = require "slaxml"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local url = require "url"
_ENV = stdnse.module("upnp", stdnse.seeall)

local MULTICAST, PORT = "239.255.255.250", 1900
-- Answers of one search: a device sends one for each of its services, and there may be many devices.
local MAX_ANSWERS, TIMEOUT_MS = 512, 5000
-- Of a description: devices have devices inside.
local MAX_LINES = 200

--- Small things.
-- @class table
-- @name Util
Util = {}

--- Tells which of two IPv4 addresses comes first.
-- @name Util.ipCompare
-- @class function
-- @param a An address.
-- @param b Another one.
-- @return True if <code>a</code> is before <code>b</code>.
function Util.ipCompare (a, b)
  local function number (text)
    local parts = { string.match(text or "", "^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
    local value = 0
    for _, part in ipairs(parts) do value = value << 8 | tonumber(part) end
    return value
  end
  return number(a) < number(b)
end

--- Talks to devices.
-- @class table
-- @name Comm
Comm = {}
Comm.__index = Comm

--- Makes one.
-- @name Comm.new
-- @class function
-- @param host The host table.
-- @param port The port table.
-- @return The object.
function Comm:new (host, port)
  return setmetatable({ host = host, port = port, mcast = false, override = true }, self)
end

--- Opens the socket.
-- @name Comm.connect
-- @class function
-- @return True, or false and a message.
function Comm:connect ()
  if self.mcast then
    self.socket = nmap.new_socket("udp")
    self.socket:set_timeout(TIMEOUT_MS)
    return true
  end
  self.socket = nmap.new_socket()
  self.socket:set_timeout(TIMEOUT_MS)
  return self.socket:connect(self.host, self.port, "udp")
end

--- Sends the search.
-- @name Comm.sendRequest
-- @class function
-- @return True, or false and a message.
function Comm:sendRequest ()
  local search = table.concat({
    "M-SEARCH * HTTP/1.1",
    "Host: " .. MULTICAST .. ":" .. PORT,
    'Man: "ssdp:discover"',
    "MX: 3",
    "ST: upnp:rootdevice",
    "\r\n",
  }, "\r\n")
  if self.mcast then return self.socket:sendto(MULTICAST, PORT, search) end
  return self.socket:send(search)
end

local function field (text, name)
  for line in string.gmatch(text, "[^\r\n]+") do
    local key, value = string.match(line, "^%s*([%w-]+)%s*:(.*)$")
    if key and string.lower(key) == name then return httpread.trim(value) end
  end
  return nil
end

--- Adds what an answer says to the results.
-- @name Comm.decodeResponse
-- @class function
-- @param response The answer.
-- @param results Table of what is known: a device's lines by its address.
-- @return True if the answer was one.
function Comm:decodeResponse (response, results)
  if not string.find(response, "^HTTP/1%.[01] 200") then return false end
  local server, location = field(response, "server"), field(response, "location")
  local peer
  if self.mcast then
    local ok, _, _, address = self.socket:get_info()
    peer = ok and address
  else
    peer = self.host.ip
  end
  peer = peer or location and url.parse(location).host
  if not peer or results[peer] then return false end
  local lines = {}
  if server then lines[#lines + 1] = "Server: " .. server end
  if location then
    lines[#lines + 1] = "Location: " .. location
    -- A device may name an address that is not ours to ask: the one that answered is asked instead.
    local target = location
    if self.override then
      local parsed = url.parse(location)
      if parsed.host and parsed.host ~= peer then
        parsed.host, parsed.authority = peer, nil
        target = url.build(parsed)
      end
    end
    local ok, description = self:retrieveXML(target)
    if ok then lines[#lines + 1] = description end
  end
  results[peer] = lines
  return true
end

--- Reads the answers.
-- @name Comm.receiveResponse
-- @class function
-- @return True and the devices, a table for <code>stdnse.format_output</code>; or false and a message.
function Comm:receiveResponse ()
  local results = {}
  for _ = 1, MAX_ANSWERS do
    local status, response = self.socket:receive()
    if not status then break end
    self:decodeResponse(response, results)
    if not self.mcast and next(results) then break end
  end
  local addresses = {}
  for address in pairs(results) do addresses[#addresses + 1] = address end
  if #addresses == 0 then return false, "No answer to the search" end
  table.sort(addresses, Util.ipCompare)
  if not self.mcast then return true, { name = addresses[1], results[addresses[1]] } end
  local output = {}
  for _, address in ipairs(addresses) do
    local lines = results[address]
    lines.name = address
    output[#output + 1] = lines
  end
  return true, output
end

-- Elements of a device's description, in the order they are shown, and their headings.
local SHOWN = { friendlyName = "Name", manufacturer = "Manufacturer", modelDescription = "Model Descr",
  modelName = "Model Name", modelNumber = "Model Version" }

local function describe (xml, lines)
  local element, inside = nil, 0
  local parser = slaxml.parser:new({
    startElement = function (name)
      element = name
      if name == "device" then inside = inside + 1 end
    end,
    closeElement = function (name)
      element = nil
      if name == "device" then inside = inside - 1 end
    end,
    text = function (text)
      local heading = inside > 0 and SHOWN[element]
      if heading and #lines < MAX_LINES then lines[#lines + 1] = heading .. ": " .. text end
    end,
  })
  parser:parseSAX(xml, { stripWhitespace = true })
end

--- Fetches a description.
-- @name Comm.retrieveXML
-- @class function
-- @param location Its URL.
-- @return True and an array of lines, or false and a message.
function Comm:retrieveXML (location)
  local response = http.get_url(location, { timeout = TIMEOUT_MS, any_af = true })
  if response.status ~= 200 or not response.body then
    return false, "Could not fetch the description: " .. tostring(response["status-line"])
  end
  local lines = {}
  if response.header.server then lines[1] = "Webserver: " .. response.header.server end
  describe(response.body, lines)
  return true, lines
end

--- Asks all devices of the network instead of one.
-- @name Comm.setMulticast
-- @class function
-- @param mcast True to do so.
function Comm:setMulticast (mcast) self.mcast = mcast end

--- Closes the socket.
-- @name Comm.close
-- @class function
function Comm:close () return self.socket:close() end

--- Asks and formats.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @name Helper.new
-- @class function
-- @param host The host table.
-- @param port The port table.
-- @return The helper.
function Helper:new (host, port)
  return setmetatable({ comm = Comm:new(host, port) }, self)
end

--- Asks all devices of the network instead of one.
-- @name Helper.setMulticast
-- @class function
-- @param mcast True to do so.
function Helper:setMulticast (mcast) self.comm:setMulticast(mcast) end

--- Says whether descriptions are fetched from the address that answered, whatever their URL says.
-- @name Helper.setOverride
-- @class function
-- @param override False to follow the URL. Default: true.
function Helper:setOverride (override) self.comm.override = override ~= false end

--- Asks.
-- @name Helper.queryServices
-- @class function
-- @return True and a table for <code>stdnse.format_output</code>, or false and a message.
function Helper:queryServices ()
  local status, err = self.comm:connect()
  if not status then return false, err end
  status, err = self.comm:sendRequest()
  if not status then
    self.comm:close()
    return false, err
  end
  local ok, result = self.comm:receiveResponse()
  self.comm:close()
  return ok, result
end

return _ENV
