local http = require "http"
local httpread = require "httpread"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Recognises WebDAV (RFC 4918): methods, kind of server, and what answers to OPTIONS and PROPFIND tell beside, such as
addresses of the inside and names of folders.
]]

---
-- @args http-webdav-scan.path The folder to ask about. Default: <code>/</code>.
--
-- @usage
-- perilune -p 80 --script http-webdav-scan TARGET
--
-- @output
-- 80/tcp open  http
-- | http-webdav-scan:
-- |   Server Date: Tue, 04 Nov 2014 21:32:04 GMT
-- |   Server Type: Microsoft-IIS/6.0
-- |   Allowed Methods: OPTIONS, TRACE, GET, HEAD, COPY, PROPFIND
-- |   Public Options: OPTIONS, TRACE, GET, HEAD, DELETE, PUT, POST
-- |   WebDAV type: IIS
-- |   Exposed Internal IPs:
-- |     10.1.2.3
-- |   Directory Listing:
-- |     http://10.1.2.3/
-- |_    http://10.1.2.3/docs/

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.http

local MAX_LISTED = 10

-- RFC 1918, each octet at most three digits.
local PRIVATE = { "%f[%d]10%.%d%d?%d?%.%d%d?%d?%.%d%d?%d?%f[%D]", "%f[%d]192%.168%.%d%d?%d?%.%d%d?%d?%f[%D]",
  "%f[%d]172%.[123]%d%.%d%d?%d?%.%d%d?%d?%f[%D]" }

local function add_new (list, seen, value)
  if not seen[value] and #list < MAX_LISTED then
    seen[value] = true
    list[#list + 1] = value
  end
end

local function private_addresses (body)
  local list, seen = {}, {}
  for i, pattern in ipairs(PRIVATE) do
    for address in string.gmatch(body, pattern) do
      local second = tonumber(string.match(address, "%.(%d+)"))
      if i < 3 or second >= 16 and second <= 31 then add_new(list, seen, address) end
    end
  end
  return list
end

local function listed (body)
  local list, seen = {}, {}
  for href in string.gmatch(body, "<[^<>/]*href[^<>]*>([^<]*)<") do
    href = httpread.trim(href)
    if href ~= "" then add_new(list, seen, href) end
  end
  return list
end

local function kind_of (response)
  if string.find(string.upper(response.header["ms-author-via"] or ""), "DAV", 1, true)
    and string.find(string.lower(response.header.server or ""), "iis", 1, true) then
    return "IIS"
  end
  if string.find(response.header.dav or "", "svn", 1, true) then return "Apache Subversion" end
  if string.find(string.lower(response.header.server or ""), "apache", 1, true) then return "Apache DAV" end
  return "Unknown"
end

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local options = http.generic_request(host, port, "OPTIONS", path)
  if not options.status or not options.header.dav then return nil end

  local result = stdnse.output_table()
  result["Server Date"] = options.header.date
  result["Server Type"] = options.header.server and httpread.trim(options.header.server)
  result["Allowed Methods"] = options.header.allow
  result["Public Options"] = options.header.public
  result["WebDAV type"] = kind_of(options)

  local found = http.generic_request(host, port, "PROPFIND", path, { header = { Depth = "1" } })
  if found.status == 207 and found.body then
    local text = found.body .. " " .. (found.header.location or "")
    local addresses, names = private_addresses(text), listed(found.body)
    if #addresses > 0 then result["Exposed Internal IPs"] = addresses end
    if #names > 0 then result["Directory Listing"] = names end
  end
  return result
end
