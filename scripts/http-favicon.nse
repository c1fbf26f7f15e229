local http = require "http"
local openssl = require "openssl"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local url = require "url"

description = [[
Fetches the icon of a web site and names the program it belongs to, if its MD5 hash is a known one.

Icons often stay what they were when everything else of a program's look is changed. Hashes of icons that are not known
are shown with verbosity, so that sites with the same one can be found.
]]

---
-- @args favicon.uri The icon's path. Default: what the first page names, or <code>/favicon.ico</code>.
-- @args favicon.root The folder of the site. Default: none.
--
-- @usage
-- perilune -p 80 --script http-favicon TARGET
--
-- @output
-- 80/tcp open  http
-- |_http-favicon: Apache Tomcat

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.http

-- MD5 of icons, computed from the files that packages of Debian 12 install.
local KNOWN = {
--KNOWN--
}

local function attribute (tag, name)
  local at = string.match(string.lower(tag), "%f[%w]" .. name .. "%s*=%s*()")
  if not at then return nil end
  return string.match(tag, '^"([^"]*)"', at) or string.match(tag, "^'([^']*)'", at) or string.match(tag, "^([^%s>]+)", at)
end

-- The link element of a page that names its icon.
local function icon_of (body)
  for tag in string.gmatch(body, "<%s*[lL][iI][nN][kK]([^<>]*)>") do
    local rel = attribute(tag, "rel")
    if rel and string.find(" " .. string.lower(rel) .. " ", " icon ", 1, true) then return attribute(tag, "href") end
  end
  return nil
end

local function fetch (host, port, path)
  local response = http.get(host, port, path)
  if response.status ~= 200 or not response.body or response.body == "" then return nil end
  -- A page of excuses is no icon.
  if string.find(string.lower(string.sub(response.body, 1, 256)), "<html", 1, true) then return nil end
  return response.body
end

local function icon (host, port, uri, root)
  if uri then return fetch(host, port, root .. uri) end
  local page = http.get(host, port, root .. "/")
  local named = page.status and page.body and icon_of(page.body)
  if named and not string.find(named, "^data:") then
    local parsed = url.parse(url.absolute(root .. "/", named))
    local here = not parsed.host or parsed.host == stdnse.get_hostname(host) or parsed.host == host.ip
    if here and parsed.path ~= "" then
      local body = fetch(host, port, parsed.path .. (parsed.query and "?" .. parsed.query or ""))
      if body then return body end
    end
  end
  return fetch(host, port, root .. "/favicon.ico")
end

action = function (host, port)
  local uri, root = stdnse.get_script_args("favicon.uri", "favicon.root")
  local body = icon(host, port, uri, root or "")
  if not body then return nil end
  local hash = string.upper(stdnse.tohex(openssl.md5(body)))
  if KNOWN[hash] then return KNOWN[hash] end
  return "Unknown favicon MD5: " .. hash
end
