local comm = require "comm"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Tells whether an X server lets anybody connect.
]]

---
-- @usage
-- perilune -p 6000 --script x11-access TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 6000/tcp open  X11
-- |_x11-access: X server access is granted

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe", "auth" }

portrule = shortport.port_or_service({ 6000, 6001, 6002, 6003, 6004, 6005, 6006, 6007, 6008, 6009 },
  { "X11", "X11:1", "X11:2", "X11:3", "X11:4", "X11:5", "X11:6", "X11:7", "X11:8", "X11:9" })

-- The client's first bytes: little endian, version 11.0, no name and no data of authorization.
local REQUEST = "l\0" .. string.pack("<I2I2I2I2I2", 11, 0, 0, 0, 0)

action = function (host, port)
  local status, answer = comm.exchange(host, port, REQUEST, { bytes = 8, timeout = 5000 })
  -- 1 is success, 0 a refusal, 2 a wish for more.
  if not status or #answer < 8 or string.byte(answer) ~= 1 or string.unpack("<I2", answer, 3) ~= 11 then
    stdnse.debug1("access is not granted")
    return nil
  end
  port.version.name = port.version.name or "X11"
  port.version.extrainfo = "access granted"
  nmap.set_port_version(host, port)
  return "X server access is granted"
end
