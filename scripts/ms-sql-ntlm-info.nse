local mssql = require "mssql"
local ntlminfo = require "ntlminfo"
local stdnse = require "stdnse"

description = [[
Shows the names and the version that a Windows server tells before anybody logs in with NTLM, by Microsoft SQL Server.
]]

---
-- @usage
-- perilune -p 1433 --script ms-sql-ntlm-info TARGET
--
-- @output
-- | ms-sql-ntlm-info:
-- |   192.0.2.1:1433:
-- |     Target_Name: MOON
-- |     NetBIOS_Domain_Name: MOON
-- |     NetBIOS_Computer_Name: HOST1
-- |     DNS_Domain_Name: moon.example
-- |     DNS_Computer_Name: host1.moon.example
-- |_    Product_Version: 10.0.17763

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

local function look_at (instance)
  local stream = mssql.TDSStream:new()
  local status, answer = stream:ConnectEx(instance)
  if not status then
    stdnse.debug1("%s: %s", instance:GetName(), answer)
    return nil
  end
  local packet = mssql.LoginPacket:new()
  packet:SetServer(instance.host.ip)
  packet:SetSspi(ntlminfo.NEGOTIATE)
  status, answer = stream:Send(packet:ToString())
  if status then status, answer = stream:Receive() end
  stream:Disconnect()
  return status and ntlminfo.describe(answer) or nil
end

action, portrule, hostrule = mssql.Helper.InitScript(look_at)
