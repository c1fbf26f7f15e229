local natpmp = require "natpmp"
local peer = require "peer"
local stdnse = require "stdnse"

-- RFC 6886, 3.2 and 3.3.
local helper = natpmp.Helper:new({ ip = "192.0.2.1" }, 5351)
peer.answer(function () return string.pack(">BBI2I4c4", 0, 128, 0, 77, "\192\0\2\7") end)
check("address", 'true {"ip"="192.0.2.7","op"=128,"rescode"=0,"time"=77,"version"=0}', helper:getWANIP())
check("asked with", '"0000"', stdnse.tohex(peer.sent[1]))
peer.answer(function (data) return string.pack(">BBI2I4", 0, 128 + data:byte(2), 0, 77) .. data:sub(5) end)
local _, mapping = helper:mapPort(8080, 80, "tcp", 60)
check("mapping", '8080 80 60 "00020000' .. '00501f900000003c"', mapping.pubport, mapping.privport, mapping.lifetime, stdnse.tohex(peer.sent[1]))
check("no protocol", "false", (helper:mapPort(1, 1, "sctp")))
check("ended", "true 3", helper:unmapAllPorts(), #peer.sent)
for reply, why in pairs({
  ["\0\x80\0\2\0\0\0\0"] = "Not authorized",
  ["\0\x80\0\0"] = "the answer is cut off",
  ["\0\x80\0\0\0\0\0\0"] = "the answer is cut off",
  ["\0\x81\0\0\0\0\0\0"] = "the answer is to something else",
}) do
  peer.answer(function () return reply end)
  equal(select(2, helper:getWANIP()), why)
end
peer.answer(function () return nil end)
check("silence", 'false "TIMEOUT"', helper:getWANIP())
