local nmap = require "nmap"
local match = require "match"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Asks an ident server (RFC 1413) to whom the service behind an open port belongs: a connection to the port is held open
while the server is asked about it.
]]

---
-- @args auth-owners.ident-port The port of the ident server. Default: 113.
--
-- @usage
-- perilune -p 21,113 --script auth-owners TARGET
--
-- @output
-- PORT    STATE SERVICE
-- 21/tcp  open  ftp
-- |_auth-owners: nobody
-- 113/tcp open  ident

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe" }

local IDENT_PORT = 113
local TIMEOUT_MS = 5000

local function ident_port ()
  return tonumber((stdnse.get_script_args(SCRIPT_NAME .. ".ident-port"))) or IDENT_PORT
end

portrule = function (host, port)
  if port.protocol ~= "tcp" or port.state ~= "open" then return false end
  local ident = nmap.get_port_state(host, { number = ident_port(), protocol = "tcp" })
  return ident ~= nil and ident.state == "open"
end

action = function (host, port)
  local service, ident = nmap.new_socket(), nmap.new_socket()
  service:set_timeout(TIMEOUT_MS)
  ident:set_timeout(TIMEOUT_MS)
  local owner
  if service:connect(host, port) and ident:connect(host, ident_port()) then
    local _, _, local_port = service:get_info()
    if ident:send(("%d, %d\r\n"):format(port.number, local_port)) then
      local status, line = ident:receive_buf(match.pattern_limit("\r?\n", 1024), false)
      if status then owner = string.match(line, ":%s*USERID%s*:%s*[^:]*:%s?(.-)%s*$") end
    end
  end
  service:close()
  ident:close()
  return owner
end
