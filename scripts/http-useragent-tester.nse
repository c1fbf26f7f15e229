local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Tells which programs a web server turns away by the name they give in field <code>User-Agent</code>: the answers to
libraries and crawlers are compared with that to a browser.
]]

---
-- @args http-useragent-tester.useragents A table of further names to try.
--
-- @usage
-- perilune -p 80 --script http-useragent-tester TARGET
--
-- @output
-- 80/tcp open  http
-- | http-useragent-tester:
-- |   Status for browser useragent: 200
-- |   Allowed User Agents:
-- |     libwww
-- |   Forbidden/Redirected User Agents:
-- |     python-requests/2.31.0 (different status code: 403)
-- |_    curl/8.5.0 (redirected to: http://example.com/blocked)

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

local BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

-- What libraries and tools send by default, from their documentation.
local AGENTS = { http.USER_AGENT, "libwww", "libwww-perl/6.72", "curl/8.5.0", "Wget/1.21.4", "python-requests/2.31.0",
  "Python-urllib/3.11", "Go-http-client/1.1", "Java/17.0.10", "okhttp/4.12.0", "Apache-HttpClient/4.5.14 (Java/17)",
  "PHP/8.2", "GuzzleHttp/7", "Ruby", "axios/1.6.7", "node-fetch", "Scrapy/2.11", "WWW-Mechanize/2.17" }
local MAX_AGENTS = 200

local function ask (host, port, agent)
  local response = http.get(host, port, "/", { header = { ["User-Agent"] = agent }, bypass_cache = true, no_cache = true })
  return response.status, response.location and response.location[#response.location]
end

action = function (host, port)
  local status, place = ask(host, port, BROWSER)
  if not status then return nil end
  local agents = table.move(AGENTS, 1, #AGENTS, 1, {})
  local more = stdnse.get_script_args(SCRIPT_NAME .. ".useragents")
  for _, agent in ipairs(type(more) == "table" and more or { more }) do
    if #agents < MAX_AGENTS then agents[#agents + 1] = tostring(agent) end
  end

  local allowed, refused = {}, {}
  for _, agent in ipairs(agents) do
    local other, elsewhere = ask(host, port, agent)
    if not other then
      refused[#refused + 1] = agent .. " (no answer)"
    elseif elsewhere ~= place then
      refused[#refused + 1] = ("%s (redirected to: %s)"):format(agent, elsewhere or "nowhere")
    elseif other ~= status then
      refused[#refused + 1] = ("%s (different status code: %d)"):format(agent, other)
    else
      allowed[#allowed + 1] = agent
    end
  end
  local result = stdnse.output_table()
  result["Status for browser useragent"] = status
  if #allowed > 0 then result["Allowed User Agents"] = allowed end
  if #refused > 0 then result["Forbidden/Redirected User Agents"] = refused end
  return result
end
