---
-- Web Services Dynamic Discovery: devices by WS-Discovery of April 2005, services of WCF by version 1.1 (OASIS, 2009).
--
-- A probe goes over UDP to one host, or to the group that all who speak the protocol listen to; answers come back as
-- SOAP messages.
--
-- @usage
-- local helper = wsdd.Helper:new(host, port)
-- local status, devices = helper:discoverDevices()
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local slaxml = require "slaxml"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("wsdd", stdnse.seeall)

local MULTICAST, PORT = "239.255.255.250", 3702
local TIMEOUT_MS, MAX_ANSWERS, MAX_TEXT = 5000, 256, 1000

--- Probes and identifiers.
-- @class table
-- @name Util
Util = {}

-- In a probe, %s is the identifier of the message.
local PROBES = {
  {
    name = "general",
    desc = "Devices",
    data = '<?xml version="1.0" encoding="utf-8"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" '
      .. 'xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
      .. 'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Header>'
      .. "<w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>"
      .. "<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action>"
      .. "<w:MessageID>urn:uuid:%s</w:MessageID></e:Header><e:Body><d:Probe/></e:Body></e:Envelope>",
  },
  {
    name = "wcf",
    desc = "WCF Services",
    data = '<?xml version="1.0" encoding="utf-8"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" '
      .. 'xmlns:w="http://www.w3.org/2005/08/addressing" '
      .. 'xmlns:d="http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01"><e:Header>'
      .. '<w:To e:mustUnderstand="1">urn:docs-oasis-open-org:ws-dd:ns:discovery:2009:01</w:To>'
      .. '<w:Action e:mustUnderstand="1">http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01/Probe</w:Action>'
      .. "<w:MessageID>urn:uuid:%s</w:MessageID></e:Header><e:Body><d:Probe/></e:Body></e:Envelope>",
  },
}

--- All probes.
-- @name Util.getProbes
-- @class function
-- @return An array of tables with <code>name</code>, <code>desc</code> and <code>data</code>.
function Util.getProbes () return PROBES end

--- Finds a probe.
-- @name Util.getProbeByName
-- @class function
-- @param name <code>general</code> or <code>wcf</code>.
-- @return The probe, or nil.
function Util.getProbeByName (name)
  for _, probe in ipairs(PROBES) do
    if probe.name == name then return probe end
  end
  return nil
end

--- Makes a random identifier (RFC 9562, version 4).
-- @name Util.generateUUID
-- @class function
-- @return A text of 36 characters.
function Util.generateUUID ()
  local words = {}
  for i = 1, 8 do words[i] = math.random(0, 0xFFFF) end
  words[4] = words[4] & 0x0FFF | 0x4000
  words[5] = words[5] & 0x3FFF | 0x8000
  return string.format("%04x%04x-%04x-%04x-%04x-%04x%04x%04x", table.unpack(words))
end

--- Hashes with SHA-1.
-- @name Util.sha1sum
-- @class function
-- @param data The data.
-- @return Twenty bytes.
function Util.sha1sum (data) return openssl.sha1(data) end

--- Read answers.
-- @class table
-- @name Decoders
Decoders = {}

-- The texts of the elements that count, the first of each name.
local function elements (xml)
  local found, open = {}, nil
  slaxml.parser:new({
    startElement = function (name) open = name end,
    closeElement = function () open = nil end,
    text = function (text)
      if open and not found[open] then found[open] = string.sub(text, 1, MAX_TEXT) end
    end,
  }):parseSAX(xml, { stripWhitespace = true })
  return found
end

