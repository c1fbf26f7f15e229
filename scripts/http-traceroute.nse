local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Looks for proxies in front of a web server: requests that may pass none, one or two of them (field
<code>Max-Forwards</code>, RFC 9110, 7.6.2) are answered by the first, the second, the third on the way, and what they
send differs.
]]

---
-- @args http-traceroute.path The path to ask for. Default: <code>/</code>.
-- @args http-traceroute.method The method. Default: <code>TRACE</code>, then <code>OPTIONS</code>.
--
-- @usage
-- perilune -p 80 --script http-traceroute TARGET
--
-- @output
-- 80/tcp open  http
-- | http-traceroute:
-- |   Possible reverse proxy detected.
-- |     Status Code
-- |       Hop #1: 502
-- |_      Hop #2: 200
-- @see http-trace.nse

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

local HOPS = 3

local FACTS = {
  { "Status Code", function (response) return tostring(response.status) end },
  { "Server", function (response) return response.header.server or "none" end },
  { "Via", function (response) return response.header.via or "none" end },
  { "Content-Type", function (response) return response.header["content-type"] or "none" end },
}

local function ask (host, port, method, path)
  local responses = {}
  for hop = 0, HOPS - 1 do
    local response = http.generic_request(host, port, method, path, { header = { ["Max-Forwards"] = tostring(hop) } })
    if not response.status then return nil end
    responses[#responses + 1] = response
  end
  return responses
end

-- For each fact that is not the same everywhere, its value at each hop.
local function differences (responses)
  local out = {}
  for _, fact in ipairs(FACTS) do
    local lines, same = { name = fact[1] }, true
    for hop, response in ipairs(responses) do
      local value = fact[2](response)
      if hop > 1 and value ~= fact[2](responses[1]) then same = false end
      lines[hop] = ("Hop #%d: %s"):format(hop, value)
    end
    if not same then out[#out + 1] = lines end
  end
  return out
end

action = function (host, port)
  local path, method = stdnse.get_script_args(SCRIPT_NAME .. ".path", SCRIPT_NAME .. ".method")
  for _, one in ipairs(method and { method } or { "TRACE", "OPTIONS" }) do
    local responses = ask(host, port, one, path or "/")
    local found = responses and differences(responses) or {}
    if #found > 0 then
      return stdnse.format_output(true, { { name = "Possible reverse proxy detected.", table.unpack(found) } })
    end
  end
  return nil
end
