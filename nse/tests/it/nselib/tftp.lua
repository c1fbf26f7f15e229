local stdnse = require "stdnse"
local tftp = require "tftp"

-- RFC 1350, section 5.
check("acknowledgement", '"00040007"', stdnse.tohex(tostring(tftp.Packet.ACK:new(7))))
check("error", '"0005000146' .. '6f6f00"', stdnse.tohex(tostring(tftp.Packet.ERROR:new(1, "Foo"))))
check("request", '{"mode"="octet","name"="a.txt","op"=2}', tftp.Packet.parse("\0\2a.txt\0octet\0"))
check("data", '{"block"=1,"data"="abc","op"=3}', tftp.Packet.parse("\0\3\0\1abc"))
check("none", "nil nil nil nil", tftp.Packet.parse(""), tftp.Packet.parse("\0\2a"), tftp.Packet.parse("\0\2\0\0"), tftp.Packet.parse("\0\9\0\1"))

local file = tftp.File:new("a", "b", "192.0.2.1")
file:setContent("c")
check("file", '"a" "c" "192.0.2.1"', file:getName(), file:getContent(), file:getSender())

-- A device that sends a file of two blocks, the first one twice.
local asked = false
nmap.new_socket = function ()
  local socket, queue = {}, {}
  function socket:set_timeout () return true end
  function socket:bind () socket.server = true return true end
  function socket:connect () return true end
  function socket:close () return true end
  function socket:get_info () return true, "127.0.0.1", 69, "192.0.2.1", 1024 end
  function socket:send (data)
    local block = string.unpack(">I2", data, 3)
    if block == 0 then queue = { "\0\3\0\1" .. ("x"):rep(512), "\0\3\0\1" .. ("x"):rep(512) } end
    if block == 1 and #queue == 0 then queue = { "\0\3\0\2end" } end
    return true
  end
  function socket:receive ()
    if socket.server then
      stdnse.sleep(0.01)
      if asked then return nil, "TIMEOUT" end
      asked = true
      return true, "\0\2config\0octet\0"
    end
    local data = table.remove(queue, 1)
    if data then return true, data end
    return nil, "TIMEOUT"
  end
  return socket
end
tftp.start()
local status, sent = tftp.waitFile("config", 5)
check("received", 'true 515 "192.0.2.1"', status, status and #sent:getContent(), status and sent:getSender())
check("nothing more", "false", tftp.waitFile("config", 0.2))
