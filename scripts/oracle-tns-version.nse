local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local tns = require "tns"

description = [[
Finds out the version of an Oracle listener: from the text of the command <code>VERSION</code>, or from the number in its
refusal.
]]

---
-- @usage
-- perilune -sV -p 1521 --script oracle-tns-version TARGET
--
-- @output
-- PORT     STATE SERVICE    VERSION
-- 1521/tcp open  oracle-tns Oracle TNS listener 11.2.0.2.0 (unauthorized)

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "version", "safe" }

portrule = shortport.version_port_or_service({ 1521, 1522, 1523 }, "oracle-tns")

-- "VSNNUM" is the version in one number: eight bits, then four, eight, four and eight.
local function from_number (number)
  number = tonumber(number)
  if not number then return nil end
  return ("%d.%d.%d.%d.%d"):format(number >> 24 & 0xff, number >> 20 & 0xf, number >> 12 & 0xff, number >> 8 & 0xf,
    number & 0xff)
end

action = function (host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(stdnse.get_timeout(host, 10000, 5000))
  if not socket:connect(host, port) then return nil end
  local comm = tns.Comm:new(socket)
  local request = tns.Packet.Connect:new(host.ip, port.number)
  request:setCmd("VERSION")
  local text, refused
  if comm:sendTNSPacket(request) then
    for _ = 1, 4 do
      local status, answer = comm:recvTNSPacket()
      if not status then break end
      if answer.type == tns.Packet.TYPE.DATA or answer.type == tns.Packet.TYPE.REFUSE then
        text, refused = answer.data, answer.type == tns.Packet.TYPE.REFUSE
        break
      end
      if answer.type == tns.Packet.TYPE.RESEND then comm:sendTNSPacket(request) end
    end
  end
  socket:close()
  if not text then return nil end
  local version = string.match(text, "Version (%d+[%d%.]+)") or from_number(string.match(text, "VSNNUM=(%d+)"))
  if not version then return nil end
  port.version.name = "oracle-tns"
  port.version.product = "Oracle TNS listener"
  port.version.version = version
  port.version.extrainfo = refused and "unauthorized" or nil
  local system = string.match(text, "TNSLSNR for ([^:]+):")
  if system then port.version.ostype = system end
  nmap.set_port_version(host, port)
  return nil
end
