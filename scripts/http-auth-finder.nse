local http = require "http"
local httpspider = require "httpspider"
local math = require "math"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Finds the pages of a web site where visitors say who they are: those that answer 401, and forms with a field for a
password.
]]

---
-- @usage
-- perilune -p 80 --script http-auth-finder TARGET
--
-- @output
-- 80/tcp open  http
-- | http-auth-finder:
-- | Spidering limited to: maxdepth=3; maxpagecount=20; withinhost=192.0.2.1
-- |   url                        method
-- |   http://192.0.2.1:80/admin  HTTP: Basic
-- |_  http://192.0.2.1:80/login  FORM

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

local function has_login_form (body)
  for _, text in ipairs(http.grab_forms(body)) do
    local form = http.parse_form(text)
    for _, field in ipairs(form and form.fields or {}) do
      if field.type == "password" then return true end
    end
  end
  return false
end

local function method_of (response)
  if response.status == 401 then
    local schemes = {}
    local field = response.header["www-authenticate"]
    for _, challenge in ipairs(field and http.parse_www_authenticate(field) or {}) do
      schemes[#schemes + 1] = challenge.scheme
    end
    return "HTTP: " .. (#schemes > 0 and table.concat(schemes, ", ") or "unknown")
  end
  if response.body and has_login_form(response.body) then return "FORM" end
  return nil
end

action = function (host, port)
  local crawler = httpspider.Crawler:new(host, port, nil, { scriptname = SCRIPT_NAME })
  local rows, width = { { "url", "method" } }, 3
  while true do
    local status, r = crawler:crawl()
    if not status then
      if r.err then return stdnse.format_output(false, r.reason) end
      break
    end
    local method = r.response.status and method_of(r.response)
    if method then
      rows[#rows + 1] = { tostring(r.url), method }
      width = math.max(width, #rows[#rows][1])
    end
  end
  if #rows == 1 then return nil end
  local lines = {}
  for i, row in ipairs(rows) do lines[i] = "  " .. row[1] .. string.rep(" ", width - #row[1] + 2) .. row[2] end
  return "\n" .. (crawler:getLimitations() or "No limits") .. "\n" .. table.concat(lines, "\n")
end
