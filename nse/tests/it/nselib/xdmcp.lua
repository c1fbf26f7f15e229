local stub = require "stub"
local stdnse = require "stdnse"
local xdmcp = require "xdmcp"

local function hex (message) return stdnse.tohex(tostring(message)) end

-- The layouts of the protocol's document, "Packet Formats".
check("query", '"00010002000100" "00010001000401000161"', hex(xdmcp.Packet[xdmcp.OpCode.QUERY]:new()),
  hex(xdmcp.Packet[xdmcp.OpCode.BCAST_QUERY]:new({ "a" })))
local request = xdmcp.Packet[xdmcp.OpCode.REQUEST]:new(1)
request:addConnection(getmetatable(request).Connection:new(0, "\10\0\0\1"))
request:addAuthrName("XY")
check("request", '"000100070017' .. "0001" .. "010000" .. "0100040a000001" .. "0000" .. "0000" .. "0100025859" .. '0000"',
  hex(request))
check("manage", '"0001000a0009000000050000000178"', hex(xdmcp.Packet[xdmcp.OpCode.MANAGE]:new(5, 0, "x")))

local WILLING = stdnse.fromhex("000100050011" .. "0000" .. "0004" .. "6c616231" .. "0007" .. "4c696e75782036")
local ACCEPT = stdnse.fromhex("00010008000f" .. "00001234" .. "0000" .. "0000" .. "0001" .. "6d" .. "0002" .. "6162")
local function session (...)
  local pieces = { ... }
  stub.sent = {}
  stub.peer = function () return pieces end
  local helper = xdmcp.Helper:new({ ip = "10.0.0.1" }, { number = 177, protocol = "udp" })
  helper:connect()
  helper.socket.get_info = function () return true, "10.0.0.2" end
  local status, answer = helper:createSession(nil, { "m" }, 0)
  return status, status and { answer.session_id, answer.authr_name, answer.authr_data, helper.willing.hostname } or answer
end
check("session", 'true {1=4660,2="m",3="ab",4="lab1"}', session(WILLING, ACCEPT))
check("not willing", 'false "Unexpected answer 6"', session(stdnse.fromhex("000100060000")))
check("too short", 'false "The answer is too short"', session("\0\1"))
check("cut", 'false "The answer is cut"', session(WILLING:sub(1, -2)))
check("silent", 'false "EOF"', session())
check("declined", 'false "Unexpected answer 9"', session(WILLING, stdnse.fromhex("000100090000")))

for i = 1, 2 do
  for _, damaged in ipairs(mutants(i == 1 and WILLING or ACCEPT, 300)) do
    local ran, err = pcall(session, i == 1 and damaged or WILLING, i == 2 and damaged or nil)
    if not ran then check("damaged: " .. stdnse.tohex(damaged), "true", ran, err) end
  end
end
