local mysql = require "mysql"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Tells whether a MySQL or MariaDB server lets <code>root</code> or the nameless user in without a password.
]]

---
-- @usage
-- perilune -p 3306 --script mysql-empty-password TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 3306/tcp open  mysql
-- | mysql-empty-password:
-- |_  root account has empty password

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "intrusive", "auth" }

portrule = shortport.port_or_service(3306, "mysql")

-- True if the login works; nil if the server can't be asked.
local function try (host, port, username)
  local socket = nmap.new_socket()
  socket:set_timeout(stdnse.get_timeout(host, 10000, 5000))
  if not socket:connect(host, port) then return nil end
  local status, greeting = mysql.receiveGreeting(socket)
  if not status then
    socket:close()
    return nil
  end
  local login, err = mysql.loginRequest(socket, { authversion = "post41", charset = greeting.charset }, username, "",
    greeting.salt)
  socket:close()
  if not login then stdnse.debug1("%s: %s", username == "" and "nameless" or username, err) end
  return login
end

action = function (host, port)
  local users = nmap.registry.mysqlusers or {}
  nmap.registry.mysqlusers = users
  local result = {}
  for _, user in ipairs({ { "", "anonymous account has empty password" }, { "root", "root account has empty password" } }) do
    local login = try(host, port, user[1])
    if login == nil then break end
    if login then
      result[#result + 1] = user[2]
      users[user[1]] = ""
    end
  end
  if #result == 0 then return nil end
  return stdnse.format_output(true, result)
end
