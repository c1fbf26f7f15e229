local datetime = require "datetime"
local http = require "http"
local os = require "os"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows the time of a web server's clock, from its <code>Date</code> field, and how far it is from ours.
]]

---
-- @usage
-- perilune -p 80 --script http-date TARGET
--
-- @output
-- 80/tcp open  http
-- |_http-date: Thu, 02 Aug 2012 22:11:03 GMT; 0s from local time.
--
-- @xmloutput
-- <elem key="date">2012-08-02T22:11:03+00:00</elem>
-- <elem key="delta">0</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

action = function (host, port)
  -- An answer out of a cache would tell what time it was.
  local response = http.get(host, port, "/", { bypass_cache = true, redirect_ok = false })
  local now = os.time()
  local field = response.status and response.header.date
  local date = field and http.parse_date(field)
  if not date then return nil end

  local seconds = datetime.date_to_timestamp(date)
  if not seconds then return nil end
  datetime.record_skew(host, seconds, now)
  local result = stdnse.output_table()
  result.date = datetime.format_timestamp(seconds, 0)
  result.delta = seconds - now
  return result, ("%s; %s from local time."):format(field, datetime.format_difftime(date, os.date("!*t", now)))
end
