for _, p in ipairs { { 0, 0 }, { 1, 2 }, { -1, 255 }, { 0xf0f0, 0x0ff0 }, { math.mininteger, math.maxinteger } } do local a, b = p[1], p[2] print(a & b, a | b, a ~ b, ~a, a << 3, a >> 3, a << 63, b >> 1) end
print(1 << 0, 1 << 64, 1 << -64, 1 >> 64, -1 >> 60, -1 << 60, 3.0 & 1, 2^31 | 0, 5 // 1 | 0) local x = 0xdeadbeef x = x & 0xff x = x | 0x100 x = x ~ 0x1 x = x << 4 x = x >> 2 print(x, ~x & 0xff) local k = 5 print(k & 3, 3 & k, k | 8, 8 | k, k ~ 1, 1 ~ k, k << 1, 1 << k, k >> 1, 100 >> k)
print(pcall(function() return "3" & 1 end))
print(pcall(function() return "3.5" & 1 end))
print(pcall(function() return 1 << "2" end))
print(pcall(function() return ~"7" end))
print(pcall(function() return 1 & {} end))
print(pcall(function() return nil ~ 1 end))
print(pcall(function() return 1e100 | 0 end))
