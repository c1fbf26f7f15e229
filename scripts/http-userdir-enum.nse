local http = require "http"
local io = require "io"
local math = require "math"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Finds users of a machine whose web server gives each a folder <code>/~user/</code>, as Apache's <code>mod_userdir</code>
does: such a folder answers otherwise than that of a user who does not exist.
]]

---
-- @args userdir.users A file of names, one a line. Default: a short list of names that systems come with.
-- @args http-userdir-enum.limit How many names are tried. Default: 1000.
--
-- @usage
-- perilune -p 80 --script http-userdir-enum --script-args userdir.users=names.txt TARGET
--
-- @output
-- 80/tcp open  http
-- |_http-userdir-enum: Potential Users: root (403), www-data (200)

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "auth", "intrusive" }

portrule = shortport.http

local COMMON = { "root", "admin", "administrator", "user", "guest", "test", "www", "www-data", "web", "webmaster",
  "apache", "nginx", "nobody", "ftp", "mail", "postmaster", "mysql", "postgres", "oracle", "backup", "daemon", "bin",
  "sync", "games", "lp", "news", "operator", "support", "info", "student" }

local function names_of_file (path)
  local file, err = io.open(path, "r")
  if not file then return nil, err end
  local names = {}
  for line in file:lines() do
    -- In a password file the name is what stands before the first colon.
    local name = string.match(line, "^%s*([%w._-]+)")
    if name then names[#names + 1] = name end
    if #names >= 100000 then break end
  end
  file:close()
  return names
end

action = function (host, port)
  local path, limit = stdnse.get_script_args("userdir.users", SCRIPT_NAME .. ".limit")
  local names, err = COMMON, nil
  if path then
    names, err = names_of_file(nmap.fetchfile(path) or path)
    if not names then return stdnse.format_output(false, err) end
  end
  limit = tonumber(limit) or 1000

  local absent = ("perilune-%06x"):format(math.random(0, 0xFFFFFF))
  local requests = http.pipeline_add("/~" .. absent .. "/", nil, nil, "GET")
  local asked = {}
  for i = 1, math.min(#names, limit) do
    asked[i] = names[i]
    http.pipeline_add("/~" .. names[i] .. "/", nil, requests, "GET")
  end
  local responses = http.pipeline_go(host, port, requests) or {}
  local without = responses[1] and responses[1].status
  -- A server that answers everything has no such folders.
  if not without or without == 200 or without == 401 or without == 403 then return nil end
  local found = {}
  for i, name in ipairs(asked) do
    local status = responses[i + 1] and responses[i + 1].status
    if status == 200 or status == 403 or (status == 301 and without ~= 301) then
      found[#found + 1] = ("%s (%d)"):format(name, status)
    end
  end
  if #found == 0 then return nil end
  return "Potential Users: " .. table.concat(found, ", ")
end
