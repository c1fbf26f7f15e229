local iscsi = require "iscsi"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Lists the targets of an iSCSI portal (RFC 7143) with their addresses, and whether one can log on to them without a
password.
]]

---
-- @usage
-- perilune -p 3260 --script iscsi-info TARGET
--
-- @output
-- 3260/tcp open  iscsi
-- | iscsi-info:
-- |   iqn.2026-01.example.sea:disk:
-- |     Address: 192.0.2.7:3260,1
-- |_    Authentication: NOT required
--
-- @xmloutput
-- <table key="iqn.2026-01.example.sea:disk">
--   <elem key="Address">192.0.2.7:3260,1</elem>
--   <elem key="Authentication">NOT required</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe", "discovery" }

portrule = shortport.port_or_service(3260, { "iscsi", "iscsi-target" }, "tcp")

local MAX_TARGETS = 50

-- Whether a target wants a password: it is logged on to, and off again.
local function authentication (host, port, target)
  local helper = iscsi.Helper:new(host, port)
  if not helper:connect() then return "unknown" end
  local status, response = helper:login(target)
  if status then helper:logout() end
  helper:close()
  if status then return "NOT required" end
  local code = response:getErrorCode()
  if code == iscsi.Packet.LoginResponse.Errors.AUTH_FAILED then return "required" end
  stdnse.debug1("%s: %s", target, response:getErrorMessage())
  return code == 0x0202 and "No permission" or "unknown"
end

action = function (host, port)
  local helper = iscsi.Helper:new(host, port)
  if not helper:connect() then return nil end
  local status, targets = helper:discoverTargets()
  helper:logout()
  helper:close()
  if not status then
    stdnse.debug1("no list of targets: %s", targets)
    return nil
  end

  local result, registry = stdnse.output_table(), {}
  for i, target in ipairs(targets) do
    if i > MAX_TARGETS then break end
    local entry = stdnse.output_table()
    entry.Address = #target.addr > 1 and target.addr or target.addr[1]
    entry.Authentication = authentication(host, port, target.name)
    result[target.name], registry[i] = entry, target.name
  end
  if #registry == 0 then return nil end
  -- Whoever guesses passwords needs the names.
  host.registry["iscsi-info"] = { targets = registry }
  return result
end
