local mongodb = require "mongodb"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows build and state of a MongoDB server.
]]

---
-- @args mongodb-info.db The database that is asked. Default: <code>admin</code>.
--
-- @usage
-- perilune -p 27017 --script mongodb-info TARGET
--
-- @output
-- PORT      STATE SERVICE
-- 27017/tcp open  mongodb
-- | mongodb-info:
-- |   MongoDB Build info
-- |     version = 7.0.2
-- |   Server status
-- |_    uptime = 360

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 27017 }, { "mongodb", "mongod" })

local function ask (host, port, build, command, database)
  local socket = nmap.new_socket()
  socket:set_timeout(stdnse.get_timeout(host, 10000, 5000))
  if not socket:connect(host, port) then return nil end
  -- Servers from 5.1 on know only the newer form.
  local status, packet = mongodb.messageQuery(database, command, 1)
  local document
  if status then status, document = mongodb.query(socket, packet) end
  if not status then
    socket:close()
    socket = nmap.new_socket()
    socket:set_timeout(stdnse.get_timeout(host, 10000, 5000))
    if not socket:connect(host, port) then return nil end
    status, packet = build(1)
    if status then status, document = mongodb.query(socket, packet) end
  end
  socket:close()
  if not status then
    stdnse.debug1("%s: %s", command, document)
    return nil
  end
  return document
end

action = function (host, port)
  local database = stdnse.get_script_args(SCRIPT_NAME .. ".db") or "admin"
  local result = {}
  local build = ask(host, port, mongodb.buildInfoQuery, "buildInfo", database)
  if not build then return nil end
  local lines = mongodb.queryResultToTable(build)
  lines.name = "MongoDB Build info"
  result[#result + 1] = lines
  if type(build.version) == "string" and not port.version.version then
    port.version.name, port.version.product, port.version.version = "mongodb", "MongoDB", build.version
    nmap.set_port_version(host, port)
  end
  local state = ask(host, port, mongodb.serverStatusQuery, "serverStatus", database)
  if state then
    lines = mongodb.queryResultToTable(state)
    lines.name = "Server status"
    result[#result + 1] = lines
  end
  return stdnse.format_output(true, result)
end
