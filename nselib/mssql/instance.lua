---
-- Microsoft SQL Server: versions, instances and how they are found (MC-SQLR). Scripts reach this as
-- <code>mssql.SqlServerVersionInfo</code>, <code>mssql.SqlServerInstanceInfo</code> and <code>mssql.SSRP</code>.
--
-- @copyright MIT OR Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("mssql.instance", stdnse.seeall)

local TIMEOUT_MS = 5000

-- Versions --------------------------------------------------------------------------------------------------------

-- Major and minor number, brand, and the builds with which a service pack begins.
local PRODUCTS = {
  { 6, 5, "6.5", {} },
  { 7, 0, "7.0", { { 623, "RTM" }, { 699, "SP1" }, { 842, "SP2" }, { 961, "SP3" }, { 1063, "SP4" } } },
  { 8, 0, "2000", { { 194, "RTM" }, { 384, "SP1" }, { 532, "SP2" }, { 760, "SP3" }, { 2039, "SP4" } } },
  { 9, 0, "2005", { { 1399, "RTM" }, { 2047, "SP1" }, { 3042, "SP2" }, { 4035, "SP3" }, { 5000, "SP4" } } },
  { 10, 50, "2008 R2", { { 1600, "RTM" }, { 2500, "SP1" }, { 4000, "SP2" }, { 6000, "SP3" } } },
  { 10, 0, "2008", { { 1600, "RTM" }, { 2531, "SP1" }, { 4000, "SP2" }, { 5500, "SP3" }, { 6000, "SP4" } } },
  { 11, 0, "2012", { { 2100, "RTM" }, { 3000, "SP1" }, { 5058, "SP2" }, { 6020, "SP3" }, { 7001, "SP4" } } },
  { 12, 0, "2014", { { 2000, "RTM" }, { 4100, "SP1" }, { 5000, "SP2" }, { 6024, "SP3" } } },
  { 13, 0, "2016", { { 1601, "RTM" }, { 4001, "SP1" }, { 5026, "SP2" }, { 6300, "SP3" } } },
  { 14, 0, "2017", { { 1000, "RTM" } } },
  { 15, 0, "2019", { { 2000, "RTM" } } },
  { 16, 0, "2022", { { 1000, "RTM" } } },
}

--- The version of a server.
-- @class table
-- @name SqlServerVersionInfo
SqlServerVersionInfo = { versionNumber = "" }
SqlServerVersionInfo.__index = SqlServerVersionInfo

--- Makes an empty version.
-- @return The version.
function SqlServerVersionInfo:new ()
  return setmetatable({}, self)
end

--- Sets the version from text.
-- @param versionNumber Text such as <code>15.0.2000.5</code>.
-- @param source Where it is from, such as <code>SSRP</code>.
function SqlServerVersionInfo:SetVersionNumber (versionNumber, source)
  local major, minor, build, sub = string.match(versionNumber, "^(%d+)%.(%d+)%.?(%d*)%.?(%d*)")
  if not major then return end
  self:SetVersion(tonumber(major), tonumber(minor), tonumber(build) or 0, tonumber(sub) or 0, source)
end

--- Sets the version from numbers.
-- @param major Major number.
-- @param minor Minor number.
-- @param build Build.
-- @param subBuild Part of the build.
-- @param source Where it is from.
function SqlServerVersionInfo:SetVersion (major, minor, build, subBuild, source)
  self.major, self.minor, self.build, self.subBuild, self.source = major, minor, build, subBuild, source
  self.versionNumber = ("%d.%02d.%04d.%02d"):format(major, minor, build, subBuild)
  self:_InferProductVersion()
end

-- The row of the product.
function SqlServerVersionInfo:_GetSpLookupTable ()
  for _, product in ipairs(PRODUCTS) do
    if product[1] == self.major and self.minor >= product[2] then return product end
  end
end

-- Brand and service pack from the numbers.
function SqlServerVersionInfo:_InferProductVersion ()
  local product = self:_GetSpLookupTable()
  if not product then
    self.productName = "Microsoft SQL Server"
    return
  end
  self.brandedVersion = product[3]
  self.productName = "Microsoft SQL Server " .. product[3]
  for _, level in ipairs(product[4]) do
    if self.build >= level[1] then
      self.servicePackLevel = level[2]
      -- Only who asked the server itself can tell a patched server: the browser tells the installed version.
      if self.source ~= "SSRP" then self.patched = self.build > level[1] end
    end
  end
end

--- The version as text.
-- @return Text such as <code>Microsoft SQL Server 2012 SP1+</code>.
function SqlServerVersionInfo:ToString ()
  local text = self.productName or "Microsoft SQL Server"
  if self.servicePackLevel then text = text .. " " .. self.servicePackLevel end
  if self.patched then text = text .. "+" end
  return text
end

