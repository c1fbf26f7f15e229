-- Times from dates: normalisation, defaults, errors, metamethods.
local function show(date)
  local ok, time = pcall(os.time, date)
  io.write(tostring(ok), " ", tostring(time), " ")
  if type(date) == "table" then
    for _, key in ipairs { "year", "month", "day", "hour", "min", "sec", "yday", "wday", "isdst" } do io.write(key, "=", tostring(date[key]), " ") end
  end
  print()
end
show { year = 2000, month = 1, day = 1 }
show { year = 2000, month = 1, day = 1, hour = 0 }
show { year = 2000, month = 1, day = 1, hour = 0, min = 0, sec = 0, isdst = false }
show { year = 2005, month = 1, day = 1, hour = 1, min = 0, sec = -3602 }
show { year = 2024, month = 14, day = -3, hour = 25, min = 61, sec = 3601 }
show { year = 2023, month = 2, day = 29 }
show { year = 2024, month = 2, day = 30 }
show { year = 1900, month = 3, day = 0 }
show { year = 1969, month = 12, day = 31, hour = 23, min = 59, sec = 58 }
show { year = 1600, month = 1, day = 1, hour = 0 }
show { year = 9999, month = 12, day = 31, hour = 23, min = 59, sec = 59 }
show { year = 1970, month = 1, day = 1, hour = 0, sec = 2^31 - 1 }
show { year = "2001", month = "0x2", day = " 3 ", hour = "4.0" }
show { year = 2000.0, month = 1.0, day = 1e0 }
-- Fields the result does not need are replaced, unknown ones stay.
local date = { year = 2010, month = 6, day = 15, yday = "x", wday = {}, other = 1 }
show(date)
print(date.other)
-- Errors.
for _, date in ipairs {
  {}, { year = 2000 }, { year = 2000, month = 1 }, { month = 1, day = 1 }, { year = 2000, day = 1 }, { year = 2000, month = 1, day = 1.5 },
  { year = "x", month = 1, day = 1 }, { year = 2000, month = {}, day = 1 }, { year = 2000, month = 1, day = 1, hour = "x" },
  { year = 2000, month = 1, day = 1, min = true }, { year = 2000, month = 1, day = 1, sec = 0.5 }, { year = 1 << 40, month = 1, day = 1 },
  { year = -(1 << 40), month = 1, day = 1 }, { year = 2000, month = 1 << 31, day = 1 }, { year = 2000, month = (1 << 31) + 1, day = 1 },
  { year = 2000, month = 1, day = 1 << 31 }, { year = 2000, month = 1, day = -(1 << 31) - 1 }, { year = (1 << 31) + 1899, month = 1, day = 1 },
  { year = math.mininteger, month = 1, day = 1 }, { year = math.maxinteger, month = 1, day = 1 }, { year = 2000, month = 1, day = 1, isdst = "x" },
} do
  print(pcall(os.time, date))
end
show { year = 1969, month = 12, day = 31, hour = 23, min = 59, sec = 59 }
print(pcall(os.time, { year = (1 << 31) + 1899, month = 12, day = 31, hour = 23, min = 59, sec = 60 }))
print(pcall(os.time, 5))
print(pcall(os.time, "x"))
print(pcall(function() os.time { year = 2000 } end))
-- Metamethods see the fields in order.
local log = {}
local proxy = setmetatable({}, {
  __index = function(_, key) log[#log + 1] = "get " .. key return ({ year = 2020, month = 5, day = 17, hour = 8 })[key] end,
  __newindex = function(_, key, value) log[#log + 1] = "set " .. key .. " " .. tostring(value) end,
})
print(os.time(proxy))
print(table.concat(log, ", "))
print(os.time(setmetatable({ month = 5, day = 17 }, { __index = { year = 2020, hour = 1, sec = 5 } })))
print(pcall(os.time, setmetatable({}, { __index = function(_, key) error("no " .. key, 0) end })))
-- Round trips.
for _, time in ipairs { 0, 1, 1000, 0x7fffffff, 0x80000000, 1234567890, -86400 } do
  assert(os.time(os.date("*t", time)) == time)
end
local now = os.time()
print(math.type(now), now > 1700000000, os.time(os.date("*t", now)) == now, os.time(nil) - now < 5)
print(os.difftime(5, 3), os.difftime(now, now + 10), os.difftime("7", 2.0))
print(pcall(os.difftime))
print(pcall(os.difftime, 1))
print(pcall(os.difftime, 1, 1.5))
