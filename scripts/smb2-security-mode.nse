local smb = require "smb"
local smb2 = require "smb2"
local stdnse = require "stdnse"

description = [[
Shows whether a server of version 2 or 3 of SMB signs messages.

The security mode in its answer to the negotiation tells (MS-SMB2,
  2.2.4). Unsigned messages can be changed on their way.
]]

---
-- @usage
-- perilune -p 445 --script smb2-security-mode TARGET
--
-- @output
-- Host script results:
-- | smb2-security-mode:
-- |   311:
-- |_    Message signing enabled but not required
--
-- @xmloutput
-- <table key="311">
--   <elem>Message signing enabled but not required</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "discovery", "default" }

hostrule = function (host)
  return smb.get_port(host) ~= nil
end

local ENABLED, REQUIRED = 0x01, 0x02

action = function (host)
  local status, state = smb.start(host)
  if not status then return nil end
  local negotiated, dialect = smb2.negotiate_v2(state)
  state.socket:close()
  if not negotiated then
    stdnse.debug1("%s", tostring(dialect))
    return nil
  end
  local text
  if state.security_mode & REQUIRED ~= 0 then
    text = "Message signing enabled and required"
  elseif state.security_mode & ENABLED ~= 0 then
    text = "Message signing enabled but not required"
  else
    text = "Message signing is disabled and not required!"
  end
  local result = stdnse.output_table()
  result[smb2.dialect_name(dialect) or ("%x"):format(dialect)] = { text }
  return result
end
