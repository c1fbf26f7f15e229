local proxy = require "proxy"
local shortport = require "shortport"
local stdnse = require "stdnse"
local url = require "url"

description = [[
Tells whether a SOCKS proxy connects anybody to other servers: a page is fetched through it, by versions 4 and 5 of the
protocol.
]]

---
-- @args proxy.url The page to fetch. Default: <code>http://example.com/</code>.
-- @args proxy.pattern A pattern that the page has to contain.
--
-- @usage
-- perilune -p 1080 --script socks-open-proxy --script-args proxy.url=http://intranet/,proxy.pattern=welcome TARGET
--
-- @output
-- 1080/tcp open  socks
-- | socks-open-proxy:
-- |   status: open
-- |   versions:
-- |     socks4
-- |_    socks5

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "external", "safe" }

portrule = shortport.port_or_service({ 1080, 9050 }, { "socks", "socks4", "socks5", "tor-socks" })

local DEFAULT_URL, DEFAULT_PATTERN = "http://example.com/", "example domain"

action = function (host, port)
  local test_url, pattern = proxy.return_args()
  if not test_url then test_url, pattern = DEFAULT_URL, pattern or DEFAULT_PATTERN end
  local hostname = url.parse(test_url).host
  if not hostname then return stdnse.format_output(false, "argument proxy.url is not a URL") end
  local versions = {}
  for _, version in ipairs({ "socks4", "socks5" }) do
    local status, response, found = proxy.test_get(host, port, version, test_url, hostname, pattern or nil)
    if status and (found or not pattern) then
      versions[#versions + 1] = version
    else
      stdnse.debug1("%s: %s", version, tostring(response))
    end
  end
  if #versions == 0 then return nil end
  local result = stdnse.output_table()
  result.status = "open"
  result.versions = versions
  return result
end
