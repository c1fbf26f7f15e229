local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the header fields by which a web server tells browsers how to protect its visitors, and what they mean: HSTS
(RFC 6797), Content Security Policy, framing, content types, referrers, caching and others. Over TLS it is also said
when there is no HSTS.
]]

---
-- @args http-security-headers.path The path to ask for. Default: <code>/</code>.
--
-- @usage
-- perilune -p 443 --script http-security-headers TARGET
--
-- @output
-- 443/tcp open  https
-- | http-security-headers:
-- |   Strict_Transport_Security:
-- |     HSTS not configured in HTTPS Server
-- |   X_Frame_Options:
-- |     Header: X-Frame-Options: DENY
-- |_    Description: No page may show this one in a frame.
--
-- @xmloutput
-- <table key="X_Frame_Options">
--   <elem>Header: X-Frame-Options: DENY</elem>
--   <elem>Description: No page may show this one in a frame.</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

-- Each field with what its values mean: a pattern, looked for in small letters, and a sentence.
local FIELDS = {
  { "Strict-Transport-Security", {
    { "max%-age=0%f[%D]", "HSTS is being switched off." },
    { "includesubdomains", "Names below this one are covered, too." },
    { "preload", "The name is meant for the lists that browsers come with." },
  } },
  { "Public-Key-Pins", {} },
  { "Public-Key-Pins-Report-Only", {} },
  { "X-Frame-Options", {
    { "^deny", "No page may show this one in a frame." },
    { "^sameorigin", "Only pages of the same site may show this one in a frame." },
    { "^allow%-from", "One other site may show this page in a frame; today's browsers ignore that." },
  } },
  { "X-XSS-Protection", {
    { "^0", "The filter against injected scripts is off." },
    { "^1%s*;.*mode=block", "A page with an injected script is not shown." },
    { "^1%s*$", "Injected scripts are taken out of pages." },
  } },
  { "X-Content-Type-Options", { { "nosniff", "Browsers must believe the declared content type." } } },
  { "Content-Security-Policy", {
    { "default%-src", "Says where resources of any kind may come from." },
    { "script%-src", "Says where scripts may come from." },
    { "object%-src", "Says where plug-ins may come from." },
    { "style%-src", "Says where style sheets may come from." },
    { "img%-src", "Says where pictures may come from." },
    { "connect%-src", "Says where scripts may connect to." },
    { "frame%-ancestors", "Says who may show the page in a frame." },
    { "form%-action", "Says where forms may be sent." },
    { "'unsafe%-inline'", "Scripts or styles inside the page are allowed." },
    { "'unsafe%-eval'", "Scripts may run text as code." },
    { "upgrade%-insecure%-requests", "Resources are fetched over TLS." },
    { "report%-uri", "Violations are reported." },
  } },
  { "Content-Security-Policy-Report-Only", {} },
  { "X-Permitted-Cross-Domain-Policies", {
    { "^none", "No policy file anywhere on the server counts." },
    { "^master%-only", "Only the policy file at the root counts." },
    { "^all", "Every policy file on the server counts." },
  } },
  { "Referrer-Policy", {
    { "no%-referrer%s*$", "Other pages are not told where a visitor came from." },
    { "unsafe%-url", "Every page is told the whole address a visitor came from." },
  } },
  { "Permissions-Policy", {} },
  { "Cross-Origin-Opener-Policy", {} },
  { "Cross-Origin-Embedder-Policy", {} },
  { "Cross-Origin-Resource-Policy", {} },
  { "Expect-CT", { { "enforce", "Certificates must be in public logs." } } },
  { "Cache-Control", {} },
  { "Pragma", {} },
  { "Expires", {} },
}

local function describe (name, value, meanings)
  local lines = { ("Header: %s: %s"):format(name, value) }
  local lower = string.lower(value)
  for _, meaning in ipairs(meanings) do
    if string.find(lower, meaning[1]) then lines[#lines + 1] = "Description: " .. meaning[2] end
  end
  return lines
end

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local response = http.get(host, port, path)
  if not response.status then return nil end
  local result = stdnse.output_table()
  for _, field in ipairs(FIELDS) do
    local name, value = field[1], response.header[string.lower(field[1])]
    local key = string.gsub(name, "-", "_")
    if value then
      result[key] = describe(name, value, field[2])
    elseif name == "Strict-Transport-Security" and response.ssl then
      result[key] = { "HSTS not configured in HTTPS Server" }
    end
  end
  if #result == 0 then return nil end
  return result
end
