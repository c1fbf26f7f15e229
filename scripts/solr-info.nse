local httpjson = require "httpjson"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows the version of an Apache Solr server, the machine it runs on, and its cores.
]]

---
-- @usage
-- perilune -p 8983 --script solr-info TARGET
--
-- @output
-- 8983/tcp open  solr
-- | solr-info:
-- |   Version: 9.4.0
-- |   Lucene version: 9.8.0
-- |   Mode: solrcloud
-- |   Home: /var/solr/data
-- |   Java: 17.0.9
-- |   System: Linux
-- |   Cores:
-- |     core1
-- |_    core2

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 8983 }, { "solr" })

action = function (host, port)
  local about = httpjson.fetch(host, port, "/solr/admin/info/system?wt=json", { redirect_ok = false })
  if not httpjson.text(about, "lucene", "solr-spec-version") then return nil end
  local result = stdnse.output_table()
  httpjson.copy(result, about, {
    { "Version", "lucene", "solr-spec-version" },
    { "Lucene version", "lucene", "lucene-spec-version" },
    { "Mode", "mode" },
    { "ZooKeeper", "zkHost" },
    { "Home", "solr_home" },
    { "Java", "jvm", "version" },
    { "System", "system", "name" },
    { "System version", "system", "version" },
  })
  local cores = httpjson.fetch(host, port, "/solr/admin/cores?action=STATUS&indexInfo=false&wt=json",
    { redirect_ok = false })
  result.Cores = httpjson.texts(httpjson.names(httpjson.at(cores, "status")), 50)
  return result
end
