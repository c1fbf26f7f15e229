local peer = require "peer"
local stdnse = require "stdnse"
local vuzedht = require "vuzedht"

local octets = tostring(vuzedht.Request.Ping:new("127.72.0.1", 17555, 5))
check("question", '42 "ff" "00000400" "320000000000' .. '32047f4800014493"', #octets, stdnse.tohex(octets:sub(1, 1)), stdnse.tohex(octets:sub(9, 12)), stdnse.tohex(octets:sub(17, 30)))
local function answer (trans, action) return string.pack(">I4I4c8BBI4I4", action or 1025, trans, ("\1"):rep(8), 50, 0, 0, 9) end
local parsed = vuzedht.Response.parse(answer(7))
check("answer", '1025 7 50 9', parsed.header.action, parsed.header.trans_id, parsed.header.proto_version, parsed.header.instance_id)
equal(tostring(parsed), "\n  Transaction id: 7\n  Connection id: 0x0101010101010101\n  Protocol version: 50\n  Vendor id: Azureus (0)\n  Network id: Stable (0)\n  Instance id: 9")
check("none", "nil nil", vuzedht.Response.parse("abc"), vuzedht.Response.parse(("\1"):rep(40)))
local function ping (serve)
  peer.answer(serve)
  local helper = vuzedht.Helper:new({ ip = "127.72.0.1" }, { number = 17555, protocol = "udp" })
  helper:connect()
  return helper:ping()
end
check("ping", "true", (ping(function (data) return answer((string.unpack(">I4", data, 13))) end)))
check("an error is an answer", "true", (ping(function (data) return answer((string.unpack(">I4", data, 13)), 1032) .. "\0\0\0\1" end)))
check("another's", "false", (ping(function () return answer(1) end)))
fuzz("parse", { answer(7), answer(7, 1032) .. "\0\0\0\1" }, function (bytes) tostring(vuzedht.Response.parse(bytes)) end)
