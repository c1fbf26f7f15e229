local httpjson = require "httpjson"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows versions, health and members of an etcd server, and which keys anybody can read in the second version of its
interface.
]]

---
-- @usage
-- perilune -p 2379 --script etcd-info TARGET
--
-- @output
-- 2379/tcp open  etcd-client
-- | etcd-info:
-- |   Server version: 3.4.23
-- |   Cluster version: 3.4.0
-- |   Healthy: true
-- |   Members:
-- |     default (http://192.0.2.1:2379)
-- |   Keys:
-- |_    /registry

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 2379, 4001 }, { "etcd", "etcd-client" })

local MAX_SHOWN = 50

action = function (host, port)
  local version = httpjson.fetch(host, port, "/version", { redirect_ok = false })
  if not httpjson.text(version, "etcdserver") then return nil end
  local result = stdnse.output_table()
  httpjson.copy(result, version, { { "Server version", "etcdserver" }, { "Cluster version", "etcdcluster" } })
  httpjson.copy(result, (httpjson.fetch(host, port, "/health", { redirect_ok = false })), { { "Healthy", "health" } })
  local members = httpjson.at(httpjson.fetch(host, port, "/v2/members", { redirect_ok = false }), "members")
  local lines = {}
  for _, member in ipairs(type(members) == "table" and members or {}) do
    local url = httpjson.text(member, "clientURLs", 1) or httpjson.text(member, "peerURLs", 1) or "no address"
    if #lines < MAX_SHOWN then
      lines[#lines + 1] = ("%s (%s)"):format(httpjson.text(member, "name") or "unnamed", url)
    end
  end
  if #lines > 0 then result.Members = lines end
  local keys = httpjson.fetch(host, port, "/v2/keys/", { redirect_ok = false })
  result.Keys = httpjson.texts(httpjson.at(keys, "node", "nodes"), MAX_SHOWN, "key")
  return result
end
