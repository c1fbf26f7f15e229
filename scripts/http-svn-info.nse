local http = require "http"
local shortport = require "shortport"
local slaxml = require "slaxml"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows what a Subversion repository behind a web server says of itself: its root, identifier, revision, and who changed it
last and when. Asked is with PROPFIND, as clients do (RFC 4918, and RFC 3253 for versions).
]]

---
-- @args http-svn-info.url The path of the repository. Default: <code>/</code>.
--
-- @usage
-- perilune -p 80 --script http-svn-info --script-args http-svn-info.url=/repos/project TARGET
--
-- @output
-- 80/tcp open  http
-- | http-svn-info:
-- |   Path: .
-- |   URL: http://192.0.2.1/repos/project
-- |   Repository Root: http://192.0.2.1/repos
-- |   Repository UUID: 13f79535-47bb-0310-9956-ffa450edef68
-- |   Revision: 1620968
-- |   Node Kind: directory
-- |   Last Changed Author: anna
-- |   Last Changed Rev: 1620968
-- |_  Last Changed Date: 2014-08-27T18:30:00.000000Z

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.http

local QUERY = '<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><allprop/></propfind>'
local SVN = "http://subversion.tigris.org/xmlns/dav/"

-- Text of the elements that count, the first of each name; whether the resource is a folder.
local function properties (xml)
  local found, element = {}, nil
  local parser = slaxml.parser:new({
    startElement = function (name, namespace)
      element = (namespace == "DAV:" or namespace == SVN) and name or nil
      if name == "collection" then found.collection = true end
    end,
    closeElement = function () element = nil end,
    text = function (text) if element and not found[element] then found[element] = text end end,
  })
  parser:parseSAX(xml, { stripWhitespace = true })
  return found
end

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".url") or "/"
  local response = http.generic_request(host, port, "PROPFIND", path,
    { header = { Depth = "0", ["Content-Type"] = "text/xml" }, content = QUERY })
  if response.status ~= 207 or not response.body then return nil end
  local found = properties(response.body)
  if not found["repository-uuid"] then return nil end

  local scheme = response.ssl and "https" or "http"
  local default = scheme == "https" and 443 or 80
  local name = stdnse.get_hostname(host) .. (port.number ~= default and ":" .. port.number or "")
  local result = stdnse.output_table()
  result.Path = "."
  result.URL = scheme .. "://" .. name .. path
  -- The path inside the repository is what the URL has below the root.
  local inside = found["baseline-relative-path"] or ""
  local root = path
  if inside ~= "" and string.sub(path, -#inside) == inside then root = string.sub(path, 1, -#inside - 1) end
  if #root > 1 then root = string.gsub(root, "/$", "") end
  result["Repository Root"] = scheme .. "://" .. name .. root
  result["Repository UUID"] = found["repository-uuid"]
  result.Revision = found["version-name"]
  result["Node Kind"] = found.collection and "directory" or "file"
  result["Last Changed Author"] = found["creator-displayname"]
  result["Last Changed Rev"] = found["version-name"]
  result["Last Changed Date"] = found.creationdate
  return result
end
