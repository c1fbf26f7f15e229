local mysql = require "mysql"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Connects to a MySQL or MariaDB server and shows what its greeting tells: protocol, version, thread, capabilities, state,
salt and the method of authentication.
]]

---
-- @usage
-- perilune -p 3306 --script mysql-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 3306/tcp open  mysql
-- | mysql-info:
-- |   Protocol: 10
-- |   Version: 10.11.6-MariaDB
-- |   Thread ID: 7
-- |   Capabilities flags: 63486
-- |   Some Capabilities: FoundRows, LongColumnFlag, ConnectWithDatabase
-- |   Status: Autocommit
-- |   Salt: "F-U|;-FhH]-f2T5B/Tb
-- |_  Auth Plugin Name: mysql_native_password
--
-- @xmloutput
-- <elem key="Protocol">10</elem>
-- <elem key="Version">10.11.6-MariaDB</elem>
-- <elem key="Thread ID">7</elem>
-- <elem key="Capabilities flags">63486</elem>
-- <table key="Some Capabilities">
--   <elem>FoundRows</elem>
-- </table>
-- <elem key="Status">Autocommit</elem>
-- <elem key="Salt">abc</elem>
-- <elem key="Auth Plugin Name">mysql_native_password</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(3306, "mysql")

-- Names of the bits that are set, those of lower bits first; shown in one line.
local function names_of (value, bits)
  local list = {}
  for name, bit in pairs(bits) do
    if value & bit ~= 0 then list[#list + 1] = name end
  end
  table.sort(list, function (a, b) return bits[a] < bits[b] end)
  return list
end

local IN_A_LINE = { __tostring = function (list) return table.concat(list, ", ") end }

-- What servers from before the greeting with a state of their own say is left out.
local STATUS_NAMES = { [2] = "Autocommit" }

action = function (host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(stdnse.get_timeout(host, 10000, 5000))
  local status, err = socket:connect(host, port)
  if not status then
    stdnse.debug1("could not connect: %s", err)
    return nil
  end
  local greeting, refusal
  status, greeting, refusal = mysql.receiveGreeting(socket)
  socket:close()

  local result = stdnse.output_table()
  if not status then
    if not refusal then
      stdnse.debug1("no greeting: %s", greeting)
      return nil
    end
    result["MySQL Error"] = greeting
    result["Error Code"] = refusal.errorcode
    return result
  end

  result["Protocol"] = greeting.proto
  result["Version"] = greeting.version
  result["Thread ID"] = greeting.threadid
  if greeting.capabilities then
    result["Capabilities flags"] = greeting.capabilities
    local names = names_of(greeting.capabilities, mysql.Capabilities)
    for _, name in ipairs(names_of(greeting.extcapabilities or 0, mysql.ExtCapabilities)) do names[#names + 1] = name end
    if #names > 0 then result["Some Capabilities"] = setmetatable(names, IN_A_LINE) end
  end
  if greeting.status then
    result["Status"] = STATUS_NAMES[greeting.status]
      or table.concat(names_of(greeting.status, mysql.ServerStatus), ", ")
  end
  result["Salt"] = greeting.salt
  result["Auth Plugin Name"] = greeting.auth_plugin_name

  if greeting.version then
    local old = port.version.version
    if not old or old == "" then
      port.version.name, port.version.product, port.version.version = "mysql", "MySQL", greeting.version
      nmap.set_port_version(host, port, "hardmatched")
    end
  end
  return result
end
