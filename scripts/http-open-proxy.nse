local http = require "http"
local proxy = require "proxy"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local url = require "url"

description = [[
Tells whether an HTTP proxy fetches pages of other servers for anybody.

The proxy is asked for a page with GET, HEAD and CONNECT. Without arguments the page is that of a reserved name
(<code>http://example.com/</code>), whose text is known; with them it is any page that holds a pattern.
]]

---
-- @args proxy.url The page to ask for.
-- @args proxy.pattern A pattern that an answer has to contain.
--
-- @usage
-- perilune -p 3128 --script http-open-proxy --script-args proxy.url=http://intranet/,proxy.pattern=welcome TARGET
--
-- @output
-- 3128/tcp open  squid-http
-- | http-open-proxy: Potentially OPEN proxy.
-- |_Methods supported: GET HEAD CONNECT

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "external", "safe" }

portrule = function (host, port)
  if shortport.http(host, port) then return true end
  return shortport.port_or_service({ 1080, 3128, 8000, 8080, 8123 },
    { "squid-http", "http-proxy", "polipo", "socks" })(host, port)
end

local DEFAULT_URL, DEFAULT_PATTERN = "http://example.com/", "example domain"

-- The same path of the server itself: a web server that ignores the host in a request sends the same, and is no proxy.
local function own_page (host, port, test_url)
  local parsed = url.parse(test_url)
  local response = http.get(host, port, parsed.path ~= "" and parsed.path or "/", { redirect_ok = false })
  return response
end

action = function (host, port)
  local test_url, pattern = proxy.return_args()
  if not test_url then test_url, pattern = DEFAULT_URL, pattern or DEFAULT_PATTERN end
  local hostname = url.parse(test_url).host
  if not hostname then return stdnse.format_output(false, "argument proxy.url is not a URL") end

  local methods = {}
  local function note (name, status, response, found, needs_pattern)
    local ok = status and (found or not needs_pattern)
    stdnse.debug1("%s: %s", name, tostring(ok))
    if ok then methods[#methods + 1] = name end
    return ok and response
  end
  local got, page, found = proxy.test_get(host, port, "http", test_url, hostname, pattern or nil)
  local get_response = note("GET", got, page, found, pattern)
  if get_response then
    local own = own_page(host, port, test_url)
    if own.status == 200 and own.body ~= "" and string.find(get_response, own.body, 1, true) then return nil end
    -- The header has no text to look for: what counts is a success where GET had one.
    got, page, found = proxy.test_head(host, port, "http", test_url, hostname, nil)
    note("HEAD", got, page, found, false)
    if proxy.redirectCheck(get_response, page) then return nil end
  end
  got, page = proxy.test_connect(host, port, "http", hostname)
  note("CONNECT", got, page, nil, false)
  if #methods == 0 then return nil end
  return "Potentially OPEN proxy.\nMethods supported: " .. table.concat(methods, " ")
end
