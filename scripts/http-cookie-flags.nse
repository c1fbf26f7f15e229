local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Looks for cookies that carry a session and lack the attributes that protect it: <code>HttpOnly</code>, which keeps scripts
in pages from reading it, and over TLS <code>Secure</code>, which keeps it from being sent in the clear (RFC 6265, 4.1.2).

A cookie is taken for one of a session by its name. Asked for are the first page and a few paths where people log in.
]]

---
-- @args http-cookie-flags.path The one path to ask for.
-- @args http-cookie-flags.cookie The one cookie to look at.
--
-- @usage
-- perilune -p 443 --script http-cookie-flags TARGET
--
-- @output
-- 443/tcp open  https
-- | http-cookie-flags:
-- |   /:
-- |     PHPSESSID:
-- |       secure flag not set and HTTPS in use
-- |_      httponly flag not set
--
-- @xmloutput
-- <table key="/">
--   <table key="PHPSESSID">
--     <elem>secure flag not set and HTTPS in use</elem>
--     <elem>httponly flag not set</elem>
--   </table>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe", "vuln" }

portrule = shortport.http

local PATHS = { "/", "/login", "/login.php", "/login.html", "/admin/", "/user/login", "/wp-login.php" }

-- Parts of the names that frameworks and servers give to cookies of sessions, by their documentation.
local SESSION_NAMES = { "sess", "sid$", "^sid", "auth", "token", "jwt", "identity", "^laravel", "^connect%.sid" }

local function is_session (name)
  name = string.lower(name)
  for _, pattern in ipairs(SESSION_NAMES) do
    if string.find(name, pattern) then return true end
  end
  return false
end

local function issues_of (cookie, over_tls)
  local issues = {}
  if over_tls and not cookie.secure then issues[#issues + 1] = "secure flag not set and HTTPS in use" end
  if not cookie.httponly then issues[#issues + 1] = "httponly flag not set" end
  return issues
end

action = function (host, port)
  local path, name = stdnse.get_script_args(SCRIPT_NAME .. ".path", SCRIPT_NAME .. ".cookie")
  local result, found = stdnse.output_table(), {}
  for i, one in ipairs(path and { path } or PATHS) do
    local here = stdnse.output_table()
    local function look (response)
      for _, cookie in ipairs(response.cookies or {}) do
        local wanted = not name and is_session(cookie.name) or cookie.name == name
        local issues = wanted and issues_of(cookie, response.ssl) or {}
        -- A cookie that every path sends is shown once.
        if #issues > 0 and not found[cookie.name] then
          found[cookie.name] = true
          here[cookie.name] = issues
        end
      end
    end
    local response = http.get(host, port, one, { redirect_ok = false })
    look(response)
    -- What the first page leads to is the first page that people see.
    if i == 1 and response.header and response.header.location then look(http.get(host, port, one)) end
    if #here > 0 then result[one] = here end
  end
  if #result == 0 then return nil end
  return result
end
