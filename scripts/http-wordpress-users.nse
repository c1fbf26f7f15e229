local http = require "http"
local httpjson = require "httpjson"
local math = require "math"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Lists the names of a Wordpress site's authors: from its interface in JSON, or by the places that queries for authors
redirect to.
]]

---
-- @args http-wordpress-users.basepath The folder of the site. Default: <code>/</code>.
-- @args http-wordpress-users.limit How many numbers are tried. Default: 25.
--
-- @usage
-- perilune -p 80 --script http-wordpress-users TARGET
--
-- @output
-- 80/tcp open  http
-- | http-wordpress-users:
-- |   1: admin
-- |_  2: anna

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "auth", "intrusive", "vuln" }

portrule = shortport.http

local MAX_USERS = 100

local function from_interface (host, port, base, result)
  local list = httpjson.fetch(host, port, base .. "wp-json/wp/v2/users?per_page=100", { redirect_ok = false })
  for _, user in ipairs(type(list) == "table" and list or {}) do
    local id, name = httpjson.text(user, "id"), httpjson.text(user, "slug")
    if id and name and #result < MAX_USERS then result[id] = name end
  end
end

-- The page of an author has the name in its address, or in the class of its body.
local function name_of (response)
  local location = response.header and response.header.location
  if location then return string.match(location, "/author/([^/?]+)") end
  if response.status ~= 200 or not response.body then return nil end
  local classes = string.match(response.body, "<body([^<>]*)>")
  for name in string.gmatch(classes or "", "author%-([%w_.-]+)") do
    -- The other class has the number.
    if string.find(name, "%a") then return name end
  end
  return nil
end

action = function (host, port)
  local base, limit = stdnse.get_script_args(SCRIPT_NAME .. ".basepath", SCRIPT_NAME .. ".limit")
  base, limit = base or "/", tonumber(limit) or 25
  if string.sub(base, -1) ~= "/" then base = base .. "/" end
  local login = http.get(host, port, base .. "wp-login.php", { redirect_ok = false })
  if login.status ~= 200 or not string.find(login.body or "", "wp-", 1, true) then return nil end

  local result = stdnse.output_table()
  from_interface(host, port, base, result)
  if #result == 0 then
    for id = 1, math.min(limit, MAX_USERS) do
      local name = name_of(http.get(host, port, base .. "?author=" .. id, { redirect_ok = false }))
      if name then result[tostring(id)] = name end
    end
  end
  if #result == 0 then return nil end
  return result
end
