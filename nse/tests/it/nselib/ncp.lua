local ncp = require "ncp"
local peer = require "peer"
local stdnse = require "stdnse"

local hex = stdnse.tohex
local NCP_REPLY = 0x3333

-- A server: connection 0x0102, and an answer to each function.
local info = ("FILESRV"):rep(1) .. ("\0"):rep(41) .. string.pack(">BBI2I2I2BBB", 5, 70, 100, 3, 255, 2, 2, 1) .. ("\0"):rep(11)
  .. string.pack(">I2I2I2B", 6, 50, 7, 4)
local tree = "LAB_TREE" .. ("_"):rep(24) .. "\0"
local refuse
local function reply (data)
  local kind, sequence = string.unpack(">I2B", data, 17)
  local body = ""
  if kind == 0x2222 then body = data:byte(23) == 0x17 and info or string.pack("<s4", tree) end
  local whole = string.pack(">I2BBBBBB", NCP_REPLY, sequence, 2, 1, 1, refuse and 0x89 or 0, 0) .. body
  return string.pack(">c4I4", "tNcP", 8 + #whole) .. whole
end
local function connect (serve)
  peer.answer(serve or reply)
  local helper = ncp.Helper:new({ ip = "192.0.2.1" }, { number = 524, protocol = "tcp" })
  return helper, helper:connect()
end
local helper = connect()
check("connection", '"446d6454000000170000000100000000' .. '11110000010000"', hex(peer.sent[1]))
check("server", 'true {1="Server name: FILESRV",2="Tree Name: LAB_TREE",3="OS Version: 5.70",4="Product version: 6.50 (rev 7)",5="OS Language ID: 4"}',
  helper:getServerInfo())
check("question", '"446d64540000001a0000000100000000' .. '22220002010117000111"', hex(peer.sent[2]))
check("close", "true", helper:close())
check("directory", 'false "Questions to the directory are not supported"', helper:search("[Root]", "User", "*"))
helper = connect()
refuse = true
check("refused", 'false "The server refuses (0x89)"', helper:getServerInfo())
refuse = false
local _, status, err = connect(function () return "HTTP/1.1 400 Bad Request\r\n\r\n" end)
check("junk", 'false "the answer is none of NCP"', status, err)
_, status, err = connect(function () return "tNcP\127\255\255\255" end)
check("too long", "false", status)
fuzz("getServerInfo", { reply(("\0"):rep(16) .. "\x22\x22\0\2\1\1\x17"), reply(("\0"):rep(16) .. "\x22\x22\1\2\1\1\x68") }, function (bytes)
  helper = connect()
  peer.answer(function () return bytes end)
  helper.ncp.socket = nmap.new_socket()
  helper:getServerInfo()
end)
