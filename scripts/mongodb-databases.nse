local mongodb = require "mongodb"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Lists the databases of a MongoDB server with their sizes.
]]

---
-- @usage
-- perilune -p 27017 --script mongodb-databases TARGET
--
-- @output
-- PORT      STATE SERVICE
-- 27017/tcp open  mongodb
-- | mongodb-databases:
-- |   databases
-- |     1
-- |       empty = false
-- |       name = admin
-- |       sizeOnDisk = 40960
-- |   ok = 1.0
-- |_  totalSize = 40960

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 27017 }, { "mongodb", "mongod" })

local function ask (host, port, status, packet)
  if not status then return nil end
  local socket = nmap.new_socket()
  socket:set_timeout(stdnse.get_timeout(host, 10000, 5000))
  if not socket:connect(host, port) then return nil end
  local answered, document = mongodb.query(socket, packet)
  socket:close()
  if answered then return document end
  stdnse.debug1("listDatabases: %s", document)
end

action = function (host, port)
  -- Servers from 5.1 on know only the newer form.
  local document = ask(host, port, mongodb.messageQuery("admin", "listDatabases", 1))
    or ask(host, port, mongodb.listDbQuery(1))
  if not document then return nil end
  return stdnse.format_output(true, mongodb.queryResultToTable(document))
end
