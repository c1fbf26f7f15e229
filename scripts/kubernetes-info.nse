local httpjson = require "httpjson"
local json = require "json"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows the version of a Kubernetes server, and what of its interface anybody may see: namespaces, or the pods of a node.
]]

---
-- @usage
-- perilune -p 6443 --script kubernetes-info TARGET
--
-- @output
-- 6443/tcp open  kubernetes
-- | kubernetes-info:
-- |   Version: v1.28.4+k3s2
-- |   Build date: 2023-12-06
-- |   Go version: go1.20.11
-- |   Platform: linux/amd64
-- |   Namespaces:
-- |     default
-- |_    kube-system

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 6443, 8001, 10250, 10255, 16443 }, { "kubernetes" })

local MAX_SHOWN = 50

-- A refusal of the interface is an object of its own kind.
local function refuses (response)
  if response.status ~= 401 and response.status ~= 403 then return false end
  local ok, status = json.parse(response.body or "")
  return ok and httpjson.text(status, "kind") == "Status"
end

action = function (host, port)
  local result = stdnse.output_table()
  local version, response = httpjson.fetch(host, port, "/version", { redirect_ok = false })
  if httpjson.text(version, "gitVersion") then
    httpjson.copy(result, version, {
      { "Version", "gitVersion" },
      { "Build date", "buildDate" },
      { "Go version", "goVersion" },
      { "Platform", "platform" },
    })
    local namespaces = httpjson.fetch(host, port, "/api/v1/namespaces", { redirect_ok = false })
    result.Namespaces = httpjson.texts(httpjson.at(namespaces, "items"), MAX_SHOWN, "metadata", "name")
  elseif refuses(response) then
    result.Authentication = "required"
  end
  -- A node's own interface.
  local pods = httpjson.fetch(host, port, "/pods", { redirect_ok = false })
  result.Pods = httpjson.texts(httpjson.at(pods, "items"), MAX_SHOWN, "metadata", "name")
  if #result == 0 then return nil end
  return result
end
