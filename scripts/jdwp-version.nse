local jdwp = require "jdwp"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Finds Java virtual machines that wait for a debugger, and their version. Whoever reaches such a port can run code there.
]]

---
-- @usage
-- perilune -sV -p 8000 --script jdwp-version TARGET
--
-- @output
-- PORT     STATE SERVICE VERSION
-- 8000/tcp open  jdwp    Java Debug Wire Protocol (Reference Implementation) version 17.0 17.0.15

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "version" }

portrule = function (host, port)
  if port.protocol ~= "tcp" or port.state ~= "open" or shortport.port_is_excluded(port.number, port.protocol) then
    return false
  end
  return port.service == "jdwp" or port.version.name_confidence ~= 10
end

action = function (host, port)
  local status, socket = jdwp.connect(host, port)
  if not status then
    stdnse.debug1("no handshake: %s", socket)
    return nil
  end
  local asked, description, details = jdwp.getVersion(socket, 1)
  socket:close()
  -- Whatever sends back what it is sent shakes hands, too.
  if not asked then
    stdnse.debug1("no version: %s", description)
    return nil
  end
  port.version.name = "jdwp"
  port.version.product = string.match(description, "^(.-)%s+version") or description
  port.version.version = string.match(description, "version ([^\r\n]*)")
  if details.version ~= "" then
    port.version.version = port.version.version and port.version.version .. " " .. details.version or details.version
  end
  nmap.set_port_version(host, port)
  return nil
end
