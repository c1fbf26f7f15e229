local http = require "http"
local math = require "math"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Measures how long a web server takes for a page: the average, the least and the most of several requests.
]]

---
-- @args http-chrono.tries How many requests are sent. Default: 5.
-- @args http-chrono.path The path to ask for. Default: <code>/</code>.
--
-- @usage
-- perilune -p 80 --script http-chrono TARGET
--
-- @output
-- 80/tcp open  http
-- |_http-chrono: Request times for /; avg: 23.12ms; min: 20.01ms; max: 31.54ms

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }

portrule = shortport.http

local MAX_TRIES = 100

action = function (host, port)
  local tries, path = stdnse.get_script_args(SCRIPT_NAME .. ".tries", SCRIPT_NAME .. ".path")
  tries, path = math.max(1, math.min(tonumber(tries) or 5, MAX_TRIES)), path or "/"
  local sum, least, most = 0, math.huge, 0
  for _ = 1, tries do
    local start = nmap.clock()
    local response = http.get(host, port, path, { bypass_cache = true, no_cache = true, redirect_ok = false })
    if not response.status then return nil end
    local time = (nmap.clock() - start) * 1000
    sum, least, most = sum + time, math.min(least, time), math.max(most, time)
  end
  return ("Request times for %s; avg: %.2fms; min: %.2fms; max: %.2fms"):format(path, sum / tries, least, most)
end
