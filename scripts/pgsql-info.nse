local nmap = require "nmap"
local pgsql = require "pgsql"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows what a PostgreSQL server tells before anybody logs in: whether it speaks TLS, and how it asks for the password of
<code>postgres</code>.
]]

---
-- @args pgsql-info.username The user that is asked about. Default: <code>postgres</code>.
--
-- @usage
-- perilune -p 5432 --script pgsql-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 5432/tcp open  postgresql
-- | pgsql-info:
-- |   TLS: no
-- |_  Authentication: MD5 password

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(5432, "postgresql")

-- The numbers of the manual's "Message Formats".
local METHODS = {
  [0] = "none", [2] = "Kerberos V5", [3] = "clear-text password", [5] = "MD5 password", [6] = "SCM credentials", [7] = "GSSAPI",
  [9] = "SSPI", [10] = "SCRAM",
}

local function open (host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(stdnse.get_timeout(host, 10000, 5000))
  if socket:connect(host, port) then return socket end
  socket:close()
end

action = function (host, port)
  local socket = open(host, port)
  if not socket then return nil end
  local result = stdnse.output_table()
  local tls = pgsql.requestSSL(socket)
  socket:close()
  socket = open(host, port)
  if not socket then return nil end
  local username = stdnse.get_script_args(SCRIPT_NAME .. ".username") or "postgres"
  local version = pgsql.detectVersion(host, port)
  local status, response, failure = version.sendStartup(socket, username, username)
  local parameters
  if status and response.authtype == 0 then
    local _, all = version.loginRequest(socket, response, username, "")
    parameters = type(all) == "table" and all[1] or nil
  end
  socket:close()
  if not status and not failure then
    stdnse.debug1("not a server of PostgreSQL: %s", response)
    return nil
  end
  result["TLS"] = tls and "yes" or "no"
  if status then
    result["Authentication"] = METHODS[response.authtype] or ("unknown (%d)"):format(response.authtype)
  else
    result["Error"] = response
  end
  for _, one in ipairs(parameters or {}) do
    if one.name == "server_version" then result["Version"] = one.value end
  end
  return result
end
