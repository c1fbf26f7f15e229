local datetime = require "datetime"

check("format_timestamp", '"1970-01-01T00:00:00+00:00" "2001-09-09T02:46:40+01:00" "1969-12-31T22:30:00-01:30"',
  datetime.format_timestamp(0, 0), datetime.format_timestamp(1e9, 3600), datetime.format_timestamp(0, -5400))
check("format_timestamp of a table", '"2020-01-02T03:04:05"',
  datetime.format_timestamp({ year = 2020, month = 1, day = 2, hour = 3, min = 4, sec = 5 }))
local date = { year = 2020, month = 1, day = 2, hour = 3, min = 4, sec = 5 }
check("date_to_timestamp", "1577934245 1577930645", datetime.date_to_timestamp(date, 0),
  datetime.date_to_timestamp(date, 3600))
for _, t in ipairs({ 0, 951782400, 951868800, 1709164800, 4107542400, -86400, 68169600 }) do
  check("dates and back", tostring(t), datetime.date_to_timestamp(os.date("!*t", t), 0))
end
check("format_time", '"1d03h46m40s" "1m40s" "0s" "-5s" "5.123s" "2h30m06.2s" "1m00s"', datetime.format_time(100000),
  datetime.format_time(100), datetime.format_time(0), datetime.format_time(-5), datetime.format_time(5123, 1000),
  datetime.format_time(90061.5, 10), datetime.format_time(59.9))
check("format_difftime", '"+302d17h59m15s" "-5s" "0s"',
  datetime.format_difftime(date, { year = 2019, month = 3, day = 5, hour = 9, min = 4, sec = 50 }),
  datetime.format_difftime(date, { year = 2020, month = 1, day = 2, hour = 3, min = 4, sec = 10 }),
  datetime.format_difftime(date, date))
local host = { registry = {} }
datetime.record_skew(host, 1100, 1000)
check("record_skew", "100", select(2, next(host.registry.datetime_skew))[1])
