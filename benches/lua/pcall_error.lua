-- Protected calls, with and without an error.
local function good(x) return x + 1 end
local function bad(x) error({ code = x }) end
local ok_count, sum = 0, 0
for i = 1, 1500000 do
  local ok, v = pcall(good, i)
  if ok then sum = sum + v end
  local ok2, e = pcall(bad, i)
  if not ok2 then ok_count = ok_count + e.code % 2 end
end
print(ok_count, sum)
