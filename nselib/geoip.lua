---
-- Where addresses are on Earth, as scripts found out, kept for the whole run.
--
-- @usage
-- geoip.add("192.0.2.1", 48.2, 16.37)
-- for ip, location in pairs(geoip.get_all_by_ip()) do print(ip, location) end
--
-- @copyright MIT OR Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("geoip", stdnse.seeall)

local KEY = "geoip"

--- A place.
-- @class table
-- @name Location
Location = {}
Location.__index = Location

local FIELDS = { "latitude", "longitude", "city", "region", "country" }

--- Makes a place.
-- @name Location.new
-- @param o Table with any of <code>latitude</code>, <code>longitude</code>, <code>city</code>, <code>region</code> and
--          <code>country</code>. Default: an empty one.
-- @return The place; <code>pairs</code> visits what is known in that order.
function Location:new (o) return setmetatable(o or {}, self) end

for _, field in ipairs(FIELDS) do
  Location["set_" .. field] = function (self, value) self[field] = value end
end

function Location:__pairs ()
  local at = 0
  return function ()
    while at < #FIELDS do
      at = at + 1
      local value = rawget(self, FIELDS[at])
      if value ~= nil then return FIELDS[at], value end
    end
  end
end

function Location:__tostring ()
  local lines, names = {}, {}
  if self.latitude and self.longitude then
    lines[1] = string.format("coordinates: %s, %s", self.latitude, self.longitude)
  end
  for _, field in ipairs({ "city", "region", "country" }) do names[#names + 1] = self[field] end
  if #names > 0 then lines[#lines + 1] = "location: " .. table.concat(names, ", ") end
  return table.concat(lines, "\n")
end

local function places ()
  nmap.registry[KEY] = nmap.registry[KEY] or {}
  return nmap.registry[KEY]
end

--- Notes where an address is.
-- @param ip The address.
-- @param lat Latitude, or a <code>Location</code>.
-- @param lon Longitude.
function add (ip, lat, lon)
  if type(lat) == "table" then
    places()[ip] = lat
  else
    places()[ip] = Location:new({ latitude = lat, longitude = lon })
  end
end

--- Tells whether nothing is known.
-- @return True or false.
function empty () return next(places()) == nil end

--- All places by address.
-- @param limit Not used.
-- @return A table from address to <code>Location</code>.
function get_all_by_ip (limit) return places() end

--- All addresses by place.
-- @param limit How many addresses of a place. Default: all.
-- @return A table from <code>latitude,longitude</code> to an array of addresses.
function get_all_by_gps (limit)
  local found = {}
  for ip, location in pairs(places()) do
    if location.latitude and location.longitude then
      local key = string.format("%s,%s", location.latitude, location.longitude)
      found[key] = found[key] or {}
      table.insert(found[key], ip)
    end
  end
  for _, list in pairs(found) do
    table.sort(list)
    for i = #list, (limit or #list) + 1, -1 do list[i] = nil end
  end
  return found
end

return _ENV
