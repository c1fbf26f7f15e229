local httpspider = require "httpspider"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows the folders of a web site with how many files of each kind were found in them, by following links.
]]

---
-- @usage
-- perilune -p 80 --script http-sitemap-generator TARGET
--
-- @output
-- 80/tcp open  http
-- | http-sitemap-generator:
-- |   Directory structure:
-- |     /
-- |       Other: 1; html: 2
-- |     /images/
-- |       png: 37
-- |   Longest directory structure:
-- |     Depth: 1
-- |     Dir: /images/
-- |   Total files found (by extension):
-- |_    Other: 1; html: 2; png: 37

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }

portrule = shortport.http

local function sorted_keys (t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function counts_line (counts)
  local words = {}
  for _, kind in ipairs(sorted_keys(counts)) do words[#words + 1] = kind .. ": " .. counts[kind] end
  return table.concat(words, "; ")
end

local function count (counts, kind) counts[kind] = (counts[kind] or 0) + 1 end

local function depth_of (folder)
  local _, slashes = string.gsub(folder, "/", "")
  return slashes - 1
end

action = function (host, port)
  -- Pictures and the like count, too, but only their headers are asked for.
  local crawler = httpspider.Crawler:new(host, port, nil,
    { scriptname = SCRIPT_NAME, noblacklist = true, useheadfornonwebfiles = true })
  local folders, total = {}, {}
  while true do
    local status, r = crawler:crawl()
    if not status then
      if r.err then return stdnse.format_output(false, r.reason) end
      break
    end
    if r.response.status == 200 then
      local kind = string.match(r.url:getPath(), "%.([%w]+)$") or "Other"
      local folder = r.url:getDir()
      folders[folder] = folders[folder] or {}
      count(folders[folder], kind)
      count(total, kind)
    end
  end
  local names = sorted_keys(folders)
  if #names == 0 then return nil end

  local structure, deepest = { name = "Directory structure:" }, names[1]
  for _, folder in ipairs(names) do
    structure[#structure + 1] = folder
    structure[#structure + 1] = { counts_line(folders[folder]) }
    if depth_of(folder) > depth_of(deepest) then deepest = folder end
  end
  return stdnse.format_output(true, {
    structure,
    { name = "Longest directory structure:", "Depth: " .. depth_of(deepest), "Dir: " .. deepest },
    { name = "Total files found (by extension):", counts_line(total) },
  })
end
