local http = require "http"
local httpjson = require "httpjson"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows the version of a Jenkins server and, where anybody may see them, its jobs.
]]

---
-- @usage
-- perilune -p 8080 --script jenkins-info TARGET
--
-- @output
-- 8080/tcp open  http-proxy
-- | jenkins-info:
-- |   Version: 2.426.1
-- |   Security: false
-- |   Executors: 2
-- |   Jobs:
-- |     build
-- |_    deploy

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.http

action = function (host, port)
  -- The first page tells by its header; for a server that is no Jenkins nothing more is asked.
  local path, response = "", nil
  for _, folder in ipairs({ "", "/jenkins" }) do
    response = http.get(host, port, folder .. "/", { redirect_ok = false })
    path = folder
    if response.header and response.header["x-jenkins"] then break end
    if response.status == 200 or not response.status then return nil end
  end
  if not response.header["x-jenkins"] then return nil end
  local result = stdnse.output_table()
  result.Version = response.header["x-jenkins"]
  local about = httpjson.fetch(host, port,
    path .. "/api/json?tree=mode,nodeDescription,useSecurity,numExecutors,jobs[name],views[name]",
    { redirect_ok = false })
  httpjson.copy(result, about, {
    { "Description", "nodeDescription" },
    { "Mode", "mode" },
    { "Security", "useSecurity" },
    { "Executors", "numExecutors" },
  })
  if not about then result["Anonymous access"] = "false" end
  result.Jobs = httpjson.texts(httpjson.at(about, "jobs"), 50, "name")
  return result
end
