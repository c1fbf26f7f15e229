local smb = require "smb"
local stdnse = require "stdnse"

description = [[
Lists the dialects of SMB that a server speaks.

Each dialect is negotiated on a connection of its own. Version 1 is marked: it has no protection of its negotiation and
has been deprecated for long.
]]

---
-- @usage
-- perilune -p 445 --script smb-protocols TARGET
--
-- @output
-- Host script results:
-- | smb-protocols:
-- |   dialects:
-- |     NT LM 0.12 (SMBv1) [dangerous, but default]
-- |     202
-- |     210
-- |     300
-- |     302
-- |_    311
--
-- @xmloutput
-- <table key="dialects">
--   <elem>202</elem>
--   <elem>311</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "discovery" }

hostrule = function (host)
  return smb.get_port(host) ~= nil
end

action = function (host)
  local status, dialects = smb.list_dialects(host, {})
  if not status then
    stdnse.debug1("%s", tostring(dialects))
    return nil
  end
  local result = stdnse.output_table()
  result.dialects = dialects
  return result
end
