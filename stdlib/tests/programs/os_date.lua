-- Dates as text and as tables.
local letters = "aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%"
for _, time in ipairs { 0, 86399, 951782400, 1000000000, 1234567890, 1735689599, 4102444800, -1, -86400 * 365, 2^31, 68256000000 } do
  for letter in letters:gmatch(".") do
    print(time, letter, os.date("!%" .. letter, math.tointeger(time)), os.date("%" .. letter, math.tointeger(time)))
  end
  for _, pair in ipairs { "Ec", "EC", "Ex", "EX", "Ey", "EY", "Od", "Oe", "OH", "OI", "Om", "OM", "OS", "Ou", "OU", "OV", "Ow", "OW", "Oy" } do
    print(pair, os.date("!%" .. pair, math.tointeger(time)))
  end
end
local function show(date)
  if type(date) ~= "table" then return print(date) end
  for _, key in ipairs { "year", "month", "day", "hour", "min", "sec", "yday", "wday", "isdst" } do io.write(key, "=", tostring(date[key]), " ") end
  print()
end
for _, time in ipairs { 0, 951782400, 951868800, 1735689599, -1, -62135596800 } do
  show(os.date("!*t", time))
  show(os.date("*t", time))
end
show(os.date("!*t\0x", 0))
print(os.date("!*tx", 0), os.date("!x*t", 0), os.date("", 0), os.date("!", 0), #os.date("\0\0", 0), #os.date("!%Y\0%m", 0))
print(os.date("!literal %% text %Y", 0), os.date("!!%Y", 0), os.date("!%d/%m/%y", "86400"), os.date("!%H", 3600.0))
print(#os.date(("%Y-%m-%d "):rep(1000), 0), os.date(("x"):rep(300), 0) == ("x"):rep(300))
for _, format in ipairs { "%", "%E", "%O", "%Ez", "%Od%O", "%Oc", "%Q", "%Q and more", "%9", "%i", "%L", "% d", "%-d", "%f\0g", "%\0", "ok %Y %k" } do
  print(format, pcall(os.date, format, 0))
end
print(pcall(os.date, "*t", 1 << 60))
print(pcall(os.date, "!%Y", math.maxinteger))
print(pcall(os.date, "!%Y", math.mininteger))
print(os.date("!%Y", 1 << 55), os.date("!%c", 67768036191676799))
print(pcall(os.date, "!%c", 67768036191676800))
print(pcall(os.date, {}))
print(pcall(os.date, "%c", {}))
print(pcall(os.date, "%c", 1.5))
print(pcall(os.date, "%c", "x"))
print(type(os.date()), #os.date() > 10, os.date("%Y") >= "2024", type(os.date("*t").year))
