local ajp = require "ajp"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows the methods that a servlet container allows by AJP (<code>OPTIONS</code>), and which of them change things.
]]

---
-- @args ajp-methods.path The path. Default: <code>/</code>.
--
-- @usage
-- perilune -p 8009 --script ajp-methods TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 8009/tcp open  ajp13
-- | ajp-methods:
-- |   Supported methods: GET HEAD POST PUT DELETE TRACE OPTIONS
-- |_  Potentially risky methods: PUT DELETE TRACE

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe" }

portrule = shortport.port_or_service(8009, "ajp13", "tcp")

-- RFC 9110, 9.2.1: what neither of these is may change things; TRACE shows what comes along the way.
local HARMLESS = { GET = true, HEAD = true, POST = true, OPTIONS = true }

action = function (host, port)
  local helper = ajp.Helper:new(host, port)
  if not helper:connect() then return nil end
  local status, response = helper:options(stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/")
  helper:close()
  if not status or response.status ~= 200 then
    stdnse.debug1("no answer: %s", not status and response or response.status)
    return nil
  end
  local allow = response.headers.allow
  if not allow then return "Failed to get a valid response for the OPTION request" end
  local all, risky = {}, {}
  for method in string.gmatch(allow, "[^,%s]+") do
    all[#all + 1] = method
    if not HARMLESS[method] then risky[#risky + 1] = method end
  end
  local lines = { "Supported methods: " .. table.concat(all, " ") }
  if #risky > 0 then lines[2] = "Potentially risky methods: " .. table.concat(risky, " ") end
  return stdnse.format_output(true, lines)
end
