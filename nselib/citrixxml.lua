---
-- The XML service of Citrix (NFuse protocol): which servers and applications a farm has.
--
-- Requests and answers are documents that are posted to a fixed path. Functions named <code>request_…</code> return the
-- answer as text, those named <code>parse_…</code> read it.
--
-- @usage
-- local answer = citrixxml.request_server_data(host, port)
-- for _, name in ipairs(citrixxml.parse_server_data_response(answer)) do print(name) end
--
-- @copyright MIT OR Apache-2.0

local http = require "http"
local slaxml = require "slaxml"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("citrixxml", stdnse.seeall)

local PATH = "/scripts/WPnBr.dll"
-- Items of one answer that are read.
local MAX_ITEMS = 5000

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape (text) return (string.gsub(tostring(text), '[&<>"]', ESCAPES)) end

local function element (name, text, attributes)
  return "<" .. name .. (attributes and " " .. attributes or "") .. ">" .. escape(text) .. "</" .. name .. ">"
end

-- One element for each value of a list, or for a single value.
local function elements (name, values)
  local out = {}
  for i, value in ipairs(type(values) == "table" and values or { values }) do out[i] = element(name, value) end
  return table.concat(out)
end

--- Replaces references to characters by their numbers.
-- @param xmldata The text.
-- @return The text without them.
function decode_xml_document (xmldata)
  return (string.gsub(xmldata or "", "&#(%d%d?%d?);", function (digits)
    local code = tonumber(digits)
    return code > 0 and code < 128 and string.char(code) or nil
  end))
end

--- Posts a document.
-- @param host The host table.
-- @param port The port table.
-- @param xmldata The document.
-- @return The answer's text, or false.
function send_citrix_xml_request (host, port, xmldata)
  local response = http.post(host, port, PATH, { header = { ["Content-Type"] = "text/xml" } }, nil, xmldata)
  if response.status ~= 200 or not response.body then
    stdnse.debug1("citrixxml: %s", tostring(response["status-line"]))
    return false
  end
  return response.body
end

local function request (host, port, version, body)
  return send_citrix_xml_request(host, port, '<?xml version="1.0" encoding="ISO-8859-1"?>\r\n'
    .. '<!DOCTYPE NFuseProtocol SYSTEM "NFuse.dtd">\r\n'
    .. string.format('<NFuseProtocol version="%s">%s</NFuseProtocol>\r\n', version, body))
end

local function credentials (params)
  local given = params and params.Credentials
  if not given then return "" end
  return "<Credentials>" .. element("UserName", given.UserName or "")
    .. element("Password", given.Password or "", 'encoding="cleartext"')
    .. element("Domain", given.Domain or "", 'type="NT"') .. "</Credentials>"
end

--- Asks for the address of an application's server.
-- @param host The host table.
-- @param port The port table.
-- @param flags Flags of the request, a text.
-- @param appname The application, or nil for any server.
-- @return The answer, or false.
function request_address (host, port, flags, appname)
  local body = "<RequestAddress>" .. (flags and element("Flags", flags) or "")
    .. (appname and "<Name>" .. element("AppName", appname) .. "</Name>" or "") .. "</RequestAddress>"
  return request(host, port, "4.1", body)
end

--- Asks which servers there are.
-- @param host The host table.
-- @param port The port table.
-- @param params Table with <code>ServerType</code> and <code>ClientType</code>, texts or arrays. Default: all.
-- @return The answer, or false.
function request_server_data (host, port, params)
  params = params or {}
  return request(host, port, "1.1", "<RequestServerData>" .. elements("ServerType", params.ServerType or "all")
    .. elements("ClientType", params.ClientType or "all") .. "</RequestServerData>")
end

--- Asks for the name of the farm.
-- @param host The host table.
-- @param port The port table.
-- @return The answer, or false.
function request_server_farm_data (host, port)
  return request(host, port, "1.1", "<RequestServerFarmData><Nil/></RequestServerFarmData>")
end

--- Asks what the service can do.
-- @param host The host table.
-- @param port The port table.
-- @return The answer, or false.
function request_capabilities (host, port)
  return request(host, port, "4.1", "<RequestCapabilities><Nil/></RequestCapabilities>")
end

--- Asks about the protocol.
-- @param host The host table.
-- @param port The port table.
-- @param params Table; <code>ServerAddress</code> is a server's address with <code>attr.addresstype</code>.
-- @return The answer, or false.
function request_protocol_info (host, port, params)
  local address = params and params.ServerAddress
  return request(host, port, "1.1", "<RequestProtocolInfo>" .. (address and element("ServerAddress", address,
    'addresstype="dns-port"') or "") .. "</RequestProtocolInfo>")
end

