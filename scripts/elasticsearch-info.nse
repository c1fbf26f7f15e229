local httpjson = require "httpjson"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows version, cluster and indices of an Elasticsearch or OpenSearch server that answers anybody.
]]

---
-- @usage
-- perilune -p 9200 --script elasticsearch-info TARGET
--
-- @output
-- 9200/tcp open  elasticsearch
-- | elasticsearch-info:
-- |   Version: 7.17.9
-- |   Lucene version: 8.11.1
-- |   Node: node-1
-- |   Cluster: docker-cluster
-- |   Cluster status: yellow
-- |   Nodes: 1
-- |   Indices:
-- |_    users (12 documents, 10kb)

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 9200 }, { "elasticsearch", "opensearch" })

local MAX_INDICES = 50

-- Names of indices with what they hold.
local function indices (host, port)
  local list = httpjson.fetch(host, port, "/_cat/indices?format=json&h=index,docs.count,store.size",
    { redirect_ok = false })
  if type(list) ~= "table" then return nil end
  local lines = {}
  for _, item in ipairs(list) do
    local name = httpjson.text(item, "index")
    if name and #lines < MAX_INDICES then
      lines[#lines + 1] = ("%s (%s documents, %s)"):format(name, httpjson.text(item, "docs.count") or "?",
        httpjson.text(item, "store.size") or "?")
    end
  end
  return #lines > 0 and lines or nil
end

action = function (host, port)
  local about = httpjson.fetch(host, port, "/", { redirect_ok = false })
  if not httpjson.text(about, "cluster_name") or not httpjson.text(about, "version", "number") then return nil end
  local result = stdnse.output_table()
  httpjson.copy(result, about, {
    { "Distribution", "version", "distribution" },
    { "Version", "version", "number" },
    { "Lucene version", "version", "lucene_version" },
    { "Build", "version", "build_type" },
    { "Node", "name" },
    { "Cluster", "cluster_name" },
    { "Cluster UUID", "cluster_uuid" },
  })
  httpjson.copy(result, (httpjson.fetch(host, port, "/_cluster/health", { redirect_ok = false })), {
    { "Cluster status", "status" },
    { "Nodes", "number_of_nodes" },
    { "Data nodes", "number_of_data_nodes" },
    { "Active shards", "active_shards" },
  })
  result.Indices = indices(host, port)
  return result
end
