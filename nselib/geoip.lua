---
-- Places of addresses: scripts that find out where an address is note it here, others draw maps of all.
--
-- @usage
-- local place = geoip.Location:new()
-- place:set_latitude(52.5)
-- place:set_longitude(13.4)
-- place:set_city("Berlin")
-- geoip.add(host.ip, place.latitude, place.longitude)
--
-- @copyright MIT OR Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"
local table = require "table"
_ENV = stdnse.module("geoip", stdnse.seeall)

local function places ()
  local registry = nmap.registry
  registry.geoip = registry.geoip or {}
  return registry.geoip
end

--- Notes where an address is.
-- @param ip The address.
-- @param lat The latitude in degrees.
-- @param lon The longitude in degrees.
function add (ip, lat, lon)
  places()[ip] = { latitude = lat, longitude = lon }
end

--- Tells whether nothing was noted.
-- @return True or false.
function empty () return next(places()) == nil end

--- Everything by address.
-- @return A table of tables with <code>latitude</code> and <code>longitude</code>.
function get_all_by_ip () return places() end

--- Everything by place.
-- @return A table of arrays of addresses; its keys are texts such as <code>"52.5,13.4"</code>.
function get_all_by_gps ()
  local found = {}
  for ip, place in pairs(places()) do
    local key = tostring(place.latitude) .. "," .. tostring(place.longitude)
    found[key] = found[key] or {}
    table.insert(found[key], ip)
  end
  for _, addresses in pairs(found) do table.sort(addresses) end
  return found
end

--- A place, which shows as two lines.
-- @class table
-- @name Location
Location = {}
Location.__index = Location

local FIELDS = { "latitude", "longitude", "city", "region", "country" }

--- Makes a place.
-- @name Location.new
-- @class function
-- @param o A table with what is known: <code>latitude</code>, <code>longitude</code>, <code>city</code>,
--          <code>region</code>, <code>country</code>.
-- @return The place.
function Location:new (o) return setmetatable(o or {}, self) end

for _, field in ipairs(FIELDS) do
  Location["set_" .. field] = function (self, value) self[field] = value end
end

function Location:__tostring ()
  local text = "coordinates: " .. tostring(self.latitude) .. ", " .. tostring(self.longitude)
  local names = {}
  for _, field in ipairs({ "city", "region", "country" }) do names[#names + 1] = self[field] end
  if #names > 0 then text = text .. "\nlocation: " .. table.concat(names, ", ") end
  return text
end

-- In the order of FIELDS, for structured output.
function Location:__pairs ()
  local at = 0
  return function ()
    while at < #FIELDS do
      at = at + 1
      local value = rawget(self, FIELDS[at])
      if value ~= nil then return FIELDS[at], value end
    end
  end, self, nil
end

return _ENV
