local bitcoin = require "bitcoin"
local stdnse = require "stdnse"

-- developer.bitcoin.org, "CompactSize Unsigned Integers".
for value, bytes in pairs({ [0] = "\0", [252] = "\xfc", [253] = "\xfd\xfd\0", [515] = "\xfd\3\2", [0x10000] = "\xfe\0\0\1\0" }) do
  equal({ bitcoin.Util.decodeVarInt(bytes, 1) }, { #bytes + 1, value })
end
equal({ bitcoin.Util.decodeVarString("\3abcd", 1) }, { 5, "abc" })
raises("cut off", bitcoin.Util.decodeVarString, "\9abc", 1)

-- The same, "VerAck": the message as given there.
equal(stdnse.tohex(tostring(bitcoin.Request.VerAck:new())), "f9beb4d976657261636b000000000000000000005df6e0e2")
equal({ bitcoin.Response.decode(stdnse.fromhex("f9beb4d976657261636b000000000000000000005df6e0e2")) }, { true, { type = "verack", payload = "" } })
local address = bitcoin.NetworkAddress.fromString(stdnse.fromhex("010000000000000000000000000000000000ffffc61b6409208d"))
check("address", '"198.27.100.9" 8333 1', address.host, address.port, address.service)
equal(stdnse.tohex(tostring(bitcoin.NetworkAddress:new("198.27.100.9", 8333))), "010000000000000000000000000000000000ffffc61b6409208d")

local version = tostring(bitcoin.Request.Version:new(host, port, "127.0.0.1", 1))
local status, response = bitcoin.Response.decode(version)
check("version", 'true "version" 70015 "/perilune/" 0', status, response.type, response.version, response.user_agent, response.height)
check("bad", "false false false", (bitcoin.Response.decode(version:sub(1, -2))), (bitcoin.Response.decode("x" .. version:sub(2))),
  (bitcoin.Response.decode("")))
