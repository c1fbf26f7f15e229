local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows what made a page, as its <code>generator</code> element says.
]]

---
-- @args http-generator.path The path to ask for. Default: <code>/</code>.
-- @args http-generator.redirects How many redirects are followed. Default: 3.
--
-- @usage
-- perilune -p 80 --script http-generator TARGET
--
-- @output
-- 80/tcp open  http
-- |_http-generator: WordPress 6.4

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.http

-- Words are looked at as wholes (the frontiers), so that a long one is read once.
local function attribute (tag, name)
  for key, value in string.gmatch(tag, "%f[%w-]([%w-]+)%s*=%s*\"([^\"]*)\"") do
    if string.lower(key) == name then return value end
  end
  for key, value in string.gmatch(tag, "%f[%w-]([%w-]+)%s*=%s*'([^']*)'") do
    if string.lower(key) == name then return value end
  end
  return string.match(string.lower(tag), "%f[%w]" .. name .. "%s*=%s*([^%s\"'>]+)")
end

-- A page's tags are looked at one by one, up to the first that says it.
local function generator (body)
  for tag in string.gmatch(body, "<%s*[mM][eE][tT][aA]([^<>]*)>") do
    local name = attribute(tag, "name")
    if name and string.lower(name) == "generator" then return attribute(tag, "content") end
  end
  return nil
end

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local redirects = tonumber((stdnse.get_script_args(SCRIPT_NAME .. ".redirects"))) or 3
  local response = http.get(host, port, path, { redirect_ok = redirects })
  local found = response.body and generator(response.body)
  return found ~= "" and found or nil
end
