local http = require "http"
local httpread = require "httpread"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Shows how a page that wants to know who is asking can be told: the schemes and realms of its answer 401.
]]

---
-- @args http-auth.path The path to ask for. Default: <code>/</code>.
--
-- @usage
-- perilune -p 80 --script http-auth --script-args http-auth.path=/login TARGET
--
-- @output
-- 80/tcp open  http
-- | http-auth:
-- | HTTP/1.1 401 Unauthorized
-- |   Digest realm=staff nonce=1f2e qop=auth
-- |_  Basic realm=staff
--
-- @xmloutput
-- <table>
--   <elem key="scheme">Basic</elem>
--   <table key="params">
--     <elem key="realm">staff</elem>
--   </table>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "auth", "safe" }

portrule = shortport.http

-- One line for each challenge, its parameters in the order of their names but the realm first.
local function describe (challenge)
  local words = { challenge.scheme }
  local params = challenge.params or {}
  local names = {}
  for name in pairs(params) do names[#names + 1] = name end
  table.sort(names, function (a, b)
    if (a == "realm") ~= (b == "realm") then return a == "realm" end
    return a < b
  end)
  for _, name in ipairs(names) do words[#words + 1] = name .. "=" .. params[name] end
  return table.concat(words, " ")
end

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local response = http.generic_request(host, port, "GET", path)
  if response.status ~= 401 then return nil end
  local lines, out = { name = httpread.trim(response["status-line"]) }, {}
  local field = response.header["www-authenticate"]
  if not field then
    lines[1] = "Server returned status 401 but no WWW-Authenticate header."
    return stdnse.format_output(true, lines)
  end
  local challenges = http.parse_www_authenticate(field)
  if challenges and #challenges > 0 then
    for i, challenge in ipairs(challenges) do
      lines[i] = describe(challenge)
      out[i] = stdnse.output_table()
      out[i].scheme = challenge.scheme
      if next(challenge.params or {}) then out[i].params = challenge.params end
    end
  else
    lines[1] = "Server returned status 401 but the WWW-Authenticate header could not be parsed."
    lines[2] = "WWW-Authenticate: " .. field
  end
  return out, stdnse.format_output(true, lines)
end
