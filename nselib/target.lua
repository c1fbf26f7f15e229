---
-- New targets, found by scripts while the scan runs.
--
-- @args newtargets Given as a word, scripts add what they find to the targets.
-- @args max-newtargets How many targets scripts may add. Default: no limit.
--
-- @copyright MIT OR Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"
local table = require "table"
_ENV = stdnse.module("target", stdnse.seeall)

--- Whether the user wants scripts to add targets (argument <code>newtargets</code>).
-- @class boolean
-- @name ALLOW_NEW_TARGETS
ALLOW_NEW_TARGETS = stdnse.get_script_args("newtargets") ~= nil

local function limit () return tonumber((stdnse.get_script_args("max-newtargets"))) or 0 end

--- Adds targets.
-- @usage local status, count = target.add("192.0.2.1", "192.0.2.16/30")
-- @param ... Targets as on the command line. Without any, the number of those that still wait is returned.
-- @return True and how many were accepted; or false and a message.
function add (...)
  if not ALLOW_NEW_TARGETS then return false, "to add targets run with --script-args 'newtargets'" end
  local targets = {}
  for i = 1, select("#", ...) do
    local one = select(i, ...)
    if type(one) == "table" then
      table.move(one, 1, #one, #targets + 1, targets)
    else
      targets[#targets + 1] = one
    end
  end
  if #targets == 0 then return true, nmap.add_targets() end

  local most = limit()
  if most > 0 then
    local room = most - nmap.new_targets_num()
    if room <= 0 then return false, "Maximum new targets reached, no more new targets." end
    for i = #targets, room + 1, -1 do targets[i] = nil end
  end
  local count, message = nmap.add_targets(table.unpack(targets))
  if count == 0 then return false, message end
  return true, count
end

return _ENV
