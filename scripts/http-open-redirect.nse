local http = require "http"
local httpspider = require "httpspider"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local url = require "url"

description = [[
Finds pages that send visitors to any place that a field of their address names: a link to such a site may lead anywhere.

Links whose query holds a place or a path are followed with a place of ours in its stead.
]]

---
-- @usage
-- perilune -p 80 --script http-open-redirect TARGET
--
-- @output
-- 80/tcp open  http
-- | http-open-redirect:
-- |_  http://192.0.2.1:80/go?to=http%3A%2F%2Fperilune.invalid%2F

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }

portrule = shortport.http

-- A name that can't exist (RFC 6761, 6.4).
local PLACE = "http://perilune.invalid/"
local MAX_FOUND, MAX_TRIED = 50, 500

local function looks_like_place (value)
  return string.find(value, "^https?:") or string.find(value, "^//") or string.find(value, "^/")
    or string.find(value, "%.html?$") or string.find(value, "%.php$")
end

-- Every query of the link with one of its fields replaced.
local function variants (u)
  local path, query = string.match(u:getFile(), "^([^?]*)%?(.*)$")
  if not query then return {} end
  local fields, list = url.parse_query(query), {}
  for name, value in pairs(fields) do
    if looks_like_place(value) then
      local changed = {}
      for key, other in pairs(fields) do changed[key] = other end
      changed[name] = PLACE
      list[#list + 1] = path .. "?" .. url.build_query(changed)
    end
  end
  table.sort(list)
  return list
end

local function redirects (host, port, path)
  local response = http.get(host, port, path, { redirect_ok = false, no_cache = true })
  local location = response.status and response.status >= 300 and response.status < 400 and response.header.location
  return location and string.find(location, "^https?://perilune%.invalid") ~= nil
end

action = function (host, port)
  local crawler = httpspider.Crawler:new(host, port, nil, { scriptname = SCRIPT_NAME, redirect_ok = false })
  local found, tried, count = {}, {}, 0
  while true do
    local status, r = crawler:crawl()
    if not status then
      if r.err then return stdnse.format_output(false, r.reason) end
      break
    end
    for _, path in ipairs(variants(r.url)) do
      if not tried[path] and count < MAX_TRIED and #found < MAX_FOUND then
        tried[path], count = true, count + 1
        if redirects(host, port, path) then
          found[#found + 1] = ("  %s://%s:%d%s"):format(r.url:getProto(), r.url:getHost(), r.url:getPort(), path)
        end
      end
    end
  end
  if #found == 0 then return nil end
  return "\n" .. table.concat(found, "\n")
end