--- Writes the version into a port's version.
-- @param port The port table.
function SqlServerVersionInfo:PopulateNmapPortVersion (port)
  port.service = "ms-sql-s"
  port.version = port.version or {}
  port.version.name = "ms-sql-s"
  port.version.product = self.productName
  local parts = { self.versionNumber }
  if self.servicePackLevel then parts[#parts + 1] = self.servicePackLevel .. (self.patched and "+" or "") end
  port.version.version = table.concat(parts, "; ")
  return port
end

-- Instances -------------------------------------------------------------------------------------------------------

--- An instance of the server: <code>host</code>, <code>port</code>, <code>serverName</code>, <code>instanceName</code>,
-- <code>version</code>, <code>pipeName</code>, <code>isClustered</code>.
-- @class table
-- @name SqlServerInstanceInfo
SqlServerInstanceInfo = {}
SqlServerInstanceInfo.__index = SqlServerInstanceInfo

--- Makes an instance.
-- @param o A table to use, or nil.
-- @return The instance.
function SqlServerInstanceInfo:new (o)
  return setmetatable(o or {}, self)
end

SqlServerInstanceInfo.__eq = function (self, other)
  if self.host ~= other.host and (self.host or {}).ip ~= (other.host or {}).ip then return false end
  if self.port and other.port then return self.port.number == other.port.number end
  if self.instanceName and other.instanceName then
    return string.upper(self.instanceName) == string.upper(other.instanceName)
  end
  return self.pipeName ~= nil and self.pipeName == other.pipeName
end

--- Takes over what another one knows.
-- @param other The other instance.
-- @param overwrite True if the other one knows better.
function SqlServerInstanceInfo:Merge (other, overwrite)
  for _, name in ipairs({ "host", "port", "instanceName", "version", "isClustered", "pipeName", "serverName" }) do
    if other[name] ~= nil and (overwrite or self[name] == nil) then self[name] = other[name] end
  end
end

--- The instance's name for output.
-- @return Text such as <code>192.0.2.1\PROD</code> or <code>192.0.2.1:1433</code>.
function SqlServerInstanceInfo:GetName ()
  local address = self.host and self.host.ip or "?"
  if self.instanceName then return address .. "\\" .. self.instanceName end
  if self.port then return ("%s:%d"):format(address, self.port.number) end
  return self.pipeName or address
end

--- Sets whether it is part of a cluster.
-- @param isClustered What the server says: text with "Yes", or a boolean.
function SqlServerInstanceInfo:SetIsClustered (isClustered)
  self.isClustered = isClustered == true or string.upper(tostring(isClustered)) == "YES"
end

--- Tells whether there is a way to connect.
-- @return True or false.
function SqlServerInstanceInfo:HasNetworkProtocols ()
  return self.pipeName ~= nil or self.port ~= nil
end

-- Discovery -------------------------------------------------------------------------------------------------------

--- The protocol of the browser service.
-- @class table
-- @name SSRP
SSRP = {
  PORT = { number = 1434, protocol = "udp" },
  DEBUG_ID = "MSSQL-SSRP",
  MESSAGE_TYPE = { ClientBroadcast = 0x02, ClientUnicast = 0x03, ClientUnicastInst = 0x04, ClientUnicastDac = 0x0f,
    ServerResponse = 0x05 },
}

--- Reads the description of instances: pairs of names and values, each instance begins with <code>ServerName</code>.
-- @param host The host table.
-- @param ssrpString The description.
-- @return An array of instances.
function SSRP._ParseSsrpString (host, ssrpString)
  local instances = {}
  for text in string.gmatch(ssrpString .. ";;", "(.-);;") do
    local values = {}
    for name, value in string.gmatch(text .. ";", "([^;]+);([^;]*);") do values[string.lower(name)] = value end
    if values.servername then
      local one = SqlServerInstanceInfo:new()
      one.host, one.serverName, one.instanceName = host, values.servername, values.instancename
      one:SetIsClustered(values.isclustered)
      local number = tonumber(values.tcp)
      if number and number > 0 and number < 65536 then
        one.port = { number = number, protocol = "tcp", state = "open" }
      end
      one.pipeName = values.np
      if values.version then
        one.version = SqlServerVersionInfo:new()
        one.version:SetVersionNumber(values.version, "SSRP")
        if one.port then one.version:PopulateNmapPortVersion(one.port) end
      end
      instances[#instances + 1] = one
    end
  end
  return instances
end

--- Reads an answer.
-- @param host The host table.
-- @param responseData The datagram.
-- @return An array of instances, empty if the answer is malformed.
function SSRP._ProcessResponse (host, responseData)
  if #responseData < 3 then return {} end
  local kind, len, pos = string.unpack("<BI2", responseData)
  if kind ~= SSRP.MESSAGE_TYPE.ServerResponse then return {} end
  return SSRP._ParseSsrpString(host, string.sub(responseData, pos, pos + len - 1))
end

--- Asks the browser service of a host.
-- @param host The host table.
-- @param port The service's port. Default: 1434.
-- @return True or false.
-- @return An array of instances, or an error.
function SSRP.DiscoverInstances (host, port)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(TIMEOUT_MS)
  local status, data = socket:connect(host, port or SSRP.PORT, "udp")
  if status then status, data = socket:send(string.char(SSRP.MESSAGE_TYPE.ClientUnicast)) end
  if status then status, data = socket:receive() end
  socket:close()
  if not status then return false, data end
  return true, SSRP._ProcessResponse(host, data)
end

return _ENV
