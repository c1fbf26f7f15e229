local rsync = require "rsync"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Lists the modules of an rsync daemon with their comments.
]]

---
-- @usage
-- perilune -p 873 --script rsync-list-modules TARGET
--
-- @output
-- 873/tcp open  rsync
-- | rsync-list-modules:
-- |   pub            	Public things
-- |_  priv           	Locked

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(873, "rsync", "tcp")

action = function (host, port)
  -- The name that is sent to have all of them listed is empty.
  local helper = rsync.Helper:new(host, port, { module = "" })
  local status, modules = helper:connect()
  if status then status, modules = helper:listModules() end
  helper:disconnect()
  if not status then
    stdnse.debug1("%s", tostring(modules))
    return nil
  end
  return stdnse.format_output(true, modules)
end
