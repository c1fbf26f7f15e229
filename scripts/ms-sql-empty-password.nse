local mssql = require "mssql"
local stdnse = require "stdnse"

description = [[
Tells whether an instance of Microsoft SQL Server lets <code>sa</code> in without a password.
]]

---
-- @usage
-- perilune -p 1433 --script ms-sql-empty-password TARGET
--
-- @output
-- | ms-sql-empty-password:
-- |   192.0.2.1:1433:
-- |_    sa:<empty> => Login Success

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "auth", "intrusive" }

local function look_at (instance)
  local helper = mssql.Helper:new()
  local status, err = helper:ConnectEx(instance)
  if not status then
    stdnse.debug1("%s: %s", instance:GetName(), err)
    return nil
  end
  local login, message, code = helper:Login("sa", "", nil, instance.host.ip)
  helper:Disconnect()
  if login then
    instance.credentials = instance.credentials or {}
    instance.credentials.sa = ""
    return { "sa:<empty> => Login Success" }
  end
  if code == mssql.LoginErrorType.PasswordExpired or code == mssql.LoginErrorType.PasswordMustChange then
    return { "sa:<empty> => " .. mssql.LoginErrorMessage[code] }
  end
  stdnse.debug1("%s: %s", instance:GetName(), message)
  return nil
end

action, portrule, hostrule = mssql.Helper.InitScript(look_at)
