local rtsp = require "rtsp"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the methods that an RTSP server knows.
]]

---
-- @args rtsp-methods.path What is asked for. Default: <code>*</code>.
--
-- @usage
-- perilune -p 554 --script rtsp-methods TARGET
--
-- @output
-- PORT    STATE SERVICE
-- 554/tcp open  rtsp
-- |_rtsp-methods: OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe" }

portrule = shortport.port_or_service({ 554, 8554 }, "rtsp")

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "*"
  local helper = rtsp.Helper:new(host, port)
  local status, response = helper:connect()
  if not status then
    stdnse.debug1("could not connect: %s", response)
    return nil
  end
  status, response = helper:options(path)
  helper:close()
  if not status then
    stdnse.debug1("no answer: %s", response)
    return nil
  end
  for name, value in pairs(response.headers) do
    if string.lower(name) == "public" then return value end
  end
  return nil
end