local function decode (data, with_types)
  local found = elements(data)
  local id = found.MessageID and (string.match(found.MessageID, "([^:]*)$"))
  if not id or id == "" then return false, "No message id was found" end
  local lines = { "Message id: " .. id }
  if found.XAddrs then lines[#lines + 1] = "Address: " .. found.XAddrs end
  if with_types and found.Types then lines[#lines + 1] = "Type: " .. string.gsub(found.Types, "^%w+:", "") end
  return true, lines
end

--- Reads the answer of a device.
-- @name Decoders.general
-- @class function
-- @param data The message.
-- @return True and an array of lines, or false and a message.
function Decoders.general (data) return decode(data, true) end

--- Reads the answer of a service.
-- @name Decoders.wcf
-- @class function
-- @param data The message.
-- @return True and an array of lines, or false and a message.
function Decoders.wcf (data) return decode(data, false) end

--- Reads a fault.
-- @name Decoders.error
-- @class function
-- @param data The message.
-- @return True and a message.
function Decoders.error (data)
  local found = elements(data)
  return true, "Failed to decode response from device: " .. (found.Text or found.faultstring or "Unknown error")
end

--- Sends probes and reads answers.
-- @class table
-- @name Comm
Comm = {}
Comm.__index = Comm

--- Makes one.
-- @name Comm.new
-- @class function
-- @param host The host table.
-- @param port The port table.
-- @param mcast True to ask all of the network.
-- @return The object.
function Comm:new (host, port, mcast)
  return setmetatable({ host = host, port = port, mcast = mcast, sendcount = 2, timeout = TIMEOUT_MS }, self)
end

--- Sets how long answers are waited for.
-- @name Comm.setTimeout
-- @class function
-- @param timeout Milliseconds.
function Comm:setTimeout (timeout) self.timeout = timeout end

--- Sets what is asked.
-- @name Comm.setProbe
-- @class function
-- @param probe A probe.
function Comm:setProbe (probe) self.probe = probe end

--- Sends the probe.
-- @name Comm.sendProbe
-- @class function
-- @return True, or false and a message.
function Comm:sendProbe ()
  local data = string.format(self.probe.data, Util.generateUUID())
  self.socket = nmap.new_socket("udp")
  self.socket:set_timeout(self.timeout)
  if self.mcast then return self.socket:sendto(MULTICAST, PORT, data) end
  return self.socket:sendto(self.host, self.port, data)
end

--- Reads the answers.
-- @name Comm.recvProbeMatches
-- @class function
-- @return True and an array of arrays of lines, or false and a message.
function Comm:recvProbeMatches ()
  local responses, seen = {}, {}
  for _ = 1, MAX_ANSWERS do
    local status, data = self.socket:receive()
    if not status then break end
    local decoded, lines = Decoders[self.probe.name](data)
    if not decoded then
      stdnse.debug1("wsdd: %s", lines)
    elseif not seen[lines[1]] then
      seen[lines[1]] = true
      responses[#responses + 1] = lines
    end
    if not self.mcast then break end
  end
  self.socket:close()
  if #responses == 0 then return false, "No answers" end
  return true, responses
end

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
-- @param mcast True to ask all of the network.
-- @return The helper.
function Helper:new (host, port, mcast)
  return setmetatable({ host = host, port = port, mcast = mcast, timeout = TIMEOUT_MS }, self)
end

--- Asks all of the network, or not.
-- @name Helper.setMulticast
-- @class function
-- @param mcast True to do so.
function Helper:setMulticast (mcast) self.mcast = mcast end

--- Sets how long answers are waited for.
-- @name Helper.setTimeout
-- @class function
-- @param timeout Milliseconds.
function Helper:setTimeout (timeout) self.timeout = timeout end

--- Asks with one probe.
-- @name Helper.discoverServices
-- @class function
-- @param probename <code>general</code> or <code>wcf</code>.
-- @return True and a table for <code>stdnse.format_output</code>, or false and a message.
function Helper:discoverServices (probename)
  local probe = Util.getProbeByName(probename)
  if not probe then return false, "No such probe" end
  local comm = Comm:new(self.host, self.port, self.mcast)
  comm:setTimeout(self.timeout)
  comm:setProbe(probe)
  local status, result = comm:sendProbe()
  if not status then return false, result end
  status, result = comm:recvProbeMatches()
  if not status then return false, result end
  if not self.mcast then
    result[1].name = probe.desc
    return true, result[1]
  end
  result.name = probe.desc
  return true, result
end

--- Asks for devices.
-- @name Helper.discoverDevices
-- @class function
-- @return True and a table for <code>stdnse.format_output</code>, or false and a message.
function Helper:discoverDevices () return self:discoverServices("general") end

--- Asks for services of WCF.
-- @name Helper.discoverWCFServices
-- @class function
-- @return True and a table for <code>stdnse.format_output</code>, or false and a message.
function Helper:discoverWCFServices () return self:discoverServices("wcf") end

return _ENV
