local datetime = require "datetime"
local os = require "os"
local smb = require "smb"
local smb2 = require "smb2"
local stdnse = require "stdnse"

description = [[
Shows the clock of a server of version 2 or 3 of SMB and when it was started, if it tells (MS-SMB2, 2.2.4).
]]

---
-- @usage
-- perilune -p 445 --script smb2-time TARGET
--
-- @output
-- Host script results:
-- | smb2-time:
-- |   date: 2026-11-27T22:29:28
-- |_  start_date: N/A
--
-- @xmloutput
-- <elem key="date">2026-11-27T22:29:28</elem>
-- <elem key="start_date">N/A</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe", "default" }

hostrule = function (host)
  return smb.get_port(host) ~= nil
end

action = function (host)
  local status, state = smb.start(host)
  if not status then return nil end
  local negotiated, err = smb2.negotiate_v2(state)
  local received = os.time()
  state.socket:close()
  if not negotiated then
    stdnse.debug1("%s", tostring(err))
    return nil
  end
  datetime.record_skew(host, state.time, received)
  local result = stdnse.output_table()
  result.date = state.date
  result.start_date = state.start_date
  return result
end
