local asn1 = require "asn1"

local stdnse = require "stdnse"

local hex, unhex = stdnse.tohex, stdnse.fromhex

-- Examples of X.690, 8.1 to 8.19, and of its annex.
local encoder = asn1.ASN1Encoder:new()
local function encoded (value) return hex(encoder:encode(value)) end
check("integers", '"020100" "02017f" "02020080" "020180" "0202ff7f" "020300ffff"', encoded(0), encoded(127), encoded(128),
  encoded(-128), encoded(-129), encoded(65535))
check("others", '"0101ff" "010100" "0500" "04024a6f"', encoded(true), encoded(false), hex(encoder:encode(nil)), encoded("Jo"))
check("lengths", '"7f" "8180" "820100"', hex(encoder.encodeLength(127)), hex(encoder.encodeLength(128)),
  hex(encoder.encodeLength(256)))
check("sequence", '"3003020105"', hex(encoder:encodeSeq(encoder:encode(5))))
check("identifier in a table", '"0a0103"', hex(encoder:encode({ type = "0A", value = "\3" })))
raises("needs a type", encoder.encode, encoder, {})
raises("not an integer", encoder.encode, encoder, 1.5)
-- 8.19.5: {joint-iso-itu-t 100 3} has a second component of 180.
check("components", '"8134" "03" "8768"', hex(encoder.encode_oid_component(180)), hex(encoder.encode_oid_component(3)),
  hex(encoder.encode_oid_component(1000)))

local decoder = asn1.ASN1Decoder:new()
decoder:registerBaseDecoders()
local function decoded (bytes) return decoder:decode(unhex(bytes), 1) end
for value in pairs({ [0] = 1, [5] = 1, [-1] = 1, [128] = 1, [-129] = 1, [65536] = 1, [math.maxinteger] = 1, [math.mininteger] = 1 }) do
  equal((decoder:decode(encoder:encode(value), 1)), value, "integer and back")
end
check("64 bits without a sign", "-1 12", decoded("020900ffffffffffffffff"))
check("too large", "nil 13", decoded("020a0101ffffffffffffffff"))
check("boolean, null", "true 4", decoded("0101ff"))
check("null is false", "false 3", decoded("0500"))
check("identifier", '"2.999.3" 6', table.concat((decoded("0603883703")), "."), select(2, decoded("0603883703")) + 0)
check("sequence", '{1=5,2="a"} 9', decoded("3006020105040161"))
check("unknown", "nil 4", decoded("9f0105"))
check("items after an unknown one", "{1=5} 9", decoded("3006800101020105"))

-- What ends too early, or never.
check("no octets", "nil 1", decoded(""))
check("no length", "nil 2", decoded("04"))
check("cut off", "nil 5", decoded("04056162"))
check("indefinite length", "nil 5", decoded("30800500"))
check("length of 8 octets", "nil 11", decoded("0488ffffffffffffffff"))
local deep = ""
for _ = 1, 200 do deep = encoder:encodeSeq(deep) end
equal(type((decoder:decode(deep, 1))), "table", "nested deeply")

decoder:registerTagDecoders({ ["\x42"] = function (self, data, len, pos) return len * 10, pos + len end })
check("own identifier", "20 5", decoded("42026162"))
check("identifiers", '99 {"class"=64,"constructed"=true,"number"=3}', asn1.BERtoInt(asn1.BERCLASS.Application, true, 3),
  asn1.intToBER(0x63))
