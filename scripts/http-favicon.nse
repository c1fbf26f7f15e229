local http = require "http"
local nmap = require "nmap"
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
  ["DED14E8B701325C527DA56F86B5D5616"] = "Adminer",
  ["4644F2D45601037B8423D45E13194C93"] = "Apache Tomcat",
  ["4F12CCCD3C42A4A478F067337FE92794"] = "Cacti",
  ["0A294FA5763B44CD62B5DD0B8DDEDD5E"] = "Cockpit",
  ["3EF81FAD2A3DEAEB19F02C9CF67ED8EB"] = "DokuWiki",
  ["0CFAAFD9843734485BF2AE5C0C0C10FB"] = "Icinga Web 2",
  ["97C6417ED01BDC0AE3EF32AE4894FD03"] = "Jupyter Notebook",
  ["9E5FB7F8501D94094806320E718BE6B3"] = "Jupyter Notebook",
  ["1C4201C7DA53D6C7E48251D3A9680449"] = "Nagios",
  ["5BC8768D075E76DAECBC617F6669CDBA"] = "phpLDAPadmin",
  ["4224681843D7EAC256344A893AF572C5"] = "phpMyAdmin",
  ["531B63A51234BB06C9D77F219EB25553"] = "phpMyAdmin",
  ["5EE43B38986A144D6B5022EA8C8F748F"] = "Prometheus",
  ["4AEF220AB05308E3A3E8E4BEC5984B2B"] = "RabbitMQ management",
  ["D316E1622C58825727E7E4E6C954D289"] = "Redmine",
  ["924A68D347C80D0E502157E83812BB23"] = "Roundcube Webmail",
  ["0FBE700FD7D07EC8D30EF8B3AC261484"] = "Zabbix",
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
  if nmap.verbosity() == 0 then return nil end
  return "Unknown favicon MD5: " .. hash
end
