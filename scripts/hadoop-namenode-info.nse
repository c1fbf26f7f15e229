local http = require "http"
local httpjson = require "httpjson"
local json = require "json"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows what the name node of an Apache Hadoop file system says of itself: when it started, version, upgrades, space, and
its data nodes. Old versions are asked for their status page, newer ones for their management beans.
]]

---
-- @usage
-- perilune -p 50070,9870 --script hadoop-namenode-info TARGET
--
-- @output
-- 9870/tcp open  hadoop-namenode
-- | hadoop-namenode-info:
-- |   Started: Wed May 11 22:33:44 PDT 2024
-- |   Version: 3.3.6, r1be78238728da9266a4f88195058f08fd012bf9c
-- |   Filesystem: /explorer.html
-- |   Storage:
-- |     Total: 1024, Used: 512
-- |   Datanodes (Live):
-- |_    dn1.example.com:9866

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 50070, 9870, 9871 }, { "hadoop-namenode" })

local MAX_NODES = 100

local function text_of (html)
  html = string.gsub(string.gsub(html, "<[^<>]*>", " "), "%s+", " ")
  return string.match(html, "^ *(.-) *$")
end

local ROWS = { ["Started:"] = "Started", ["Version:"] = "Version", ["Compiled:"] = "Compiled", ["Upgrades:"] = "Upgrades" }

-- The status page of versions up to 2: cells of names and of values.
local function from_page (body)
  local result, name = stdnse.output_table(), nil
  for cell in string.gmatch(body, "<td[^<>]*>([^<]*)") do
    local text = text_of(cell)
    if name then result[name] = text end
    name = ROWS[text]
  end
  for attributes, text in string.gmatch(body, "<[aA]%s([^<>]*)>([^<]*)") do
    local href = string.match(attributes, "href=\"([^\"]*)\"")
    if text_of(text) == "Browse the filesystem" then result.Filesystem = href end
    if text_of(text) == "Namenode Logs" then result.Logs = href end
  end
  return result
end

local function from_beans (host, port)
  local beans = httpjson.at(httpjson.fetch(host, port, "/jmx?qry=Hadoop:service=NameNode,name=NameNodeInfo",
    { redirect_ok = false }), "beans", 1)
  local result = stdnse.output_table()
  httpjson.copy(result, beans, { { "Started", "NNStarted" }, { "Version", "Version" }, { "Compiled", "CompileInfo" },
    { "Upgrades", "UpgradeFinalized" } })
  if #result == 0 then return result end
  local total, used = httpjson.text(beans, "Total"), httpjson.text(beans, "Used")
  if total and used then result.Storage = { ("Total: %s, Used: %s"):format(total, used) } end
  -- The nodes are an object inside a string.
  local ok, nodes = json.parse(httpjson.at(beans, "LiveNodes"))
  local names = ok and httpjson.texts(httpjson.names(nodes), MAX_NODES)
  if names then result["Datanodes (Live)"] = names end
  return result
end

action = function (host, port)
  local response = http.get(host, port, "/dfshealth.jsp", { redirect_ok = false })
  local result
  if response.status == 200 and response.body then
    result = from_page(response.body)
  else
    result = from_beans(host, port)
  end
  if #result == 0 then return nil end
  port.version.name, port.version.product = "hadoop-namenode", "Apache Hadoop"
  port.version.version = result.Version and string.match(result.Version, "^[^,%s]+")
  nmap.set_port_version(host, port)
  return result
end
