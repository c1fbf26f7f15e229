local peer = require "peer"
local stdnse = require "stdnse"
local stun = require "stun"

-- RFC 5769, 2.2: the sample response, with its software, its mapped address and what follows.
local response = stdnse.fromhex("0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147"
  .. "e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96")
local parsed = stun.Response.Bind.parse(response)
check("sample", '257 "test vector" "192.0.2.1" 32853', parsed.header.type, parsed.attributes[1].server, parsed.attributes[2].ip,
  parsed.attributes[2].port)
-- 2.3: the same over IPv6.
local six = stdnse.fromhex("010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a147"
  .. "0113a9faa5d3f179bc25f4b5bed2b9d9000800" .. "14a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c")
check("over IPv6", '"2001:db8:1234:5678:11:2233:4455:6677"', stun.Response.Bind.parse(six).attributes[2].ip)
for size = 0, #response - 1 do assert(not stun.Response.Bind.parse(response:sub(1, size))) end
check("none", "nil", stun.Response.Bind.parse("HTTP/1.1 400 Bad Request\r\n\r\n"))
check("request", '"000100002112a442"', stdnse.tohex(tostring(stun.Request.Bind:new())):sub(1, 16))

local function serve (change)
  peer.answer(function (data) return change(response:sub(1, 4) .. data:sub(5, 20) .. response:sub(21)) end)
  local helper = stun.Helper:new({ ip = "192.0.2.9" }, { number = 3478, protocol = "udp" })
  helper:connect()
  return helper
end
local helper = serve(function (data) return data end)
check("version", 'true "test vector"', helper:getVersion())
check("one question is enough", "1 true", #peer.sent, (helper:getExternalAddress()))
check("error", 'false "the server refuses"', serve(function (data) return "\1\x11" .. data:sub(3) end):getVersion())
check("another's answer", "false", (serve(function (data) return data:sub(1, 8) .. ("x"):rep(12) .. data:sub(21) end):getVersion()))
