local smb = require "smb"
local smb2 = require "smb2"
local stdnse = require "stdnse"

description = [[
Lists what a server of version 2 or 3 of SMB can, for each dialect it speaks.

The capabilities are bits of its answers to the negotiations (MS-SMB2, 2.2.4).
]]

---
-- @usage
-- perilune -p 445 --script smb2-capabilities TARGET
--
-- @output
-- Host script results:
-- | smb2-capabilities:
-- |   202:
-- |     Distributed File System
-- |   311:
-- |     Distributed File System
-- |     Leasing
-- |_    Multi-credit operations
--
-- @xmloutput
-- <table key="202">
--   <elem>Distributed File System</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "discovery" }

hostrule = function (host)
  return smb.get_port(host) ~= nil
end

local CAPABILITIES = {
  { 0x01, "Distributed File System" },
  { 0x02, "Leasing" },
  { 0x04, "Multi-credit operations" },
  { 0x08, "Multiple Channel support" },
  { 0x10, "Persistent handles" },
  { 0x20, "Directory Leasing" },
  { 0x40, "Encryption support" },
}

local function names_of (bits)
  local names = {}
  for _, capability in ipairs(CAPABILITIES) do
    if bits & capability[1] ~= 0 then names[#names + 1] = capability[2] end
  end
  if #names == 0 then names[1] = "All capabilities are disabled" end
  return names
end

action = function (host)
  local result = stdnse.output_table()
  for _, dialect in ipairs(smb2.dialects()) do
    local status, state = smb.start(host)
    if not status then break end
    local negotiated, chosen = smb2.negotiate_v2(state, { Dialects = { dialect } })
    state.socket:close()
    if negotiated and chosen == dialect then result[smb2.dialect_name(dialect)] = names_of(state.capabilities) end
  end
  if #result == 0 then return nil end
  return result
end
