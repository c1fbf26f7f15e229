local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Tells whether a web server offers other files when one is asked for without its extension, as Apache's
<code>mod_negotiation</code> does with MultiViews: files can then be found by the first part of their names.
]]

---
-- @args http-apache-negotiation.root The folder to ask in. Default: <code>/</code>.
--
-- @usage
-- perilune -p 80 --script http-apache-negotiation TARGET
--
-- @output
-- 80/tcp open  http
-- |_http-apache-negotiation: mod_negotiation enabled.

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

action = function (host, port)
  local root = stdnse.get_script_args(SCRIPT_NAME .. ".root") or "/"
  if string.sub(root, -1) ~= "/" then root = root .. "/" end
  -- A type that no file has makes the server list what there is (RFC 9110, 12.4 and 15.5.7).
  for _, name in ipairs({ "index", "robots", "favicon" }) do
    local response = http.get(host, port, root .. name, { header = { Accept = "application/x-perilune-none" },
      redirect_ok = false })
    local header = response.header or {}
    local negotiated = header.tcn or header["content-location"] and string.find(header["content-location"], name, 1, true)
      and string.find(string.lower(header.vary or ""), "negotiate", 1, true)
    if negotiated or response.status == 406 and header.alternates then return "mod_negotiation enabled." end
  end
  return nil
end
