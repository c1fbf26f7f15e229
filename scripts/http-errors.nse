local httpspider = require "httpspider"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Lists the pages of a web site that answer with an error, with the status of each: broken links, and programs that failed.
]]

---
-- @args http-errors.errcodes One status, or a table of them, to look for. Default: all from 400 on.
--
-- @usage
-- perilune -p 80 --script http-errors TARGET
--
-- @output
-- 80/tcp open  http
-- | http-errors:
-- | Spidering limited to: maxpagecount=40; withinhost=192.0.2.1
-- |   Found the following error pages:
-- |
-- |   Error Code: 404
-- |_  	http://192.0.2.1:80/old

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }

portrule = shortport.http

local function wanted_codes ()
  local codes = stdnse.get_script_args(SCRIPT_NAME .. ".errcodes")
  if not codes then return nil end
  local set = {}
  for _, code in ipairs(type(codes) == "table" and codes or { codes }) do set[tonumber(code) or 0] = true end
  return set
end

action = function (host, port)
  local wanted = wanted_codes()
  local crawler = httpspider.Crawler:new(host, port, nil,
    { scriptname = SCRIPT_NAME, maxpagecount = 40, maxdepth = -1 })
  local lines = {}
  while true do
    local status, r = crawler:crawl()
    if not status then
      if r.err then return stdnse.format_output(false, r.reason) end
      break
    end
    local code = r.response.status
    if code and (wanted and wanted[code] or not wanted and code >= 400) then
      lines[#lines + 1] = ("  \n  Error Code: %d\n  \t%s"):format(code, tostring(r.url))
    end
  end
  if #lines == 0 then return "Couldn't find any error pages." end
  return "\n" .. (crawler:getLimitations() or "No limits") .. "\n  Found the following error pages: \n"
    .. table.concat(lines, "\n")
end
