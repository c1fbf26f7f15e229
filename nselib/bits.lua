---
-- What Lua's operators on bits lack.
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
_ENV = stdnse.module("bits", stdnse.seeall)

--- Shifts to the right and fills with copies of the sign bit.
-- @usage bits.arshift(-8, 1) --> -4
-- @param a The integer.
-- @param b Places; a negative number shifts to the left.
-- @return An integer.
function arshift (a, b)
  if b < 0 then return a << -b end
  if b > 63 then b = 63 end
  return a >> b | (a < 0 and b > 0 and -1 << (64 - b) or 0)
end

--- Puts the bits of a number in the opposite order.
-- @usage bits.reverse(1, 8) --> 128
-- @param n The integer; bits above the size do not count.
-- @param size How many bits it has, 8, 16, 32 or 64. Default 8.
-- @return An integer.
function reverse (n, size)
  size = size or 8
  if size ~= 8 and size ~= 16 and size ~= 32 and size ~= 64 then error("invalid size: " .. tostring(size), 2) end
  local out = 0
  for _ = 1, size do
    out = out << 1 | n & 1
    n = n >> 1
  end
  return out
end

return _ENV
