local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows what the status page of an Apache web server (module <code>mod_status</code>) tells to anybody: version, since when
it runs, and the names of the virtual hosts that are being asked for.
]]

---
-- @usage
-- perilune -p 80 --script http-apache-server-status TARGET
--
-- @output
-- 80/tcp open  http
-- | http-apache-server-status:
-- |   Heading: Apache Server Status for example.com (via 127.0.1.1)
-- |   Server Version: Apache/2.4.57 (Debian)
-- |   Server Built: 2023-04-13T03:26:51
-- |   Server Uptime: 53 minutes 31 seconds
-- |   Server Load: 0.00 0.01 0.05
-- |   VHosts:
-- |_    www.example.com:80	GET / HTTP/1.1

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

local MAX_VHOSTS = 100

-- Names of virtual hosts in the table of requests: the cell before that of the request.
local function vhosts_of (body)
  local list, seen = {}, {}
  for name, request in string.gmatch(body, "<td nowrap>([^<%s]+:%d+)</td><td nowrap>([^<]*)</td>") do
    if not seen[name] and #list < MAX_VHOSTS then
      seen[name] = true
      list[#list + 1] = name .. "\t" .. request
    end
  end
  return list
end

action = function (host, port)
  local response = http.get(host, port, "/server-status", { redirect_ok = false })
  local body = response.status == 200 and response.body
  if not body or not string.find(body, "Apache Status", 1, true) then return nil end

  local result = stdnse.output_table()
  result.Heading = string.match(body, "<h1>([^<]*)</h1>")
  for line in string.gmatch(body, "<dt>([^<]*)</dt>") do
    local name, value = string.match(line, "^Server (%a+):%s*(.*)$")
    if name then
      name = string.upper(string.sub(name, 1, 1)) .. string.sub(name, 2)
      result["Server " .. name] = string.gsub(string.gsub(value, "%s+", " "), " $", "")
    end
  end
  result.VHosts = vhosts_of(body)
  return result
end
