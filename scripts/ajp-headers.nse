local ajp = require "ajp"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows the headers with which a servlet container answers by AJP (<code>HEAD</code>).
]]

---
-- @args ajp-headers.path The path. Default: <code>/</code>.
--
-- @usage
-- perilune -p 8009 --script ajp-headers TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 8009/tcp open  ajp13
-- | ajp-headers:
-- |   Content-Type: text/html
-- |_  Content-Length: 5178

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(8009, "ajp13", "tcp")

action = function (host, port)
  local helper = ajp.Helper:new(host, port)
  if not helper:connect() then return nil end
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local status, response = helper:head(path)
  helper:close()
  if not status then
    stdnse.debug1("no answer: %s", response)
    return nil
  end
  if #response.rawheaders == 0 then return nil end
  return stdnse.format_output(true, response.rawheaders)
end
