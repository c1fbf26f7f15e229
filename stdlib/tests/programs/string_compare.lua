-- Order and equality of strings and numbers.
local strings = { "", "a", "A", "aa", "ab", "b", "a\0", "a\0b", "\0", "\255", "\128z", "é", "10", "9", "Z", "_" }
table.sort(strings)
for _, s in ipairs(strings) do print(("%q"):format(s), #s) end
for i, a in ipairs(strings) do
  local row = {}
  for j, b in ipairs(strings) do
    row[j] = a < b and "<" or a == b and "=" or ">"
    assert((a <= b) == (not (b < a)) and (a > b) == (b < a) and (a ~= b) == not (a == b))
  end
  print(table.concat(row))
end
local numbers = { 0, -0.0, 1, 1.0, -1, 2^53, 2^53 + 1, (1 << 53) + 1, math.maxinteger, math.maxinteger + 0.0, math.mininteger,
  math.mininteger + 0.0, 1e308, -1e308, math.huge, -math.huge, 0.5, 9007199254740993 }
for _, a in ipairs(numbers) do
  local row = {}
  for j, b in ipairs(numbers) do row[j] = a < b and "<" or a == b and "=" or a > b and ">" or "?" end
  print(table.concat(row), a)
end
local nan = 0 / 0
print(nan == nan, nan < nan, nan <= 1, 1 <= nan, nan ~= nan, not (nan > 1))
print("1" == 1, 1 == 1.0, "abc" == "abc", {} == {}, nil == false, print == print)
print(("x"):rep(50) == ("x"):rep(25) .. ("x"):rep(25), ("y"):rep(100) < ("y"):rep(101))
local long = {}
long[("k"):rep(60)] = 1
print(long[("k"):rep(30) .. ("k"):rep(30)], long[("k"):rep(61)])
