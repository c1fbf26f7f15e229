local mysql = require "mysql"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Lists the users of a MySQL or MariaDB server.

Passwords come from the arguments, or from what <code>mysql-brute</code> and <code>mysql-empty-password</code> found.
]]

---
-- @args mysqluser Who to log in as. Default: <code>root</code>.
-- @args mysqlpass The password.
--
-- @usage
-- perilune -p 3306 --script mysql-users --script-args mysqluser=moon,mysqlpass=secret TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 3306/tcp open  mysql
-- | mysql-users:
-- |   moon
-- |_  root

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive", "auth" }
dependencies = { "mysql-brute", "mysql-empty-password" }

portrule = shortport.port_or_service(3306, "mysql")

-- The accounts to try: the one of the arguments, or all that were found.
local function accounts ()
  local username, password = stdnse.get_script_args("mysqluser", "mysqlpass")
  if username then return { [username] = password or "" } end
  return nmap.registry.mysqlusers or {}
end

local function open_session (host, port, username, password)
  local socket = nmap.new_socket()
  socket:set_timeout(stdnse.get_timeout(host, 10000, 5000))
  if not socket:connect(host, port) then return nil end
  local status, greeting = mysql.receiveGreeting(socket)
  if status then
    status, greeting = mysql.loginRequest(socket, { authversion = "post41", charset = greeting.charset }, username,
      password, greeting.salt)
  end
  if status then return socket end
  stdnse.debug1("%s: %s", username, greeting)
  socket:close()
end

action = function (host, port)
  for username, password in pairs(accounts()) do
    local socket = open_session(host, port, username, password)
    if socket then
      local status, rs = mysql.sqlQuery(socket, "SELECT DISTINCT user FROM mysql.user ORDER BY user")
      socket:close()
      if status then
        local names = {}
        for _, row in ipairs(rs.rows) do names[#names + 1] = row[1] end
        return names
      end
      stdnse.debug1("the users can not be read: %s", rs)
    end
  end
  return nil
end
