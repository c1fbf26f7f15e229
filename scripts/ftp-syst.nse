local ftp = require "ftp"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Asks an FTP server for its system (<code>SYST</code>) and its state (<code>STAT</code>).

Many servers answer only those who are logged in, so that it logs in as <code>anonymous</code> where that is allowed.
]]

---
-- @usage
-- perilune -p 21 --script ftp-syst TARGET
--
-- @output
-- PORT   STATE SERVICE
-- 21/tcp open  ftp
-- | ftp-syst:
-- |   SYST: UNIX Type: L8
-- |   STAT:
-- | FTP server status:
-- |      TYPE: ASCII
-- |_End of status
--
-- @xmloutput
-- <elem key="SYST">UNIX Type: L8</elem>
-- <elem key="STAT">&#xa;FTP server status:&#xa;     TYPE: ASCII&#xa;End of status</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = ftp.portrule

-- The code for what only users may ask (RFC 959, 4.2.1).
local NOT_LOGGED_IN = 530

local function ask (socket, buffer, command)
  local status, err = socket:send(command .. "\r\n")
  if not status then return nil, err end
  local code, message = ftp.read_reply(buffer)
  stdnse.debug2("%s: %s %s", command, code, message)
  return code, message
end

-- What nearly every server says to SYST tells nothing.
local function told (socket, buffer)
  local result = stdnse.output_table()
  local syst, message = ask(socket, buffer, "SYST")
  if syst == 215 and message ~= "UNIX Type: L8" then result.SYST = message end
  local stat
  stat, message = ask(socket, buffer, "STAT")
  if stat == 211 or stat == 212 then
    result.STAT = string.find(message, "\n", 1, true) and "\n" .. message or message
  end
  return result, syst == NOT_LOGGED_IN or stat == NOT_LOGGED_IN
end

action = function (host, port)
  local socket, code, _, buffer = ftp.connect(host, port)
  if not socket then
    stdnse.debug1("could not connect: %s", code)
    return nil
  end
  if code ~= 220 then
    ftp.close(socket)
    return nil
  end

  local result, wants_login = told(socket, buffer)
  if wants_login and ftp.auth(socket, buffer, "anonymous", "guest@example.org") then
    result = told(socket, buffer)
  end
  ftp.close(socket)
  if not result.SYST and not result.STAT then return nil end
  return result
end
