local geoip = require "geoip"

check("empty", "true", geoip.empty())
geoip.add("192.0.2.2", 1.5, -2)
geoip.add("192.0.2.1", "1.5", "-2")
check("not empty", "false", geoip.empty())
check("by place", '{"1.5,-2"={1="192.0.2.1",2="192.0.2.2"}} {"1.5,-2"={1="192.0.2.1"}}', geoip.get_all_by_gps(),
  geoip.get_all_by_gps(1))
local place = geoip.get_all_by_ip()["192.0.2.2"]
check("by address", '"coordinates: 1.5, -2" 1.5', tostring(place), place.latitude)
place:set_city("C")
place:set_country("X")
local keys = {}
for key in pairs(place) do keys[#keys + 1] = key end
check("a place", [["coordinates: 1.5, -2\
location: C, X" "latitude longitude city country"]], tostring(place), table.concat(keys, " "))
