local peer = require "peer"
local rpcap = require "rpcap"
local stdnse = require "stdnse"

local hex = stdnse.tohex

local function message (kind, value, data) return string.pack(">BBI2I4", 0, kind, value, #data) .. data end
-- Addresses as sockets have them, 128 octets each: of families 2 (IP) and 23 (version 6 on Windows).
local function address (family, octets) return string.pack(">I2I2", family, 0) .. octets .. ("\0"):rep(124 - #octets) end
local none = ("\0"):rep(3 * 128)
local eth = string.pack(">I2I2I4I2I2", 4, 8, 0, 3, 0) .. "eth0Ethernet" .. address(2, "\192\0\2\7") .. none
  .. address(23, "\0\0\0\0\xfe\x80" .. ("\0"):rep(13) .. "\1") .. none .. address(17, "") .. none
local lo = string.pack(">I2I2I4I2I2", 2, 0, 0, 0, 0) .. "lo"

local function connect (answer)
  peer.answer(function () return answer end)
  local helper = rpcap.Helper:new({ ip = "192.0.2.1" }, { number = 2002, protocol = "tcp" })
  helper:connect()
  return helper
end
local helper = connect(message(0x82, 2, eth .. lo))
check("interfaces", 'true {1={"name"="eth0",1="Ethernet",2={"name"="Addresses",1={1="192.0.2.7",2="fe80::1"}}},2={"name"="lo",1=""}}',
  helper:findAllInterfaces())
check("question", '"0002000000000000"', hex(peer.sent[1]))
check("logon", "true", connect(message(0x88, 0, "")):login("ann", "secret"))
check("its octets", '"0008000000000011" "0001000000030006616e6e736563726574"', hex(peer.sent[1]:sub(1, 8)), hex(peer.sent[1]:sub(9)))
check("nobody", "true", connect(message(0x88, 0, "")):login())
check("no names", '"0000000000000000"', hex(peer.sent[1]:sub(9)))
check("refused", 'false "Authentication failed"', connect(message(1, 3, "Authentication failed")):login("ann", "wrong"))
check("something else", 'false "the answer is to something else"', connect(message(0x83, 0, "")):login())
check("cut off", 'false "the answer is malformed"', connect(message(0x82, 9, eth)):findAllInterfaces())
check("too long", 'false "the answer is too long"', connect(string.pack(">BBI2I4", 0, 0x82, 0, 0x7fffffff)):findAllInterfaces())
fuzz("findAllInterfaces", { message(0x82, 2, eth .. lo) }, function (bytes) connect(bytes):findAllInterfaces() end)
