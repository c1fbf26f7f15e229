local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Tells whether something in front of a web server looks at requests: a page is asked for as it is, then with queries that
look like attacks, and what comes back is compared.
]]

---
-- @args http-waf-detect.uri The path to ask for. Default: <code>/</code>.
-- @args http-waf-detect.aggro Try more queries.
-- @args http-waf-detect.detectBodyChanges Compare the pages, too.
--
-- @usage
-- perilune -p 80 --script http-waf-detect TARGET
--
-- @output
-- 80/tcp open  http
-- | http-waf-detect: IDS/IPS/WAF detected:
-- |_192.0.2.1:80/?p=<script>alert(1)</script>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }

portrule = shortport.http

-- Harmless to a server, and what every filter knows.
local QUERIES = { "p=<script>alert(1)</script>", "p=' OR '1'='1' --", "p=../../../../etc/passwd" }
local MORE = { "p=UNION SELECT 1,2,3 FROM information_schema.tables", "p=;cat /etc/passwd", "p=%00", "p=php://input",
  "p=() { :; }; echo", "p=${jndi:ldap://127.0.0.1/a}", "p=<!ENTITY x SYSTEM \"file:///etc/passwd\">" }

local function ask (host, port, path)
  return http.get(host, port, path, { redirect_ok = false, bypass_cache = true, no_cache = true })
end

action = function (host, port)
  local uri, aggro, bodies = stdnse.get_script_args(SCRIPT_NAME .. ".uri", SCRIPT_NAME .. ".aggro",
    SCRIPT_NAME .. ".detectBodyChanges")
  uri = uri or "/"
  local plain = ask(host, port, uri)
  if not plain.status then return nil end
  -- A page that differs from one time to the next can't be compared.
  if bodies and http.clean_404(ask(host, port, uri).body) ~= http.clean_404(plain.body) then bodies = nil end

  local function differs (query)
    local response = ask(host, port, uri .. "?" .. query)
    if not response.status then return true end
    if response.status ~= plain.status then return true end
    return bodies and http.clean_404(response.body) ~= http.clean_404(plain.body)
  end
  local lists = aggro and { QUERIES, MORE } or { QUERIES }
  for _, list in ipairs(lists) do
    for _, query in ipairs(list) do
      if differs(query) then
        return ("IDS/IPS/WAF detected:\n%s:%d%s?%s"):format(stdnse.get_hostname(host), port.number, uri, query)
      end
    end
  end
  return nil
end
