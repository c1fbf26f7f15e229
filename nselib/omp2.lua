---
-- OMP 2.0, the protocol of OpenVAS' manager: logging in and listing targets, in XML over TLS.
--
-- @usage
-- local session = omp2.Session:new()
-- local status, err = session:connect(host, port)
-- status, err = session:authenticate("admin", "secret")
-- local targets = session:ls_targets()
-- session:close()
--
-- @args omp2.username Who to log in as.
-- @args omp2.password The password.
--
-- @copyright MIT OR Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("omp2", stdnse.seeall)

local TIMEOUT_MS = 10000
local RESPONSE_LEN_MAX = 16 * 1024 * 1024

local ESCAPES = { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;", ['"'] = "&quot;", ["'"] = "&apos;" }

local function escaped (text) return (string.gsub(text, "[<>&\"']", ESCAPES)) end

--- Keeps an account for other scripts.
-- @param host The host table.
-- @param username The user's name.
-- @param password The password.
function add_account (host, username, password)
  local accounts = nmap.registry.omp2_accounts or {}
  nmap.registry.omp2_accounts = accounts
  accounts[host.ip] = accounts[host.ip] or {}
  table.insert(accounts[host.ip], { username = username, password = password })
end

--- The accounts that are known for a host: those of the arguments and those that were found.
-- @param host The host table.
-- @return An array of tables with <code>username</code> and <code>password</code>, or nil.
function get_accounts (host)
  local list = {}
  local username, password = stdnse.get_script_args("omp2.username", "omp2.password")
  if username then list[1] = { username = username, password = password or "" } end
  for _, one in ipairs((nmap.registry.omp2_accounts or {})[host.ip] or {}) do list[#list + 1] = one end
  if #list == 0 then return nil end
  return list
end

--- A session.
-- @class table
-- @name Session
Session = {}
Session.__index = Session

--- Makes a session; nothing is sent.
-- @param socket A socket to use. Default: a new one.
-- @return The session.
function Session:new (socket)
  return setmetatable({ socket = socket or nmap.new_socket() }, self)
end

--- Connects.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
-- @return An error.
function Session:connect (host, port)
  self.socket:set_timeout(TIMEOUT_MS)
  return self.socket:connect(host, port, "ssl")
end

-- Sends a command and reads to the end tag of its response.
local function exchange (self, command, name)
  local status, err = self.socket:send(command)
  if not status then return nil, err end
  local buffer = ""
  local ending = "</" .. name .. "_response>"
  while #buffer < RESPONSE_LEN_MAX do
    local received, data = self.socket:receive()
    if not received then return nil, data end
    buffer = buffer .. data
    if string.find(buffer, ending, 1, true) or string.find(buffer, "^<" .. name .. "_response[^>]*/>") then return buffer end
  end
  return nil, "the response is too long"
end

--- Logs in.
-- @param username The user's name.
-- @param password The password.
-- @return True if the login is accepted, else false.
-- @return An error.
function Session:authenticate (username, password)
  local response, err = exchange(self, ("<authenticate><credentials><username>%s</username><password>%s</password>"
    .. "</credentials></authenticate>"):format(escaped(username), escaped(password)), "authenticate")
  if not response then return false, err end
  if string.find(response, "<authenticate_response[^>]*status=[\"']200[\"']") then return true end
  return false, string.match(response, "status_text=[\"']([^\"']*)[\"']") or "Authentication failed"
end

--- Lists the targets.
-- @return An array of tables with <code>name</code>, <code>id</code> and <code>hosts</code>, or nil.
-- @return An error.
function Session:ls_targets ()
  local response, err = exchange(self, "<get_targets/>", "get_targets")
  if not response then return nil, err end
  local list = {}
  for id, body in string.gmatch(response, "<target%s+id=[\"']([^\"']*)[\"'][^>]*>(.-)</target>") do
    -- The owner and others have names of their own, behind the target's.
    local name, hosts = string.match(string.gsub(body, "<owner>.-</owner>", ""), "<name>(.-)</name>"), string.match(body, "<hosts>(.-)</hosts>")
    if name and hosts then list[#list + 1] = { id = id, name = name, hosts = hosts } end
  end
  return list
end

--- Closes the session.
-- @return True or false.
function Session:close ()
  return self.socket:close()
end

return _ENV
