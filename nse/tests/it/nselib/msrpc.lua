local msrpc = require "msrpc"
local smb = require "smb"
local stdnse = require "stdnse"

local hex = stdnse.tohex

-- C706, appendix I: the identifier of NDR, and that of the server service (MS-SRVS 1.9) as they go over the wire.
check("identifiers", '"045d888aeb1cc9119fe808002b104860" "c84f324b7016d30112785a47bf6ee188"', hex(msrpc.TRANSFER_SYNTAX),
  hex(msrpc.SRVSVC_UUID))

-- A pipe whose other end is a function of what was sent.
local sent, answer
smb.send_transaction_named_pipe = function (state, parameters, data)
  sent = data
  return true, { status = 0, parameters = "", data = answer:sub(1, 4000) }
end
smb.read_file = function ()
  answer = answer:sub(4001)
  return true, { data = answer:sub(1, 4000) }
end
local function packet (kind, flags, body) return string.pack("<BBBBI4I2I2I4", 5, 0, kind, flags, 0x10, 16 + #body, 0, 1) .. body end
local function response (flags, stub) return packet(2, flags, "\0\0\0\0\0\0\0\0" .. stub) end

local state = {}
answer = packet(12, 3, string.pack("<I2I2I4s2", 4280, 4280, 7, "\\x\0") .. "\0\0\0" .. string.pack("<I4I2I2", 1, 0, 0) .. msrpc.TRANSFER_SYNTAX
  .. "\2\0\0\0")
check("bind", 'true {"ack_result"=0,"assoc_group_id"=7,"max_receive_fragment"=4280,"max_transmit_fragment"=4280}',
  msrpc.bind(state, msrpc.SRVSVC_UUID, 3))
check("its octets", '"05000b03100000004800000041414141b810b8100000000001000000000001' .. '00"', hex(sent):sub(1, 64))
answer = packet(12, 3, string.pack("<I2I2I4s2", 4280, 4280, 7, "\\x\0") .. "\0\0\0" .. string.pack("<I4I2I2", 1, 2, 1))
check("no such interface", "false", (msrpc.bind(state, msrpc.SRVSVC_UUID, 9)))
answer = packet(13, 3, "\0\0\0\0")
check("refused", 'false "MSRPC: the server refuses to bind"', msrpc.bind(state, msrpc.SRVSVC_UUID, 3))

answer = response(1, "abc") .. response(2, "def")
check("fragments", 'true {"arguments"="abcdef"}', msrpc.call_function(state, 15, "xy"))
check("request", '"0500000310000000' .. '1a000000' .. '42414141' .. '02000000' .. '00000f00' .. '7879"', hex(sent))
answer = packet(3, 3, "\0\0\0\0\0\0\0\0\5\0\0\0")
check("fault", 'false "NT_STATUS_ACCESS_DENIED"', msrpc.call_function(state, 15, ""))
answer = "junk that is no packet"
check("junk", 'false "MSRPC: the answer is none"', msrpc.call_function(state, 15, ""))

-- NetrShareEnum, MS-SRVS 3.1.4.8: one share with a comment.
local function wide (text) return string.pack("<I4I4I4", #text + 1, 0, #text + 1) .. (text:gsub(".", "%0\0")) .. "\0\0" end
local function pad (data) return data .. ("\0"):rep(-#data % 4) end
local shares = string.pack("<I4I4I4I4I4I4", 1, 1, 1, 1, 1, 1) .. string.pack("<I4I4I4", 1, 0x80000003, 1) .. pad(wide("IPC$"))
  .. pad(wide("pipes")) .. string.pack("<I4I4I4", 1, 0, 0)
answer = response(3, shares)
check("shares", 'true {"ctr"={"array"={1={"comment"="pipes","name"="IPC$","sharetype"=2147483651}}},"return"=0,"totalentries"=1}',
  msrpc.srvsvc_netshareenumall(state, "192.0.2.1"))
for size = 1, #shares - 1 do
  answer = response(3, shares:sub(1, size))
  assert(not msrpc.srvsvc_netshareenumall(state, "192.0.2.1"), "cut off at " .. size)
end
answer = response(3, string.pack("<I4I4I4I4I4I4I4I4", 1, 1, 1, 0x7fffffff, 1, 0x7fffffff, 0, 0))
check("too many", "false", (msrpc.srvsvc_netshareenumall(state, "192.0.2.1")))
