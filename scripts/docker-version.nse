local httpjson = require "httpjson"
local json = require "json"
local math = require "math"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows the version of a Docker daemon whose interface is open to the network, with those of its parts and of the kernel.

Whoever can ask that can usually do everything on the machine.
]]

---
-- @usage
-- perilune -sV -p 2375 --script docker-version TARGET
--
-- @output
-- 2375/tcp open  docker  Docker 24.0.7
-- | docker-version:
-- |   Version: 24.0.7
-- |   ApiVersion: 1.43
-- |   MinAPIVersion: 1.12
-- |   GitCommit: 311b9ff
-- |   GoVersion: go1.20.10
-- |   Os: linux
-- |   Arch: amd64
-- |_  KernelVersion: 6.1.0-13-amd64

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "version" }

portrule = shortport.version_port_or_service({ 2375, 2376 }, { "docker", "docker-s" }, "tcp")

-- Names of the answer in the order they are shown; what else there is comes after them.
local ORDER = { "Version", "ApiVersion", "MinAPIVersion", "GitCommit", "GoVersion", "Os", "Arch", "KernelVersion",
  "BuildTime", "Experimental", "Platform", "Components" }
local MAX_ITEMS, MAX_DEPTH = 30, 4

local function shown (value, depth)
  if type(value) ~= "table" then return httpjson.text(value) end
  if value == json.NULL or depth > MAX_DEPTH then return nil end
  local out = stdnse.output_table()
  if json.typeof(value) == "array" then
    out = {}
    for i = 1, math.min(#value, MAX_ITEMS) do out[#out + 1] = shown(value[i], depth + 1) end
    return out
  end
  local names = httpjson.names(value)
  for i = 1, math.min(#names, MAX_ITEMS) do out[names[i]] = shown(value[names[i]], depth + 1) end
  return out
end

action = function (host, port)
  local answer = httpjson.fetch(host, port, "/version", { redirect_ok = false })
  local version = httpjson.text(answer, "Version")
  if not version or not httpjson.text(answer, "ApiVersion") then return nil end

  local result, seen = stdnse.output_table(), {}
  for _, list in ipairs({ ORDER, httpjson.names(answer) }) do
    for i, name in ipairs(list) do
      if answer[name] ~= nil and not seen[name] and i <= MAX_ITEMS then
        seen[name] = true
        result[name] = shown(answer[name], 1)
      end
    end
  end
  port.version.name, port.version.product, port.version.version = "docker", "Docker", version
  port.version.ostype = httpjson.text(answer, "Os")
  nmap.set_port_version(host, port)
  return result
end
