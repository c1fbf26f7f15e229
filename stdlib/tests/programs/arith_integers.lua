print(7 // 2, -7 // 2, 7 // -2, -7 // -2, 7 % 3, -7 % 3, 7 % -3, -7 % -3)
print(math.maxinteger + 1 == math.mininteger, math.mininteger - 1 == math.maxinteger)
print(math.maxinteger * 2, math.mininteger // -1, math.mininteger % -1)
print(1 << 63, 1 << 64, 1 << -1, -1 >> 1, -1 >> 63, 2 >> -3, 1 << 62 << 1)
print(0x7fffffffffffffff, 0xffffffffffffffff, 0x1ffffffffffffffff)
print(5 // 0.0, -5 // 0.0, 0 / 0 ~= 0 / 0, 5 % math.huge, -5 % math.huge)
print(pcall(function() return 1 // 0 end))
print(pcall(function() return 1 % 0 end))
print(3 & 5, 3 | 5, 3 ~ 5, ~0, ~5, "7" + 1, "0x10" * 2, 10 .. 20)
for _, v in ipairs { 0, 1, -1, 2^31, -2^31, 2^53, 1e15, 1e16 } do print(v, math.tointeger(v), v // 1) end
local a, b = 17, 5
print(a + b, a - b, a * b, a / b, a % b, a // b, a ^ b, -a, a & b, a | b, a ~ b, a << b, a >> b)