--- Asks which applications there are.
-- @param host The host table.
-- @param port The port table.
-- @param params Table with <code>ServerType</code>, <code>ClientType</code> and <code>DesiredDetails</code>, texts or
--               arrays, and <code>Credentials</code>, a table with <code>UserName</code>, <code>Password</code> and
--               <code>Domain</code>.
-- @return The answer, or false.
function request_appdata (host, port, params)
  params = params or {}
  return request(host, port, "5.0", '<RequestAppData><Scope traverse="onelevel" />'
    .. elements("ServerType", params.ServerType or "all") .. elements("ClientType", params.ClientType or "ica30")
    .. elements("DesiredDetails", params.DesiredDetails or "permissions") .. credentials(params) .. "</RequestAppData>")
end

--- Asks whether a user and a password are right.
-- @param host The host table.
-- @param port The port table.
-- @param params Table with <code>Credentials</code>, as for <code>request_appdata</code>.
-- @return The answer, or false.
function request_validate_credentials (host, port, params)
  return request(host, port, "5.0", "<RequestValidateCredentials>" .. credentials(params)
    .. "</RequestValidateCredentials>")
end

--- Asks for sessions that a user left.
-- @param host The host table.
-- @param port The port table.
-- @param params Table with <code>Credentials</code>, <code>ServerType</code> and <code>ClientType</code>.
-- @return The answer, or false.
function request_reconnect_session_data (host, port, params)
  params = params or {}
  return request(host, port, "5.0", "<RequestReconnectSessionData>" .. credentials(params)
    .. elements("ServerType", params.ServerType or "all") .. elements("ClientType", params.ClientType or "ica30")
    .. "</RequestReconnectSessionData>")
end

-- The texts of all elements of a name.
local function texts_of (response, wanted)
  local found, open = {}, nil
  slaxml.parser:new({
    startElement = function (name) open = name end,
    closeElement = function () open = nil end,
    text = function (text) if open == wanted and #found < MAX_ITEMS then found[#found + 1] = text end end,
  }):parseSAX(response or "", { stripWhitespace = true })
  return found
end

--- Reads which servers there are.
-- @param response The answer.
-- @return An array of names.
function parse_server_data_response (response) return texts_of(response, "ServerName") end

--- Reads the name of the farm.
-- @param response The answer.
-- @return An array of names.
function parse_server_farm_data_response (response) return texts_of(response, "ServerFarmName") end

--- Reads what the service can do.
-- @param response The answer.
-- @return An array of words.
function parse_capabilities_response (response) return texts_of(response, "CapabilityId") end

--- Reads whether a user and a password are right.
-- @param xmldata The answer.
-- @return A table with <code>ErrorId</code>, or an empty one if they are.
function parse_validate_credentials_response (xmldata)
  return { ErrorId = texts_of(xmldata, "ErrorId")[1] }
end

local SETTING_ATTRIBUTES = { appisdisabled = true, appisdesktop = true }
local VALUE_SETTINGS = { AppOnDesktop = true, AppInStartmenu = true }
local TEXT_SETTINGS = { Encryption = true, PublisherName = true, SSLEnabled = true, RemoteAccessEnabled = true }

--- Reads which applications there are.
-- @param xmldata The answer.
-- @return An array of tables with <code>FName</code>, the name; <code>Settings</code>, texts by their names; and
--         <code>AccessList</code> with arrays <code>User</code> and <code>Group</code>.
function parse_appdata_response (xmldata)
  local apps, app, open, account = {}, nil, {}, nil
  local function current () return open[#open] end
  slaxml.parser:new({
    startElement = function (name)
      open[#open + 1] = name
      if name == "AppData" and #apps < MAX_ITEMS then
        app = { FName = "", Settings = {}, AccessList = {} }
        apps[#apps + 1] = app
      elseif name == "User" or name == "Group" then
        account = {}
      end
    end,
    attribute = function (name, value)
      if not app then return end
      local element_name = current()
      if element_name == "Settings" and SETTING_ATTRIBUTES[name] then app.Settings[name] = value end
      if VALUE_SETTINGS[element_name] and name == "value" then app.Settings[element_name] = value end
      if element_name == "Encryption" and name == "minimum" then app.Settings.EncryptionEnforced = value end
    end,
    text = function (text)
      local name = current()
      if not app then return end
      if name == "FName" then app.FName = text end
      if TEXT_SETTINGS[name] then app.Settings[name] = text end
      if account and (name == "Domain" or name == "UserName" or name == "GroupName") then account[name] = text end
    end,
    closeElement = function (name)
      open[#open] = nil
      if (name == "User" or name == "Group") and account and app then
        local account_name = account[name .. "Name"]
        if account_name then
          local list = app.AccessList[name] or {}
          app.AccessList[name] = list
          list[#list + 1] = (account.Domain and account.Domain .. "\\" or "") .. account_name
        end
        account = nil
      end
      if name == "AppData" then app = nil end
    end,
  }):parseSAX(xmldata or "", { stripWhitespace = true })
  return apps
end

return _ENV
