-- string.format with the usual conversions, tostring and tonumber.
local total = 0
for i = 1, 190000 do
  local f = i / 7
  local s = string.format("%d %5.2f %s %x %-8s|%05d %g %q", i, f, "name", i, "ab", i % 1000, f, "q\"")
  total = total + #s
  s = string.format("%s:%d", tostring(i * 0.5), i)
  total = total + #s + tonumber(s:match("^[%d.]+")) % 3
  total = total + #tostring(f) + tonumber("0x" .. string.format("%X", i)) % 5
end
print(string.format("%.3f", total))
