local ipp = require "ipp"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Lists the jobs that wait in the queues of a CUPS server.
]]

---
-- @usage
-- perilune -p 631 --script cups-queue-info TARGET
--
-- @output
-- 631/tcp open  ipp
-- | cups-queue-info:
-- |   lab
-- |     id  time                 state       size (kb)  owner  jobname
-- |_    14  2012-04-26T22:01:19  Held        1k         anna   report

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service({ 631 }, { "ipp", "ipps" })

action = function (host, port)
  local helper = ipp.Helper:new(host, port)
  if not helper:connect() then return stdnse.format_output(false, "can't connect") end
  local result, err = helper:getQueueInfo()
  helper:close()
  if not result then
    stdnse.debug1("%s", err)
    return nil
  end
  return stdnse.format_output(true, result)
end
