local http = require "http"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Tells whether a web server answers TRACE, which sends a request back to who made it (RFC 9110, 9.3.8).

Where it passes through proxies, the answer shows what they added. With verbosity the fields of the answer are listed.
]]

---
-- @args http-trace.path The path to ask about. Default: <code>/</code>.
--
-- @usage
-- perilune -p 80 --script http-trace TARGET
--
-- @output
-- 80/tcp open  http
-- |_http-trace: TRACE is enabled

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "vuln", "discovery", "safe" }

portrule = shortport.http

-- What is in the request sent back; a server that answers every method with a page doesn't have it.
local MARK = "X-Perilune-Trace"

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local response = http.generic_request(host, port, "TRACE", path, { header = { [MARK] = "1" } })
  -- Some servers redirect before they look at the method.
  local target = http.parse_redirect(host, port, path, response)
  if target and http.redirect_ok(host, port)(target) then
    response = http.generic_request(host, port, "TRACE", target.path, { header = { [MARK] = "1" } })
  end
  if response.status ~= 200 or not response.body then return nil end
  if not string.find(string.lower(response.body), string.lower(MARK), 1, true) then return nil end
  if nmap.verbosity() == 0 then return "TRACE is enabled" end
  local lines = { "TRACE is enabled", "Headers:" }
  for _, line in ipairs(response.rawheader) do
    if line ~= "" then lines[#lines + 1] = line end
  end
  return stdnse.format_output(true, lines)
end
