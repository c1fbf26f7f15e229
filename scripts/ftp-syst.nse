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

local function ask (socket, buffer, command)
  local status, err = socket:send(command .. "\r\n")
  if not status then return nil, err end
  local code, message = ftp.read_reply(buffer)
  stdnse.debug2("%s: %s %s", command, code, message)
  return code, message
end

action = function (host, port)
  local socket, code, message, buffer = ftp.connect(host, port)
  if not socket then
    stdnse.debug1("could not connect: %s", code)
    return nil
  end
  if code ~= 220 then
    ftp.close(socket)
    return nil
  end

  local login = ftp.auth(socket, buffer, "anonymous", "guest@example.org")
  if not login then
    -- Some servers hang up after a refused login.
    socket:close()
    socket, code, message, buffer = ftp.connect(host, port)
    if not socket then return nil end
  end

  local result = stdnse.output_table()
  code, message = ask(socket, buffer, "SYST")
  -- What nearly every server says tells nothing.
  if code == 215 and message ~= "UNIX Type: L8" then result.SYST = message end
  code, message = ask(socket, buffer, "STAT")
  if code == 211 or code == 212 then
    result.STAT = string.find(message, "\n", 1, true) and "\n" .. message or message
  end
  ftp.close(socket)
  if not result.SYST and not result.STAT then return nil end
  return result
end
