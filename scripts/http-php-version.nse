local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the version of PHP that a web server says it uses, in fields <code>X-Powered-By</code> and <code>Server</code>, of
its first page and of <code>/index.php</code>.
]]

---
-- @usage
-- perilune -p 80 --script http-php-version TARGET
--
-- @output
-- 80/tcp open  http
-- |_http-php-version: Version from header x-powered-by: PHP/8.1.2

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

local function from_header (response)
  for _, name in ipairs({ "x-powered-by", "server" }) do
    local value = response.header and response.header[name]
    local version = value and string.match(value, "PHP/[%w.+~:-]+")
    if version then
      if name == "server" then return "Version from header server: " .. version end
      return "Version from header x-powered-by: " .. value
    end
  end
  return nil
end

action = function (host, port)
  for _, path in ipairs({ "/", "/index.php" }) do
    local response = http.get(host, port, path)
    local found = response.status and from_header(response)
    if found then return found end
    stdnse.debug1("nothing at %s", path)
  end
  return nil
end
