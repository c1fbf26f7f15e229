-- How numbers are read: the longest prefix that could start a numeral, one byte of look-ahead.
local name = os.tmpname()
local function try(text)
  do
    local file <close> = io.open(name, "w")
    file:write(text)
  end
  local file <close> = io.open(name)
  local value = file:read("n")
  local rest = file:read("a")
  print(string.format("%q", #text > 60 and #text or text), math.type(value), value, #rest > 60 and #rest or string.format("%q", rest))
end
for _, text in ipairs {
  "", " ", "0", "1", "-1", "+1", "--1", "+-1", "12 34", "  \t\n\v\f\r 7", "7\n", "1.5", ".5", "5.", ".", "-.", "1..2", "1.2.3", "1e5", "1E+5", "1e-5", "1e",
  "1e+", "1ex", "e5", ".e5", "0x10", "0X1f", "0x", "0xg", "0x.8", "0x8.", "0x.", "0x1p4", "0x1P-2", "0x1p", "0x1pf", "-0xff", "0xffffffffffffffff",
  "0x1ffffffffffffffff", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "00012", "0b1", "1_000", "1,5", "nan", "inf", "NaN", "0x1.8p1x",
  "12abc", "0xabcdefg", "1e5e5", "0e0", "00x1", "1 ", "- 1", "0x 1", "1\0", "\xff1", "3.14159265358979", "1e400", "-1e400", "1e-400", "0.1e1", "1d5", "0x1e+1",
  "1e+5+", "99999999999999999999", "1.0", "-0", "-0.0", "0x-1", "1e--5",
} do try(text) end
-- At most 200 characters.
for _, len in ipairs { 199, 200, 201, 202, 1000 } do
  try(("1"):rep(len))
  try("0." .. ("3"):rep(len - 2) .. " x")
  try("0x" .. ("f"):rep(len - 2) .. "z")
  try("-" .. ("0"):rep(len - 1) .. "e1")
end
try(("0"):rep(198) .. "e55")
try(("0"):rep(199) .. "e55")
-- A row of numbers.
do
  local file <close> = io.open(name, "w")
  for n = 1, 100 do file:write(n, n % 2 == 0 and "\n" or " ") end
  file:write("end")
end
local file = io.open(name)
local sum, count = 0, 0
while true do
  local value = file:read("n")
  if not value then break end
  sum, count = sum + value, count + 1
end
print(sum, count, file:read("a"))
file:close()
os.remove(name)
