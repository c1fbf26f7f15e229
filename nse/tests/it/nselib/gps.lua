local gps = require "gps"

-- The example that descriptions of NMEA 0183 give for RMC.
local sentence = "$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A"
equal(gps.NMEA.checksum(sentence), "6A")
local status, entry = gps.NMEA.parse(sentence)
check("RMC", 'true "123519" "A" 48.1173 11.5167 22.4 "230394"', status, entry.time, entry.status,
  math.floor(entry.latitude * 1e4 + 0.5) / 1e4, math.floor(entry.longitude * 1e4 + 0.5) / 1e4, entry.speed, entry.date)
status, entry = gps.NMEA.parse("$GPRMC,123519,A,4807.038,S,01131.000,W,022.4,084.4,230394,003.1,W")
check("south and west", "true true", entry.latitude < 0, entry.longitude < 0)
check("bad", "false false false false", (gps.NMEA.parse(sentence:gsub("A,48", "A,49"))), (gps.NMEA.parse("$GPGSV,1*00")), (gps.NMEA.parse("hello")),
  (gps.NMEA.parse(nil)))
equal(os.date("%Y-%m-%d %H:%M:%S", gps.Util.convertTime("230394", "123519")), "1994-03-23 12:35:19")
check("no time", "nil", gps.Util.convertTime("", ""))
