local libssh2_util = require "libssh2-utility"
local rand = require "rand"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Lists the ways in which a user may log on to an SSH server.

The server names them when somebody asks to be let in without any (RFC 4252, 5.2).
]]

---
-- @args ssh.user The user. Default: a name that probably nobody has.
--
-- @usage
-- perilune -p 22 --script ssh-auth-methods --script-args ssh.user=root TARGET
--
-- @output
-- 22/tcp open  ssh
-- | ssh-auth-methods:
-- |   Supported authentication methods:
-- |     publickey
-- |_    password
--
-- @xmloutput
-- <table key="Supported authentication methods">
--   <elem>publickey</elem>
--   <elem>password</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "auth", "intrusive" }

portrule = shortport.ssh

action = function (host, port)
  local user = stdnse.get_script_args("ssh.user") or rand.random_alpha(7)
  local connection = libssh2_util.SSHConnection:new()
  local connected, err = connection:connect_pcall(host, port)
  if not connected or not connection.session then
    stdnse.debug1("%s", tostring(err or connection.session))
    return nil
  end
  local result = stdnse.output_table()
  local methods, why = connection:list(user)
  local banner = connection:banner()
  connection:disconnect()
  if not methods then
    stdnse.debug1("%s", tostring(why))
    return nil
  end
  result["Supported authentication methods"] = methods
  if banner and banner ~= "" then result.Banner = banner end
  return result
end
