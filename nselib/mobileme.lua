---
-- Apple's service that finds devices (formerly of MobileMe, now of iCloud): devices, where they are, messages to them.
--
-- @usage
-- local helper = mobileme.Helper:new(username, password)
-- local status, places = helper:getLocation()
--
-- @copyright MIT OR Apache-2.0

local http = require "http"
local json = require "json"
local os = require "os"
local stdnse = require "stdnse"
_ENV = stdnse.module("mobileme", stdnse.seeall)

local HOST, PORT = "fmipmobile.icloud.com", 443
-- How often the service is asked until it knows where the devices are.
local TRIES, WAIT_S = 5, 2
local FIELDS = {
  ["Content-Type"] = "application/json; charset=utf-8",
  ["X-Apple-Find-Api-Ver"] = "2.0",
  ["X-Apple-Authscheme"] = "UserIdGuest",
  ["X-Apple-Realm-Support"] = "1.0",
}

--- The service, as one user.
MobileMe = {}
MobileMe.__index = MobileMe

--- Makes it; nothing is sent.
-- @param username The user.
-- @param password The password.
-- @return The object.
function MobileMe:new (username, password)
  return setmetatable({ username = username, password = password, host = HOST, port = PORT }, self)
end

-- Asks the service for something: true and what it answers, or false and an error.
local function ask (self, action, body)
  local path = ("/fmipservice/device/%s/%s"):format(self.username, action)
  local port = { number = self.port, protocol = "tcp", service = "https" }
  for _ = 1, 2 do
    local response = http.post(self.host, port, path, {
      header = FIELDS,
      auth = { username = self.username, password = self.password },
      no_cache = true,
    }, nil, json.generate(body))
    -- The service hands users on to another host.
    local other = response.status == 330 and response.header["x-apple-mme-host"]
    if not other then
      if response.status == 401 then return false, "Authentication failed" end
      if response.status ~= 200 then return false, ("The service failed (%s)"):format(tostring(response.status)) end
      local status, parsed = json.parse(response.body or "")
      if not status or type(parsed) ~= "table" then return false, "The answer is malformed" end
      return true, parsed
    end
    self.host = other
  end
  return false, "The service hands the user on and on"
end

--- Asks for the devices and where they are.
-- @return True, or false and an error. The object then has <code>devices</code>, a list as the service sends it.
function MobileMe:update ()
  local status, answer = ask(self, "initClient", { clientContext = { appName = "FindMyiPhone", appVersion = "2.0.2",
    shouldLocate = true } })
  if not status then return false, answer end
  if type(answer.content) ~= "table" then return false, "The answer names no devices" end
  self.devices = answer.content
  return true
end

--- The devices.
-- @return True and a list of tables with <code>id</code>, <code>name</code> and more; or false and an error.
function MobileMe:getDevices ()
  if not self.devices then
    local status, err = self:update()
    if not status then return false, err end
  end
  return true, self.devices
end

--- Sends a message to a device.
-- @param devid The device's identifier.
-- @param subject The message's subject.
-- @param message The message.
-- @param alarm True for a sound.
-- @return True, or false and an error.
function MobileMe:sendMessage (devid, subject, message, alarm)
  local status, answer = ask(self, "sendMessage", { device = devid, subject = subject, text = message,
    sound = alarm and true or false, userText = true })
  if not status then return false, answer end
  return true
end

Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @param username The user.
-- @param password The password.
-- @return The helper.
function Helper:new (username, password) return setmetatable({ service = MobileMe:new(username, password) }, self) end

--- The devices.
-- @return See <code>MobileMe:getDevices</code>.
function Helper:getDevices () return self.service:getDevices() end

--- Where the devices are.
-- @return True and a table by the devices' names of tables with <code>latitude</code>, <code>longitude</code>,
--         <code>accuracy</code>, <code>timestamp</code> and <code>postype</code>; or false and an error.
function Helper:getLocation ()
  local places
  for try = 1, TRIES do
    local status, err = self.service:update()
    if not status then return false, err end
    places = {}
    local pending = false
    for _, device in ipairs(self.service.devices) do
      local place = type(device) == "table" and device.location
      if type(place) == "table" and tonumber(place.latitude) and tonumber(place.longitude) then
        local seconds = (tonumber(place.timeStamp) or 0) // 1000
        places[tostring(device.name)] = {
          latitude = place.latitude,
          longitude = place.longitude,
          accuracy = place.horizontalAccuracy,
          timestamp = os.date("!%m/%d/%Y %X", seconds),
          postype = place.positionType,
        }
        pending = pending or place.isOld == true
      end
    end
    if not pending or try == TRIES then break end
    stdnse.sleep(WAIT_S)
  end
  return true, places
end

--- Sends a message to a device.
-- @param devid The device's identifier.
-- @param subject The message's subject.
-- @param message The message.
-- @param alarm True for a sound.
-- @return True, or false and an error.
function Helper:sendMessage (devid, subject, message, alarm)
  return self.service:sendMessage(devid, subject, message, alarm)
end

return _ENV
