local http = require "http"
local math = require "math"
local shortport = require "shortport"
local slaxml = require "slaxml"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Lists who changed a Subversion repository behind a web server, with how often and when last, from its log: asked is with
REPORT, as clients do (RFC 3253, 3.6).
]]

---
-- @args http-svn-enum.url The path of the repository. Default: <code>/</code>.
-- @args http-svn-enum.count How many of the last changes are read. Default: 1000.
--
-- @usage
-- perilune -p 80 --script http-svn-enum --script-args http-svn-enum.url=/repos/project TARGET
--
-- @output
-- 80/tcp open  http
-- | http-svn-enum:
-- |   Author  Count  Revision  Date
-- |   anna    183    34965     2015-07-24
-- |_  bert    14     34712     2015-01-11

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.http

local MAX_AUTHORS = 1000

-- Each log item has the revision, the author and the date.
local function read_log (xml, on_item)
  local item, element
  slaxml.parser:new({
    startElement = function (name)
      element = name
      if name == "log-item" then item = {} end
    end,
    text = function (text) if item and element then item[element] = item[element] or text end end,
    closeElement = function (name)
      element = nil
      if name == "log-item" and item then
        on_item(item)
        item = nil
      end
    end,
  }):parseSAX(xml, { stripWhitespace = true })
end

local function head_revision (host, port, path)
  local response = http.generic_request(host, port, "PROPFIND", path, { header = { Depth = "0" } })
  if response.status ~= 207 or not response.body then return nil end
  if not string.find(response.body, "repository-uuid", 1, true) then return nil end
  return tonumber(string.match(response.body, "version%-name>(%d+)<"))
end

action = function (host, port)
  local path, count = stdnse.get_script_args(SCRIPT_NAME .. ".url", SCRIPT_NAME .. ".count")
  path, count = path or "/", tonumber(count) or 1000
  local head = head_revision(host, port, path)
  if not head then return nil end
  local query = ('<?xml version="1.0"?><S:log-report xmlns:S="svn:"><S:start-revision>%d</S:start-revision>'
    .. "<S:end-revision>%d</S:end-revision><S:discover-changed-paths/></S:log-report>"):format(head,
    math.max(head - count, 0))
  local response = http.generic_request(host, port, "REPORT", path,
    { header = { Depth = "1", ["Content-Type"] = "text/xml" }, content = query })
  if response.status ~= 200 or not response.body then return nil end

  local authors, names = {}, {}
  read_log(response.body, function (item)
    local name = item["creator-displayname"]
    if not name then return end
    if not authors[name] and #names < MAX_AUTHORS then
      -- The log begins with the last change.
      authors[name] = { count = 0, revision = item["version-name"] or "?",
        date = string.match(item.date or "", "^[%d-]+") or "?" }
      names[#names + 1] = name
    end
    if authors[name] then authors[name].count = authors[name].count + 1 end
  end)
  if #names == 0 then return nil end
  local rows, widths = { { "Author", "Count", "Revision", "Date" } }, { 0, 0, 0 }
  local result = {}
  for _, name in ipairs(names) do
    local one = authors[name]
    rows[#rows + 1] = { name, tostring(one.count), one.revision, one.date }
    local facts = stdnse.output_table()
    facts.author = name
    facts.count = one.count
    facts.revision = one.revision
    facts.date = one.date
    result[#result + 1] = facts
  end
  for _, row in ipairs(rows) do
    for i = 1, 3 do widths[i] = math.max(widths[i], #row[i]) end
  end
  local lines = {}
  for i, row in ipairs(rows) do
    for k = 1, 3 do row[k] = row[k] .. string.rep(" ", widths[k] - #row[k]) end
    lines[i] = "  " .. table.concat(row, "  ")
  end
  return result, "\n" .. table.concat(lines, "\n")
end
