local httpjson = require "httpjson"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows the version of a Prometheus server and what it watches: the addresses often are those of the inside.
]]

---
-- @usage
-- perilune -p 9090 --script prometheus-info TARGET
--
-- @output
-- 9090/tcp open  prometheus
-- | prometheus-info:
-- |   Version: 2.45.0
-- |   Revision: 8ef767e
-- |   Go version: go1.20.5
-- |   Targets:
-- |_    http://10.0.0.5:9100/metrics (node, up)

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 9090 }, { "prometheus" })

local MAX_TARGETS = 100

action = function (host, port)
  local build = httpjson.fetch(host, port, "/api/v1/status/buildinfo", { redirect_ok = false })
  if httpjson.text(build, "status") ~= "success" then return nil end
  local result = stdnse.output_table()
  httpjson.copy(result, httpjson.at(build, "data"), {
    { "Version", "version" },
    { "Revision", "revision" },
    { "Branch", "branch" },
    { "Build date", "buildDate" },
    { "Go version", "goVersion" },
  })
  local active = httpjson.fetch(host, port, "/api/v1/targets?state=active", { redirect_ok = false })
  local lines, list = {}, httpjson.at(active, "data", "activeTargets")
  for _, target in ipairs(type(list) == "table" and list or {}) do
    local url = httpjson.text(target, "scrapeUrl")
    if url and #lines < MAX_TARGETS then
      lines[#lines + 1] = ("%s (%s, %s)"):format(url, httpjson.text(target, "labels", "job") or "no job",
        httpjson.text(target, "health") or "unknown")
    end
  end
  if #lines > 0 then result.Targets = lines end
  return result
end
