local http = require "http"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows which methods a web server says it supports, and which of them let a visitor change or see more than pages.

The server is asked with OPTIONS; fields <code>Allow</code> and <code>Public</code> of the answer count. A server that
does not say is tried with a few harmless methods instead. A method that is named need not be allowed for each path:
with argument <code>retest</code> each one is tried and the status of its answer is shown. Without verbosity only the
methods that may do harm are listed.
]]

---
-- @args http-methods.url-path The path to ask about. Default: <code>/</code>.
-- @args http-methods.retest Try each method and show the status. Methods that may change something are sent, too.
-- @args http-methods.test-all Try more methods than the server names.
--
-- @usage
-- perilune -p 80 --script http-methods TARGET
--
-- @output
-- 80/tcp open  http
-- | http-methods:
-- |   Supported Methods: GET HEAD POST OPTIONS TRACE
-- |_  Potentially risky methods: TRACE
--
-- @xmloutput
-- <table key="Supported Methods">
--   <elem>GET</elem>
--   <elem>HEAD</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe" }

portrule = shortport.http

-- RFC 9110, 9.2.1, and what forms send.
local HARMLESS = { GET = true, HEAD = true, POST = true, OPTIONS = true }
local FIRST_TRIED = { "GET", "HEAD", "POST", "OPTIONS" }
-- RFC 9110, RFC 5789 (PATCH), RFC 4918 and 3253 (WebDAV).
local ALL = { "DELETE", "TRACE", "CONNECT", "PUT", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK",
  "UNLOCK", "SEARCH", "REPORT" }
local MAX_METHODS = 64

-- Such a list shows as one line.
local function joined (list)
  return setmetatable(list, { __tostring = function (t) return table.concat(t, " ") end })
end

local function named_methods (response)
  local list, seen = {}, {}
  for _, name in ipairs({ "allow", "public" }) do
    for method in string.gmatch(response.header[name] or "", "[%w_-]+") do
      if not seen[method] and #list < MAX_METHODS then
        seen[method] = true
        list[#list + 1] = method
      end
    end
  end
  return list, seen
end

local function is_supported (response, unknown_status)
  local status = response.status
  return status and status ~= 405 and status ~= 501 and status ~= 400 and status ~= unknown_status
end

-- Tries methods that the server did not name. A method that no server knows shows how this one refuses.
local function try_methods (host, port, path, candidates, list, seen)
  local options = { bypass_cache = true, no_cache = true }
  local unknown = http.generic_request(host, port, "PERILUNE", path, options)
  local unknown_status = unknown.status
  if unknown_status == 200 then
    stdnse.debug1("every method is answered with status 200")
    return
  end
  for _, method in ipairs(candidates) do
    if not seen[method] then
      local response = http.generic_request(host, port, method, path, options)
      if is_supported(response, unknown_status) then
        seen[method] = true
        list[#list + 1] = method
      end
    end
  end
end

local function with_status (host, port, path, list)
  local result = stdnse.output_table()
  for _, method in ipairs(list) do
    local response = http.generic_request(host, port, method, path, { bypass_cache = true, no_cache = true })
    result[method] = response.status and http.get_status_string(response) or "no answer"
  end
  return result
end

action = function (host, port)
  local path, retest, test_all =
    stdnse.get_script_args(SCRIPT_NAME .. ".url-path", SCRIPT_NAME .. ".retest", SCRIPT_NAME .. ".test-all")
  path = path or "/"
  local response = http.generic_request(host, port, "OPTIONS", path)
  if not response.status then
    stdnse.debug1("no response: %s", response["status-line"])
    return nil
  end
  local list, seen = named_methods(response)
  if #list == 0 then try_methods(host, port, path, FIRST_TRIED, list, seen) end
  if test_all then try_methods(host, port, path, ALL, list, seen) end
  if #list == 0 then return nil end

  local risky = {}
  for _, method in ipairs(list) do
    if not HARMLESS[method] then risky[#risky + 1] = method end
  end
  -- What every server does is no news.
  if #risky == 0 and nmap.verbosity() == 0 then return nil end
  local result = stdnse.output_table()
  if nmap.verbosity() > 0 then result["Supported Methods"] = joined(list) end
  if #risky > 0 then result["Potentially risky methods"] = joined(risky) end
  if path ~= "/" then result["Path tested"] = path end
  if retest then result["Status Lines"] = with_status(host, port, path, list) end
  return result
end
