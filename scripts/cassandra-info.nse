local cassandra = require "cassandra"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows the cluster's name and the version of a Cassandra server's Thrift face, if it lets anybody in.
]]

---
-- @usage
-- perilune -p 9160 --script cassandra-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 9160/tcp open  apani1
-- | cassandra-info:
-- |   Cluster name: Test Cluster
-- |_  Version: 19.10.0

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "cassandra-brute" }

portrule = shortport.port_or_service(9160, "cassandra")

action = function (host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(stdnse.get_timeout(host, 10000, 5000))
  if not socket:connect(host, port) then return nil end
  local status, err = cassandra.login(socket, "default", "")
  if not status then
    stdnse.debug1("not let in: %s", err)
    socket:close()
    return nil
  end
  local result = stdnse.output_table()
  local named, name = cassandra.describe_cluster_name(socket, 1)
  if named then result["Cluster name"] = name end
  local versioned, version = cassandra.describe_version(socket, 2)
  if versioned then result["Version"] = version end
  socket:close()
  if #result == 0 then return nil end
  port.version.name, port.version.product = "cassandra", "Cassandra"
  if versioned then port.version.version = version end
  nmap.set_port_version(host, port)
  return result
end
