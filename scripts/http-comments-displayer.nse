local http = require "http"
local httpspider = require "httpspider"
local math = require "math"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows the comments in a site's pages, scripts and style sheets. They often tell what visitors were not meant to know.
]]

---
-- @args http-comments-displayer.singlepages One path, or a table of paths, to look at instead of following links.
-- @args http-comments-displayer.context How many characters around a comment are shown. Default: 0.
--
-- @usage
-- perilune -p 80 --script http-comments-displayer TARGET
--
-- @output
-- 80/tcp open  http
-- | http-comments-displayer:
-- | Spidering limited to: maxdepth=3; maxpagecount=20; withinhost=192.0.2.1
-- |
-- |     Path: http://192.0.2.1:80/
-- |     Line number: 2
-- |     Comment:
-- |_        <!-- to do: change the password -->

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

local MAX_COMMENTS, MAX_LEN, MAX_CONTEXT = 200, 1000, 500

-- Where a comment of a kind begins and how it ends. Slashes after a colon belong to a URL.
local function next_comment (body, pos, is_page)
  local best
  local function candidate (from, to)
    if from and to and (not best or from < best[1]) then best = { from, to } end
  end
  local html = string.find(body, "<!--", pos, true)
  if html then
    local _, stop = string.find(body, "-->", html + 4, true)
    candidate(html, stop)
  end
  local block = string.find(body, "/*", pos, true)
  if block then
    local _, stop = string.find(body, "*/", block + 2, true)
    candidate(block, stop)
  end
  if not is_page then
    local line = string.find(body, "%f[/\n]//[^\n]", pos)
    if line and not string.find(body, "^[:\"']", line - 1) then
      candidate(line, (string.find(body, "[\r\n]", line) or #body + 1) - 1)
    end
  end
  return best
end

-- Each comment of a page with its line.
local function comments_of (body, is_page, context)
  local list, pos, line, counted = {}, 1, 1, 1
  while #list < MAX_COMMENTS do
    local found = next_comment(body, pos, is_page)
    if not found then return list end
    local _, breaks = string.gsub(string.sub(body, counted, found[1] - 1), "\n", "")
    line, counted = line + breaks, found[1]
    local from = math.max(found[1] - context, 1)
    local text = string.sub(body, from, math.min(found[2] + context, from + MAX_LEN))
    list[#list + 1] = { line = line, text = text }
    pos = found[2] + 1
  end
  return list
end

local function show (path, comment)
  return ("\n    Path: %s\n    Line number: %d\n    Comment: \n        %s"):format(path, comment.line,
    string.gsub(comment.text, "\n", "\n        "))
end

local function add_page (found, seen, path, response, context)
  if not response.body then return end
  local is_page = not string.find(response.header["content-type"] or "", "script", 1, true)
    and not string.find(path, "%.js$")
  for _, comment in ipairs(comments_of(response.body, is_page, context)) do
    if not seen[comment.text] and #found < MAX_COMMENTS then
      seen[comment.text] = true
      found[#found + 1] = show(path, comment)
    end
  end
end

action = function (host, port)
  local pages, context = stdnse.get_script_args(SCRIPT_NAME .. ".singlepages", SCRIPT_NAME .. ".context")
  context = math.max(0, math.min(tonumber(context) or 0, MAX_CONTEXT))
  local found, seen, limits = {}, {}, nil
  if pages then
    if type(pages) ~= "table" then pages = { pages } end
    for _, path in ipairs(pages) do
      add_page(found, seen, path, http.get(host, port, path), context)
    end
  else
    local crawler = httpspider.Crawler:new(host, port, nil, { scriptname = SCRIPT_NAME })
    limits = crawler:getLimitations()
    while true do
      local status, r = crawler:crawl()
      if not status then
        if r.err then return stdnse.format_output(false, r.reason) end
        break
      end
      add_page(found, seen, tostring(r.url), r.response, context)
    end
  end
  if #found == 0 then return nil end
  return "\n" .. (limits and limits .. "\n" or "") .. table.concat(found, "\n")
end
