local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local math = require "math"
local string = require "string"

description = [[
Tells whether a telnet server offers encryption (RFC 2946).

Servers with it have had grave holes (CVE-2011-4862), and its ciphers are weak.
]]

---
-- @usage
-- perilune -p 23 --script telnet-encryption TARGET
--
-- @output
-- PORT   STATE SERVICE
-- 23/tcp open  telnet
-- | telnet-encryption:
-- |_  Telnet server supports encryption

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "discovery" }

portrule = shortport.port_or_service(23, "telnet")

-- RFC 854 and 2946.
local IAC, WILL, WONT, DO, DONT, SB = 0xff, 0xfb, 0xfc, 0xfd, 0xfe, 0xfa
local ENCRYPT = 38

local OPTIONS_MAX = 200

-- What the server says about the option; nil if it says nothing.
local function negotiate (socket)
  socket:send(string.char(IAC, DO, ENCRYPT, IAC, WILL, ENCRYPT))
  local buffer, seen = "", 0
  while seen < OPTIONS_MAX and #buffer < 65536 do
    local pos = 1
    while true do
      local from = string.find(buffer, "\xff", pos, true)
      if not from or from + 2 > #buffer then break end
      local verb, option = string.byte(buffer, from + 1, from + 2)
      if option == ENCRYPT then
        if verb == WILL or verb == DO or verb == SB then return true end
        if verb == WONT or verb == DONT then return false end
      end
      seen = seen + 1
      pos = from + 3
    end
    buffer = string.sub(buffer, math.max(pos, #buffer - 2))
    local status, data = socket:receive()
    if not status then return nil end
    buffer = buffer .. data
  end
end

action = function (host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  local status, err = socket:connect(host, port)
  if not status then
    stdnse.debug1("could not connect: %s", err)
    return nil
  end
  local supported = negotiate(socket)
  socket:close()
  if supported == nil then return nil end
  return "\n  Telnet server " .. (supported and "supports" or "does not support") .. " encryption"
end
