local httpjson = require "httpjson"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"
local url = require "url"

description = [[
Lists the repositories of a registry of container images (Docker Registry HTTP API V2, OCI Distribution) and their tags,
where anybody may.
]]

---
-- @usage
-- perilune -p 5000 --script docker-registry-info TARGET
--
-- @output
-- 5000/tcp open  docker-registry
-- | docker-registry-info:
-- |   API: registry/2.0
-- |   Repositories:
-- |     app: 1.0 latest
-- |_    db/pg: 16

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 5000 }, { "docker-registry" })

local MAX_REPOSITORIES, MAX_TAGS = 20, 20

action = function (host, port)
  local answer, response = httpjson.fetch(host, port, "/v2/", { redirect_ok = false })
  local api = response.header and response.header["docker-distribution-api-version"]
  if not api then return nil end
  local result = stdnse.output_table()
  result.API = api
  if response.status == 401 then result.Authentication = response.header["www-authenticate"] or "required" end
  if not answer then return result end
  local list = httpjson.at(httpjson.fetch(host, port, "/v2/_catalog", { redirect_ok = false }), "repositories")
  local repositories = stdnse.output_table()
  for i, name in ipairs(type(list) == "table" and list or {}) do
    if i > MAX_REPOSITORIES or type(name) ~= "string" then break end
    local tags = httpjson.fetch(host, port, "/v2/" .. url.build_path(url.parse_path(name)) .. "/tags/list",
      { redirect_ok = false })
    local names = httpjson.texts(httpjson.at(tags, "tags"), MAX_TAGS) or {}
    table.sort(names)
    repositories[name] = table.concat(names, " ")
  end
  if #repositories > 0 then result.Repositories = repositories end
  return result
end
