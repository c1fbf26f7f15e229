local http = require "http"
local math = require "math"
local nmap = require "nmap"
local shortport = require "shortport"
local string = require "string"
local table = require "table"

description = [[
Shows what a web server's <code>/robots.txt</code> asks robots to leave alone (RFC 9309).

Such paths often lead to what was not meant to be found. More of them are shown the higher verbosity is.
]]

---
-- @usage
-- perilune -p 80 --script http-robots.txt TARGET
--
-- @output
-- 80/tcp open  http
-- | http-robots.txt: 3 disallowed entries
-- |_/admin/ /cgi-bin/ /x

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.http

-- Entries that are kept, of a file of any length, and columns of a line of output.
local MAX_ENTRIES, COLUMNS = 5000, 65
-- Entries that are shown without verbosity, and with one level of it.
local SHOWN, SHOWN_VERBOSE = 15, 40

local function entries_of (body)
  local list, seen = {}, {}
  for line in string.gmatch(body, "[^\r\n]+") do
    local path = string.match(line, "^%s*[dD][iI][sS][aA][lL][lL][oO][wW]%s*:%s*([^%s#]+)")
    if path and not seen[path] and #list < MAX_ENTRIES then
      seen[path] = true
      list[#list + 1] = path
    end
  end
  return list
end

-- Words as lines of about that width.
local function wrap (words)
  local lines = { "" }
  for i, word in ipairs(words) do
    local line = lines[#lines]
    if i > 1 and #line + #word > COLUMNS then
      lines[#lines + 1] = word
    else
      lines[#lines] = i == 1 and word or line .. " " .. word
    end
  end
  return table.concat(lines, "\n")
end

action = function (host, port)
  local response = http.get(host, port, "/robots.txt")
  if response.status ~= 200 or not response.body then return nil end
  -- A page that is sent for every path is no robots.txt.
  if string.find(response.body, "<%s*[hH][tT][mM][lL]") then return nil end
  local list = entries_of(response.body)
  if #list == 0 then return nil end

  local limit = SHOWN
  if nmap.verbosity() == 1 then limit = SHOWN_VERBOSE elseif nmap.verbosity() > 1 then limit = #list end
  local shown = table.move(list, 1, math.min(limit, #list), 1, {})
  local head = #list == 1 and "1 disallowed entry" or #list .. " disallowed entries"
  if #shown < #list then head = head .. (" (%d shown)"):format(#shown) end
  return head .. " \n" .. wrap(shown)
end
