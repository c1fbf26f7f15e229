require("stub")
local geoip = require "geoip"

check("empty", "true", geoip.empty())
geoip.add("192.0.2.2", 52.5, 13.4)
geoip.add("192.0.2.1", 52.5, 13.4)
geoip.add("192.0.2.3", "0", "-1")
check("not empty", "false", geoip.empty())
check("by address", "52.5", geoip.get_all_by_ip()["192.0.2.1"].latitude)
check("by place", '{"0,-1"={1="192.0.2.3"},"52.5,13.4"={1="192.0.2.1",2="192.0.2.2"}}', geoip.get_all_by_gps())

local place = geoip.Location:new()
check("unknown", '"coordinates: nil, nil"', tostring(place))
place:set_latitude(52.5)
place:set_longitude(13.4)
place:set_country("Germany")
place:set_city("Berlin")
check("shown", '"coordinates: 52.5, 13.4\\\nlocation: Berlin, Germany"', tostring(place))
local keys = {}
for key in pairs(place) do keys[#keys + 1] = key end
check("order", '{1="latitude",2="longitude",3="city",4="country"}', keys)
