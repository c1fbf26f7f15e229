local http = require "http"
local httpspider = require "httpspider"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Lists the forms of a web site that another site could send in a visitor's name: those without a field whose value nobody
can guess.

A hidden field counts as such if its value is long and looks random. Forms that only
search are listed, too: judging them is left to the reader.
]]

---
-- @usage
-- perilune -p 80 --script http-csrf TARGET
--
-- @output
-- 80/tcp open  http
-- | http-csrf:
-- | Spidering limited to: maxdepth=3; maxpagecount=20; withinhost=192.0.2.1
-- |   Found the following possible CSRF vulnerabilities:
-- |
-- |     Path: http://192.0.2.1:80/
-- |     Form id: order
-- |_    Form action: /order.php

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "vuln", "intrusive" }

portrule = shortport.http

local TOKEN_LEN_MIN = 16

-- Whether a value may be a secret: long, of digits and letters, with some of each.
local function looks_random (value)
  return #value >= TOKEN_LEN_MIN and string.find(value, "^[%w+/=_.:-]+$") ~= nil and string.find(value, "%d") ~= nil
    and string.find(value, "%a") ~= nil
end

local function is_protected (form)
  for _, field in ipairs(form.fields) do
    if field.type == "hidden" and field.value and looks_random(field.value) then return true end
  end
  return false
end

action = function (host, port)
  local crawler = httpspider.Crawler:new(host, port, nil, { scriptname = SCRIPT_NAME })
  local lines = {}
  while true do
    local status, r = crawler:crawl()
    if not status then
      if r.err then return stdnse.format_output(false, r.reason) end
      break
    end
    for _, text in ipairs(http.grab_forms(r.response.body)) do
      local form = http.parse_form(text)
      if form and not is_protected(form) then
        lines[#lines + 1] = ("    \n    Path: %s\n    Form id: %s\n    Form action: %s"):format(tostring(r.url),
          form.id or "", form.action or "")
      end
    end
  end
  if #lines == 0 then return "Couldn't find any CSRF vulnerabilities." end
  return "\n" .. (crawler:getLimitations() or "No limits")
    .. "\n  Found the following possible CSRF vulnerabilities: \n" .. table.concat(lines, "\n")
end
