local httpjson = require "httpjson"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows version, place and services of a Consul agent that answers anybody.
]]

---
-- @usage
-- perilune -p 8500 --script consul-info TARGET
--
-- @output
-- 8500/tcp open  consul
-- | consul-info:
-- |   Version: 1.17.0
-- |   Node: n1
-- |   Address: 10.0.0.9
-- |   Datacenter: dc1
-- |   Server: true
-- |   Leader: 10.0.0.9:8300
-- |   Nodes:
-- |     n1 (10.0.0.9)
-- |   Services:
-- |     consul
-- |_    web

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 8500 }, { "consul" })

local MAX_SHOWN = 100

action = function (host, port)
  local about = httpjson.fetch(host, port, "/v1/agent/self", { redirect_ok = false })
  if not httpjson.text(about, "Config", "NodeName") then return nil end
  local result = stdnse.output_table()
  httpjson.copy(result, about, {
    { "Version", "Config", "Version" },
    { "Node", "Config", "NodeName" },
    { "Address", "Member", "Addr" },
    { "Datacenter", "Config", "Datacenter" },
    { "Server", "Config", "Server" },
  })
  result.Leader = httpjson.text((httpjson.fetch(host, port, "/v1/status/leader", { redirect_ok = false })))
  local nodes = httpjson.fetch(host, port, "/v1/catalog/nodes", { redirect_ok = false })
  local lines = {}
  for _, node in ipairs(type(nodes) == "table" and nodes or {}) do
    local name = httpjson.text(node, "Node")
    if name and #lines < MAX_SHOWN then
      lines[#lines + 1] = ("%s (%s)"):format(name, httpjson.text(node, "Address") or "no address")
    end
  end
  if #lines > 0 then result.Nodes = lines end
  local services = httpjson.names((httpjson.fetch(host, port, "/v1/catalog/services", { redirect_ok = false })))
  result.Services = httpjson.texts(services, MAX_SHOWN)
  return result
end
