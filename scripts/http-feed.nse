local httpspider = require "httpspider"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Lists the feeds of a web site that its pages link to: RSS and Atom.
]]

---
-- @usage
-- perilune -p 80 --script http-feed TARGET
--
-- @output
-- 80/tcp open  http
-- | http-feed:
-- | Spidering limited to: maxdepth=3; maxpagecount=40; withinhost=192.0.2.1
-- |   Found the following feeds:
-- |     RSS (version 2.0): http://192.0.2.1:80/news.xml
-- |_    Atom: http://192.0.2.1:80/atom

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }

portrule = shortport.http

-- What kind of feed a page is, from its outermost element.
local function kind_of (body)
  local start = string.sub(body, 1, 4096)
  local rss = string.match(start, "<rss([^<>]*)>")
  if rss then
    local version = string.match(rss, "version%s*=%s*[\"']([^\"']*)")
    return version and ("RSS (version %s)"):format(version) or "RSS"
  end
  if string.find(start, "<rdf:RDF[^<>]*purl%.org/rss") then return "RSS (version 1.0)" end
  if string.find(start, "<feed[^<>]*http://www%.w3%.org/2005/Atom") then return "Atom" end
  return nil
end

action = function (host, port)
  local crawler = httpspider.Crawler:new(host, port, nil, { scriptname = SCRIPT_NAME, maxpagecount = 40 })
  local lines = {}
  while true do
    local status, r = crawler:crawl()
    if not status then
      if r.err then return stdnse.format_output(false, r.reason) end
      break
    end
    local kind = r.response.status == 200 and r.response.body and kind_of(r.response.body)
    if kind then lines[#lines + 1] = "    " .. kind .. ": " .. tostring(r.url) end
  end
  if #lines == 0 then return "Couldn't find any feeds." end
  return "\n" .. (crawler:getLimitations() or "No limits") .. "\n  Found the following feeds: \n"
    .. table.concat(lines, "\n")
end
