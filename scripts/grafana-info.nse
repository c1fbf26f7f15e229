local httpjson = require "httpjson"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows the version of a Grafana server and the state of its database.
]]

---
-- @usage
-- perilune -p 3000 --script grafana-info TARGET
--
-- @output
-- 3000/tcp open  grafana
-- | grafana-info:
-- |   Version: 10.2.3
-- |   Commit: 1e84fede543acc892d2a2515187e545eb047f237
-- |_  Database: ok

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 3000 }, { "grafana" })

action = function (host, port)
  local health = httpjson.fetch(host, port, "/api/health", { redirect_ok = false })
  if not httpjson.text(health, "database") then return nil end
  local result = stdnse.output_table()
  httpjson.copy(result, health, { { "Version", "version" }, { "Commit", "commit" }, { "Database", "database" } })
  -- An anonymous visitor may see what is inside.
  local search, response = httpjson.fetch(host, port, "/api/search?limit=50", { redirect_ok = false })
  if response.status == 200 then
    result["Anonymous access"] = "true"
    result.Dashboards = httpjson.texts(search, 50, "title")
  end
  return result
end
