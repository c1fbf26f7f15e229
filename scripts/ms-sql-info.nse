local mssql = require "mssql"
local nmap = require "nmap"
local stdnse = require "stdnse"

description = [[
Shows the instances of Microsoft SQL Server: version, service pack, name, port and pipe, as the browser service and the
servers themselves tell them.
]]

---
-- @usage
-- perilune -p 1433 --script ms-sql-info TARGET
-- perilune -p 445 --script ms-sql-info --script-args mssql.instance-all TARGET
--
-- @output
-- | ms-sql-info:
-- |   192.0.2.1\PROD:
-- |     Version:
-- |       name: Microsoft SQL Server 2012 SP1+
-- |       number: 11.00.3128.00
-- |       Product: Microsoft SQL Server 2012
-- |       Service pack level: SP1
-- |       Post-SP patches applied: true
-- |     Instance name: PROD
-- |_    TCP port: 1433

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

local function describe_version (version)
  local result = stdnse.output_table()
  local name = version.productName or "Microsoft SQL Server"
  if version.servicePackLevel then name = name .. " " .. version.servicePackLevel end
  if version.patched then name = name .. "+" end
  result["name"] = name
  result["number"] = version.versionNumber
  result["Product"] = version.productName
  result["Service pack level"] = version.servicePackLevel
  if version.patched ~= nil then result["Post-SP patches applied"] = version.patched end
  return result
end

local function look_at (instance)
  -- The browser tells what was installed, the server itself what runs.
  if instance.port then
    local status, err = mssql.Helper.GetInstanceVersion(instance)
    if not status then stdnse.debug1("%s: %s", instance:GetName(), err) end
  end
  local result = stdnse.output_table()
  if instance.version then result["Version"] = describe_version(instance.version) end
  result["Instance name"] = instance.instanceName
  if instance.port then result["TCP port"] = instance.port.number end
  result["Named pipe"] = instance.pipeName
  if instance.isClustered then result["Clustered"] = true end
  if instance.port and instance.version then
    local port = nmap.get_port_state(instance.host, instance.port)
    if port and port.state == "open" then
      instance.version:PopulateNmapPortVersion(port)
      nmap.set_port_version(instance.host, port)
    end
  end
  return result
end

action, portrule, hostrule = mssql.Helper.InitScript(look_at)
