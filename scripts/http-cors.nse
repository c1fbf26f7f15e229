local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows which methods a web server lets pages of other sites use (Fetch Standard, CORS protocol).

For each method the server is asked as a browser would before it sends such a request: with OPTIONS and fields
<code>Origin</code> and <code>Access-Control-Request-Method</code>.
]]

---
-- @args http-cors.path The path to ask about. Default: <code>/</code>.
-- @args http-cors.origin The site that asks. Default: <code>example.com</code>.
--
-- @usage
-- perilune -p 80 --script http-cors TARGET
--
-- @output
-- 80/tcp open  http
-- |_http-cors: GET POST OPTIONS

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.http

local METHODS = { "HEAD", "GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "CONNECT" }
-- Methods that need no permission once the origin has it.
local SIMPLE = { GET = true, HEAD = true, POST = true }

local function allows (response, origin, method)
  local allowed = response.header["access-control-allow-origin"]
  if not allowed or not (allowed == "*" or string.find(allowed, origin, 1, true)) then return false end
  if SIMPLE[method] then return true end
  for name in string.gmatch(response.header["access-control-allow-methods"] or "", "[%w*_-]+") do
    if name == "*" or string.upper(name) == method then return true end
  end
  return false
end

action = function (host, port)
  local path, origin = stdnse.get_script_args(SCRIPT_NAME .. ".path", SCRIPT_NAME .. ".origin")
  path, origin = path or "/", origin or "example.com"
  local allowed = {}
  for _, method in ipairs(METHODS) do
    local response = http.generic_request(host, port, "OPTIONS", path, {
      header = { Origin = origin, ["Access-Control-Request-Method"] = method },
    })
    if not response.status then break end
    if allows(response, origin, method) then allowed[#allowed + 1] = method end
  end
  if #allowed == 0 then return nil end
  return table.concat(allowed, " ")
end
