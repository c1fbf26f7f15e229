local ftp = require "ftp"
local stdnse = require "stdnse"

description = [[
Tells whether an FTP server lets its clients have it connect to other hosts (<code>PORT</code> with a foreign address,
RFC 2577).

The address it names is one for documentation (RFC 5737), and no transfer is started: nothing is connected to.
]]

---
-- @args ftp-bounce.username Who to log in as. Default: <code>anonymous</code>.
-- @args ftp-bounce.password The password. Default: <code>guest@example.org</code>.
--
-- @usage
-- perilune -p 21 --script ftp-bounce TARGET
--
-- @output
-- PORT   STATE SERVICE
-- 21/tcp open  ftp
-- |_ftp-bounce: bounce working!

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe" }

portrule = ftp.portrule

-- 192.0.2.1, port 80.
local FOREIGN = "192,0,2,1,0,80"

action = function (host, port)
  local username, password = stdnse.get_script_args(SCRIPT_NAME .. ".username", SCRIPT_NAME .. ".password")
  local socket, code, message, buffer = ftp.connect(host, port)
  if not socket then
    stdnse.debug1("could not connect: %s", code)
    return nil
  end
  if code < 200 or code >= 300 then
    ftp.close(socket)
    return nil
  end
  local status
  status, code, message = ftp.auth(socket, buffer, username or "anonymous", password or "guest@example.org")
  if not status then
    stdnse.debug1("not let in: %s %s", code, message)
    ftp.close(socket)
    return nil
  end
  socket:send("PORT " .. FOREIGN .. "\r\n")
  code, message = ftp.read_reply(buffer)
  ftp.close(socket)
  if not code then return nil end
  if code >= 200 and code < 300 then return "bounce working!" end
  stdnse.verbose1("PORT was answered with %d %s", code, message)
  return nil
end
