local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Shows the header a web server sends for a page.

The page is asked for with HEAD; servers that don't answer that with status 200 are asked with GET.
]]

---
-- @args http-headers.path The path to ask for. Default: <code>/</code>.
-- @args http-headers.useget Ask with GET at once.
--
-- @usage
-- perilune -p 80 --script http-headers TARGET
--
-- @output
-- 80/tcp open  http
-- | http-headers:
-- |   Server: nginx
-- |   Content-Type: text/html
-- |   Content-Length: 612
-- |
-- |_  (Request type: HEAD)

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local use_get = stdnse.get_script_args(SCRIPT_NAME .. ".useget")

  local response
  local method = "HEAD"
  if not use_get then
    local usable
    usable, response = http.can_use_head(host, port, nil, path)
    if not usable then
      stdnse.debug1("HEAD failed, trying GET")
      use_get = true
    end
  end
  if use_get then
    method = "GET"
    response = http.get(host, port, path)
  end
  if not response.status then
    stdnse.debug1("no response: %s", response["status-line"])
    return nil
  end

  local lines = {}
  for _, line in ipairs(response.rawheader) do table.insert(lines, line) end
  table.insert(lines, ("(Request type: %s)"):format(method))
  return stdnse.format_output(true, lines)
end
