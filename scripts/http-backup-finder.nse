local http = require "http"
local httpspider = require "httpspider"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Looks for copies of a web site's files that editors and people leave behind: of each page that links lead to, names with
<code>.bak</code>, <code>~</code> and the like are tried.
]]

---
-- @usage
-- perilune -p 80 --script http-backup-finder TARGET
--
-- @output
-- 80/tcp open  http
-- | http-backup-finder:
-- | Spidering limited to: maxdepth=3; maxpagecount=20; withinhost=192.0.2.1
-- |_  http://192.0.2.1:80/index.bak

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

local MAX_FOUND = 200

-- Names of copies of a file: what editors and people make of "page.php".
local function copies_of (name)
  local base, extension = string.match(name, "^(.*)%.([^.]*)$")
  local list = { name .. "~", name .. ".bak", name .. ".old", name .. ".orig", name .. ".save", "." .. name .. ".swp",
    "#" .. name .. "#", "Copy of " .. name }
  if base then
    for _, other in ipairs({ "bak", "old", "orig" }) do
      if other ~= extension then list[#list + 1] = base .. "." .. other end
    end
    list[#list + 1] = base .. " copy." .. extension
  end
  return list
end

local function escape (name)
  return (string.gsub(name, "[# ]", { ["#"] = "%23", [" "] = "%20" }))
end

action = function (host, port)
  local ok, status_404, page_404 = http.identify_404(host, port)
  if not ok then
    stdnse.debug1("absent pages can't be told from others: %s", tostring(status_404))
    return nil
  end
  local crawler = httpspider.Crawler:new(host, port, nil, { scriptname = SCRIPT_NAME })
  local found, tried = {}, {}
  while true do
    local status, r = crawler:crawl()
    if not status then
      if r.err then return stdnse.format_output(false, r.reason) end
      break
    end
    local folder, name = string.match(r.url:getPath(), "^(.*/)([^/]+)$")
    if folder and r.response.status == 200 and not tried[folder .. name] then
      tried[folder .. name] = true
      local copies, requests = copies_of(name), nil
      for i, copy in ipairs(copies) do
        copies[i] = folder .. escape(copy)
        requests = http.pipeline_add(copies[i], nil, requests, "GET")
      end
      for i, response in ipairs(http.pipeline_go(host, port, requests) or {}) do
        if response.status == 200 and #found < MAX_FOUND
          and http.page_exists(response, status_404, page_404, copies[i]) then
          found[#found + 1] = ("  %s://%s:%d%s"):format(r.url:getProto(), r.url:getHost(), r.url:getPort(), copies[i])
        end
      end
    end
  end
  if #found == 0 then return nil end
  return "\n" .. (crawler:getLimitations() or "No limits") .. "\n" .. table.concat(found, "\n")
end
