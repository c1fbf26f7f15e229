local httpspider = require "httpspider"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Lists the scripts that a site's pages take from other sites. Whoever controls such a site controls the pages, too.
]]

---
-- @usage
-- perilune -p 80 --script http-referer-checker TARGET
--
-- @output
-- 80/tcp open  http
-- | http-referer-checker:
-- | Spidering limited to: maxdepth=3; maxpagecount=20; withinhost=192.0.2.1
-- |_  http://cdn.example.com/app.js

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

local MAX_SCRIPTS = 500

local function scripts_of (page, body)
  local list = {}
  for tag in string.gmatch(body, "<%s*[sS][cC][rR][iI][pP][tT]%s([^<>]*)>") do
    local src = string.match(tag, "[sS][rR][cC]%s*=%s*[\"']?([^\"'%s>]+)")
    local u = src and httpspider.URL:new(httpspider.LinkExtractor.createAbsolute(page, src))
    if u then list[#list + 1] = u end
  end
  return list
end

action = function (host, port)
  local crawler = httpspider.Crawler:new(host, port, nil, { scriptname = SCRIPT_NAME })
  local found, seen = {}, {}
  while true do
    local status, r = crawler:crawl()
    if not status then
      if r.err then return stdnse.format_output(false, r.reason) end
      break
    end
    for _, u in ipairs(scripts_of(r.url, r.response.body or "")) do
      if u:getHost() ~= r.url:getHost() and not seen[u.raw] and #found < MAX_SCRIPTS then
        seen[u.raw] = true
        found[#found + 1] = u.raw
      end
    end
  end
  if #found == 0 then return "Couldn't find any cross-domain scripts." end
  table.sort(found)
  return "\n" .. (crawler:getLimitations() or "No limits") .. "\n  " .. table.concat(found, "\n  ")
end
