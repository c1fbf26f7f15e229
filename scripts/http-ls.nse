local http = require "http"
local ls = require "ls"
local math = require "math"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local url = require "url"

description = [[
Shows the files of a web server's folder where it lists them: pages "Index of" of Apache, nginx and lighttpd and the like.
]]

---
-- @args http-ls.url The folder. Default: <code>/</code>.
-- @args http-ls.maxfiles How many files of a folder are shown. Default: 10.
-- @args http-ls.maxdepth How many levels of folders are visited. Default: 1.
--
-- @usage
-- perilune -p 80 --script http-ls TARGET
--
-- @output
-- 80/tcp open  http
-- | http-ls: Volume /
-- | SIZE  TIME              FILENAME
-- | 1.2K  2024-01-01 10:00  readme.txt
-- |_-     2024-01-01 10:00  old/
--
-- @xmloutput
-- <table key="volumes">
--   <table>
--     <elem key="volume">/</elem>
--     <table key="files">
--       <table>
--         <elem key="size">1.2K</elem>
--         <elem key="time">2024-01-01 10:00</elem>
--         <elem key="filename">readme.txt</elem>
--       </table>
--     </table>
--   </table>
-- </table>
-- <table key="total">
--   <elem key="files">1</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.http

local MAX_FOLDERS = 50

local function is_index (body)
  local title = string.match(string.sub(body, 1, 4096), "<[tT][iI][tT][lL][eE]>%s*([^<]*)")
  if not title then return false end
  title = string.lower(title)
  return string.find(title, "^index of") or string.find(title, "^directory listing for")
    or string.find(title, "^listing of")
end

local DATES = { "%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:?%d*", "%d%d%d%d%-%a%a%a%-%d%d %d%d:%d%d:?%d*",
  "%d%d%-%a%a%a%-%d%d%d%d %d%d:%d%d:?%d*" }

-- Time and size stand behind the link, up to the next one.
local function facts_after (text)
  text = string.gsub(string.gsub(text, "<[^<>]*>", " "), "&nbsp;", " ")
  for _, pattern in ipairs(DATES) do
    local from, to = string.find(text, pattern)
    if from then
      return string.sub(text, from, to), string.match(text, "^%s+([%d.]+%s?[kKmMgGtT]?i?[bB]?)%f[%s\0]", to + 1)
    end
  end
  return nil
end

local function entries (body, folder)
  local list, pos = {}, 1
  while true do
    local _, stop, quote = string.find(body, "<%s*[aA]%s[^<>]-[hH][rR][eE][fF]=([\"'])", pos)
    if not stop then return list end
    local href, after = string.match(body, "^([^\"'<>]*)" .. quote .. "()", stop + 1)
    pos = after or stop + 1
    local name = href and url.unescape(string.gsub(href, "&amp;", "&"))
    -- Links for sorting, to the folder above and to elsewhere are none of files.
    if name and not string.find(name, "^[?#]") and not string.find(name, "^%.%.?/?$")
      and not string.find(name, "^%a+:") then
      if string.sub(name, 1, #folder) == folder then name = string.sub(name, #folder + 1) end
      name = string.gsub(name, "^%./", "")
      if name ~= "" and not string.find(name, "/.") then
        local next_link = string.find(body, "<%s*[aA]%s", pos) or #body + 1
        local time, size = facts_after(string.sub(body, pos, math.min(next_link - 1, pos + 1000)))
        list[#list + 1] = { name = name, time = time or "-", size = size or "-" }
      end
    end
  end
end

local function visit (host, port, folder)
  local response = http.get(host, port, folder)
  if response.status ~= 200 or not response.body or not is_index(response.body) then return nil end
  return entries(response.body, folder)
end

action = function (host, port)
  local start = stdnse.get_script_args(SCRIPT_NAME .. ".url") or "/"
  if string.sub(start, -1) ~= "/" then start = start .. "/" end
  local max_depth = ls.config("maxdepth")
  local output = ls.new_listing()
  local queue, folders, next_folder = { { start, 1 } }, 1, 1
  while queue[next_folder] do
    local folder, depth = table.unpack(queue[next_folder])
    next_folder = next_folder + 1
    ls.new_vol(output, folder, false)
    for _, entry in ipairs(visit(host, port, folder) or {}) do
      if string.sub(entry.name, -1) == "/" and (max_depth <= 0 or depth < max_depth) and folders < MAX_FOLDERS then
        folders = folders + 1
        queue[folders] = { folder .. string.gsub(entry.name, " ", "%%20"), depth + 1 }
      end
      if not ls.add_file(output, { entry.size, entry.time, entry.name }) then break end
    end
    ls.end_vol(output)
  end
  return ls.end_listing(output)
end
