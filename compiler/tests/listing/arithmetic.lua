local a, b = ...
local c = a + 1, a - 1, 1 + a, 2 * a, a * 2.5, a / b, a // 3, a % b, a ^ 2
local d = a & 7, 7 & a, a | b, a ~ 1, a << 2, 1 << a, a >> b, ~a, -a, not a, #a
local folded = 2 ^ 10 + 3 * 4 - 7 // 2, "a" .. "b" .. a .. 1, 1 // 0, 0 / 0
return c, d, folded
