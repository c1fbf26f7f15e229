local httpjson = require "httpjson"
local json = require "json"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows the version and the statistics of a CouchDB server that answers anybody: requests by method and status, open
databases and files, and whether it wants to know who is asking.
]]

---
-- @usage
-- perilune -p 5984 --script couchdb-stats TARGET
--
-- @output
-- 5984/tcp open  couchdb
-- | couchdb-stats:
-- |   Version : 3.3.3
-- |   couchdb
-- |     open_databases
-- |       current = 49
-- |   httpd_request_methods
-- |     GET (number of HTTP GET requests)
-- |       current = 52
-- |_  Authentication : NOT enabled ('admin party')

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service({ 5984 }, { "couchdb" })

local MAX_LINES = 300
-- Versions before 2 have the first path, the others the second.
local PATHS = { "/_stats", "/_node/_local/_stats" }
-- Numbers of a statistic, in the order they are shown; "value" is what versions from 2 on have.
local NUMBERS = { "current", "value", "sum", "count" }

local function statistic (lines, name, value)
  local description = httpjson.text(value, "description") or httpjson.text(value, "desc")
  local numbers = {}
  for _, key in ipairs(NUMBERS) do
    local number = httpjson.text(value, key)
    if number then numbers[#numbers + 1] = key .. " = " .. number end
  end
  if #numbers == 0 or #lines > MAX_LINES then return end
  lines[#lines + 1] = description and ("%s (%s)"):format(name, description) or name
  lines[#lines + 1] = numbers
end

local function sections (statistics)
  local out = {}
  for _, section in ipairs(httpjson.names(statistics)) do
    local lines = { name = section }
    for _, name in ipairs(httpjson.names(statistics[section])) do
      statistic(lines, name, statistics[section][name])
    end
    if #lines > 0 then out[#out + 1] = lines end
  end
  return out
end

-- Without an administrator everybody is one; newer versions always have one.
local function authentication (host, port)
  local _, response = httpjson.fetch(host, port, "/_config", { redirect_ok = false })
  if response.status == 401 or response.status == 403 then return "enabled" end
  if response.status == 200 then return "NOT enabled ('admin party')" end
  return "unknown"
end

action = function (host, port)
  local welcome = httpjson.fetch(host, port, "/", { redirect_ok = false })
  local version = httpjson.text(welcome, "version")
  if not httpjson.text(welcome, "couchdb") then return nil end
  local lines = {}
  if version then lines[1] = "Version : " .. version end
  for _, path in ipairs(PATHS) do
    local statistics = httpjson.fetch(host, port, path, { redirect_ok = false })
    if type(statistics) == "table" and statistics ~= json.NULL then
      for _, section in ipairs(sections(statistics)) do lines[#lines + 1] = section end
      break
    end
  end
  lines[#lines + 1] = "Authentication : " .. authentication(host, port)
  return stdnse.format_output(true, lines)
end
