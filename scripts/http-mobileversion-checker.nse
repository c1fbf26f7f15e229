local http = require "http"
local httpspider = require "httpspider"
local shortport = require "shortport"

description = [[
Tells whether a web site sends telephones elsewhere: the first page is asked for as a browser on a desk and as one on a
telephone, and the places that redirects lead to are compared.
]]

---
-- @usage
-- perilune -p 80 --script http-mobileversion-checker TARGET
--
-- @output
-- 80/tcp open  http
-- |_http-mobileversion-checker: Found mobile version: https://m.example.com/ (Redirected to a different host)

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

local DESK = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
local TELEPHONE = "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0"

-- Where the first page is, for one kind of browser.
local function place (host, port, agent)
  local response = http.get(host, port, "/", { header = { ["User-Agent"] = agent } })
  if not response.status then return nil end
  return response.location and response.location[#response.location] or "/"
end

action = function (host, port)
  local desk, telephone = place(host, port, DESK), place(host, port, TELEPHONE)
  if not desk or not telephone then return nil end
  if desk == telephone then return "No mobile version detected." end
  local function host_of (where)
    local parsed = httpspider.URL:new(where)
    return parsed and parsed:getHost()
  end
  local how = host_of(desk) ~= host_of(telephone) and " (Redirected to a different host)" or ""
  return "Found mobile version: " .. telephone .. how
end
