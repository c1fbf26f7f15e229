local smb = require "smb"
local stdnse = require "stdnse"

description = [[
Lists the shares of a host and what can be done with them, as nobody in particular and with the present account.

The server service tells the shares' names (NetrShareEnum, MS-SRVS, 3.1.4.8); rights are tried out by connecting and by
making a file that deletes itself. Servers that tell nobody are asked for the names that shares usually have.
]]

---
-- @args smbusername, smbpassword, smbdomain See library <code>smbauth</code>.
--
-- @usage
-- perilune -p 445 --script smb-enum-shares TARGET
--
-- @output
-- Host script results:
-- | smb-enum-shares:
-- |   account_used: guest
-- |   \\192.0.2.10\public:
-- |     Type: STYPE_DISKTREE
-- |     Comment: Public files
-- |     Users: 0
-- |     Max Users: <unlimited>
-- |     Path: C:\srv\public
-- |     Anonymous access: READ/WRITE
-- |_    Current user access: READ/WRITE
--
-- @xmloutput
-- <elem key="account_used">guest</elem>
-- <table key="\\192.0.2.10\public">
--   <elem key="Type">STYPE_DISKTREE</elem>
--   <elem key="Anonymous access">READ/WRITE</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }
dependencies = { "smb-brute" }

hostrule = function (host)
  return smb.get_port(host) ~= nil
end

local function rights (can_read, can_write)
  -- A share without files, such as that of pipes, has nothing to write to.
  local pipes = can_write == "NT_STATUS_OBJECT_NAME_NOT_FOUND"
  if can_read == true and (can_write == true or pipes) then return "READ/WRITE" end
  if can_read == true then return "READ" end
  if can_write == true then return "WRITE" end
  return "<none>"
end

local function describe (share)
  local entry = stdnse.output_table()
  local details = share.details
  if type(details) == "table" then
    entry.Type = details.sharetype
    entry.Comment = details.comment
    entry.Users = details.current_users
    entry["Max Users"] = details.max_users
    entry.Path = details.path
  elseif share.denied_error then
    entry.warning = "Couldn't get details for share: " .. share.denied_error
  end
  if share.user_can_read ~= nil then
    entry["Anonymous access"] = rights(share.anonymous_can_read, share.anonymous_can_write)
    entry["Current user access"] = rights(share.user_can_read, share.user_can_write)
  end
  return entry
end

action = function (host)
  local status, shares = smb.share_get_list(host)
  if not status then
    stdnse.debug1("%s", tostring(shares))
    return nil
  end
  local result = stdnse.output_table()
  local found, username = smb.get_account(host)
  if found then result.account_used = username ~= "" and username or "<blank>" end
  for _, share in ipairs(shares) do result[share.name] = describe(share) end
  return result
end
