local bits = require "bits"

check("arshift", "-4 4 -1 -1 0 8 -16", bits.arshift(-8, 1), bits.arshift(8, 1), bits.arshift(-1, 70),
  bits.arshift(-1, 63), bits.arshift(1, 64), bits.arshift(8, 0), bits.arshift(-8, -1))
check("reverse", "128 1 32768 2147483648 " .. math.mininteger, bits.reverse(1), bits.reverse(128, 8),
  bits.reverse(1, 16), bits.reverse(1, 32), bits.reverse(1, 64))
check("bits above the size", "0", bits.reverse(0x100, 8))
raises("invalid size: 4", bits.reverse, 6, 4)
