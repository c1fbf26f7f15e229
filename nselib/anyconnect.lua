---
-- The beginning of a connection to a Cisco VPN as its client AnyConnect makes it: an XML document is posted to the
-- server, which answers with its version, the groups there are, and a form to log in with.
--
-- The protocol is described by the OpenConnect project (draft-mavrogiannopoulos-openconnect).
--
-- @usage
-- local client = anyconnect.Cisco.AnyConnect:new(host, port)
-- local status, err = client:connect()
-- if status then print(client.conn_attr.version) end
--
-- @copyright MIT OR Apache-2.0

local http = require "http"
local math = require "math"
local slaxml = require "slaxml"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("anyconnect", stdnse.seeall)

local VERSION = "4.10.07061"
local MAX_ATTRIBUTES, MAX_TEXT = 50, 1000

--- What there is of Cisco.
-- @class table
-- @name Cisco
Cisco = {}

--- Small things.
-- @class table
-- @name Cisco.Util
Cisco.Util = {}

--- Makes a hardware address.
-- @name Cisco.Util.generate_mac
-- @class function
-- @return Twelve hexadecimal digits; the address is one of those that are given locally.
function Cisco.Util.generate_mac ()
  local bytes = { 0x02 }
  for i = 2, 6 do bytes[i] = math.random(0, 255) end
  return (string.format("%02x%02x%02x%02x%02x%02x", table.unpack(bytes)))
end

--- A client.
-- @class table
-- @name Cisco.AnyConnect
Cisco.AnyConnect = {}
Cisco.AnyConnect.__index = Cisco.AnyConnect

--- Makes a client.
-- @name Cisco.AnyConnect.new
-- @class function
-- @param host The host table.
-- @param port The port table.
-- @return The client.
function Cisco.AnyConnect:new (host, port)
  return setmetatable({ host = host, port = port, conn_attr = {} }, self)
end

--- Makes random digits.
-- @name Cisco.AnyConnect.generate_random
-- @class function
-- @param length How many.
-- @return Hexadecimal digits in capitals.
function Cisco.AnyConnect.generate_random (length)
  local digits = {}
  for i = 1, length do digits[i] = string.format("%X", math.random(0, 15)) end
  return table.concat(digits)
end

--- The version of the server.
-- @name Cisco.AnyConnect.get_version
-- @class function
-- @return The version, or nil before <code>connect</code>.
function Cisco.AnyConnect:get_version () return self.conn_attr.version end

-- The document that begins a connection.
function Cisco.AnyConnect:init_request ()
  local name = stdnse.get_hostname(self.host)
  return string.format('<?xml version="1.0" encoding="UTF-8"?>\n'
    .. '<config-auth client="vpn" type="init" aggregate-auth-version="2"><version who="vpn">%s</version>'
    .. '<device-id unique-id="%s">linux-64</device-id><mac-address-list><mac-address>%s</mac-address></mac-address-list>'
    .. "<group-select>VPN</group-select><group-access>https://%s:%d</group-access></config-auth>",
    VERSION, self.generate_random(64), Cisco.Util.generate_mac(), name,
    type(self.port) == "table" and self.port.number or self.port)
end

-- Version, banner and what the server wants to have back; whether it is such an answer at all.
local function read_answer (xml)
  local found, open, is_answer, count = {}, {}, false, 0
  slaxml.parser:new({
    startElement = function (name)
      open[#open + 1] = name
      if #open == 1 and name == "config-auth" then is_answer = true end
      -- A banner is there although it is empty.
      if name == "banner" then found.banner = found.banner or "" end
    end,
    closeElement = function () open[#open] = nil end,
    text = function (text)
      local name, parent = open[#open], open[#open - 1]
      local wanted = name == "version" or name == "banner" or parent == "opaque"
      if wanted and count < MAX_ATTRIBUTES and (found[name] == nil or found[name] == "") then
        found[name], count = string.sub(text, 1, MAX_TEXT), count + 1
      end
    end,
  }):parseSAX(xml, { stripWhitespace = true })
  return found, is_answer
end

--- Begins a connection.
-- @name Cisco.AnyConnect.connect
-- @class function
-- @return True, and the client's <code>conn_attr</code> has what the server said; or false and a message.
function Cisco.AnyConnect:connect ()
  local header = {
    ["User-Agent"] = "AnyConnect Linux_64 " .. VERSION,
    ["Accept"] = "*/*",
    ["Accept-Encoding"] = "identity",
    ["X-Transcend-Version"] = "1",
    ["X-Aggregate-Auth"] = "1",
    ["X-AnyConnect-Platform"] = "linux-64",
  }
  local response = http.generic_request(self.host, self.port, "POST", "/",
    { header = header, content = self:init_request(), redirect_ok = false })
  if not response.status then return false, "Failed to connect to SSL VPN server" end
  local found, is_answer = read_answer(response.body or "")
  if response.status ~= 200 or not is_answer or not found.version then
    return false, "Not a Cisco ASA or unsupported version"
  end
  found.host = stdnse.get_hostname(self.host)
  self.conn_attr = found
  return true
end

return _ENV
