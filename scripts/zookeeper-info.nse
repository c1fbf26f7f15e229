local comm = require "comm"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows version, mode and load of a ZooKeeper server (<code>srvr</code>).
]]

---
-- @usage
-- perilune -p 2181 --script zookeeper-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 2181/tcp open  zookeeper
-- | zookeeper-info:
-- |   Zookeeper version: 3.8.0
-- |   Mode: standalone
-- |_  Node count: 5

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(2181, { "zookeeper", "eforward" })

action = function (host, port)
  local status, answer = comm.exchange(host, port, "srvr", { timeout = 5000, lines = 20 })
  if not status then
    stdnse.debug1("no answer: %s", answer)
    return nil
  end
  local result = stdnse.output_table()
  if string.find(answer, "not executed because it is not in the whitelist", 1, true) then
    result["Access"] = "the command srvr is not allowed"
    return result
  end
  if not string.find(answer, "^Zookeeper version:") then return nil end
  for name, value in string.gmatch(answer, "([%a][%w %-/]*): ([^\r\n]*)") do result[name] = value end
  local version = string.match(result["Zookeeper version"] or "", "^(%d[%d%.]*)")
  if version and not port.version.version then
    port.version.name, port.version.product, port.version.version = "zookeeper", "Zookeeper", version
    nmap.set_port_version(host, port)
  end
  return result
end
