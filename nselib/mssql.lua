---
-- Microsoft SQL Server: discovery of instances (MC-SQLR), the protocol of its clients (MS-TDS 7.1), queries.
--
-- A script gives a function to <code>Helper.InitScript</code>, which calls it for every instance of the target:
--
-- @usage
-- local function look_at (instance)
--   local helper = mssql.Helper:new()
--   local status, err = helper:ConnectEx(instance)
--   ...
-- end
-- action, portrule, hostrule = mssql.Helper.InitScript(look_at)
--
-- @args mssql.username Who to log in as.
-- @args mssql.password The password.
-- @args mssql.database The database to use. Default: <code>master</code>.
-- @args mssql.domain The domain of a Windows login.
-- @args mssql.instance-name Only instances of this name.
-- @args mssql.instance-port Only the instance at this port.
-- @args mssql.instance-all All instances of the target.
--
-- @copyright MIT OR Apache-2.0

local instance = require "mssql.instance"
local match = require "match"
local nmap = require "nmap"
local packet = require "mssql.packet"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local token = require "mssql.token"
_ENV = stdnse.module("mssql", stdnse.seeall)

MSSQL_TIMEOUT = 5000

local RESPONSE_LEN_MAX = 32 * 1024 * 1024

for _, part in ipairs({ instance, packet, token }) do
  for name, value in pairs(part) do
    if string.sub(name, 1, 1) ~= "_" then _ENV[name] = value end
  end
end

-- Connection ------------------------------------------------------------------------------------------------------

--- A connection: payloads in packets of at most 4,096 bytes.
-- @class table
-- @name TDSStream
TDSStream = { _packetId = 0, MESSAGE_STATUS_FLAGS = { Normal = 0, EndOfMessage = 1, IgnoreThisEvent = 2, ResetConnection = 8,
  ResetConnectionSkipTran = 16 } }
TDSStream.__index = TDSStream

local PACKET_LEN_MAX = 4096

--- Makes a connection object; nothing is sent.
-- @return The object.
function TDSStream:new ()
  return setmetatable({}, self)
end

--- Connects by TCP.
-- @param host The host table.
-- @param port The port table or a number.
-- @return True or false.
-- @return An error.
function TDSStream:Connect (host, port)
  local number = type(port) == "table" and port.number or port
  self._socket = nmap.new_socket()
  self._socket:set_timeout(MSSQL_TIMEOUT)
  local status, err = self._socket:connect(host, number, "tcp")
  if not status then return false, "Connect() failed: " .. tostring(err) end
  self._name = ("%s:%d"):format(type(host) == "table" and host.ip or host, number)
  return true
end

--- Connects to an instance.
-- @param instanceInfo The instance; it needs a port.
-- @return True or false.
-- @return An error.
function TDSStream:ConnectEx (instanceInfo)
  if not instanceInfo.port then return false, "No TCP port is available for this instance" end
  return self:Connect(instanceInfo.host, instanceInfo.port)
end

--- Closes the connection.
-- @return True or false.
function TDSStream:Disconnect ()
  if not self._socket then return false end
  local status = self._socket:close()
  self._socket = nil
  return status
end

--- Sets how long to wait.
-- @param timeout Milliseconds.
function TDSStream:SetTimeout (timeout)
  if self._socket then self._socket:set_timeout(timeout) end
end

--- Sends a payload.
-- @param packetType The kind of packet.
-- @param packetData The payload.
-- @return True or false.
-- @return An error.
function TDSStream:Send (packetType, packetData)
  if not self._socket then return false, "not connected" end
  local room, pos = PACKET_LEN_MAX - 8, 1
  repeat
    local part = string.sub(packetData, pos, pos + room - 1)
    pos = pos + room
    self._packetId = self._packetId % 255 + 1
    local last = pos > #packetData
    local status, err = self._socket:send(string.pack(">BBI2I2BB", packetType, last and 1 or 0, #part + 8, 0,
      self._packetId, 0) .. part)
    if not status then return false, err end
  until last
  return true
end

--- Reads a payload.
-- @return True or false.
-- @return The payload, or an error.
function TDSStream:Receive ()
  if not self._socket then return false, "not connected" end
  local parts, total = {}, 0
  while true do
    local status, head = self._socket:receive_buf(match.numbytes(8), true)
    if not status then return false, head end
    local kind, flags, len = string.unpack(">BBI2", head)
    if kind ~= PacketType.Response or len < 8 then return false, "Server returned invalid packet" end
    if len > 8 then
      local received, data = self._socket:receive_buf(match.numbytes(len - 8), true)
      if not received then return false, data end
      parts[#parts + 1] = data
      total = total + #data
    end
    if total > RESPONSE_LEN_MAX then return false, "the answer is too long" end
    if flags & 1 == 1 then return true, table.concat(parts) end
  end
end

-- What scripts use ------------------------------------------------------------------------------------------------

--- A session, and the discovery of instances.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper; nothing is sent.
-- @return The helper.
function Helper:new ()
  return setmetatable({}, self)
end

--- Connects.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
-- @return An error.
function Helper:Connect (host, port)
  self.stream = TDSStream:new()
  return self.stream:Connect(host, port)
end

--- Connects to an instance.
-- @param instanceInfo The instance.
-- @return True or false.
-- @return An error.
function Helper:ConnectEx (instanceInfo)
  self.stream = TDSStream:new()
  return self.stream:ConnectEx(instanceInfo)
end

--- Closes the connection.
-- @return True or false.
-- @return An error.
function Helper:Disconnect ()
  if not self.stream then return false, "Not connected to server" end
  self.stream:Disconnect()
  self.stream = nil
  return true
end

--- Logs in.
-- @param username The user's name.
-- @param password The password.
-- @param database The database. Default: <code>master</code>.
-- @param servername The server's name.
-- @return True if the login is accepted, else false.
-- @return A text.
-- @return The number of the error.
function Helper:Login (username, password, database, servername)
  if not self.stream then return false, "Not connected to server" end
  local packet = LoginPacket:new()
  packet:SetUsername(username)
  packet:SetPassword(password or "")
  packet:SetDatabase(database or (stdnse.get_script_args("mssql.database")) or "master")
  packet:SetServer(servername or "")
  local status, data = self.stream:Send(packet:ToString())
  if not status then return false, data end
  status, data = self.stream:Receive()
  if not status then
    -- A server that wants encryption hangs up.
    if data == "EOF" then return false, "The server hung up; it may want encryption" end
    return false, data
  end
  local ok, answer = pcall(read_answer, data)
  if not ok then return false, "the answer is malformed" end
  if answer.accepted then return true, "Login Success" end
  local failure = answer.failure
  if not failure then return false, "Failed to process login response" end
  if failure.errno == LoginErrorType.InvalidUsernameOrPassword then return false, "Bad username or password", failure.errno end
  return false, LoginErrorMessage[failure.errno] or failure.error, failure.errno
end

--- Logs in to an instance with what is known: arguments, or what other scripts found.
-- @param instanceInfo The instance.
-- @param database The database.
-- @param servername The server's name.
-- @return True if a login is accepted, else false.
-- @return A text.
function Helper:LoginEx (instanceInfo, database, servername)
  local all = Helper.GetLoginCredentials_All(instanceInfo)
  if not all then return false, "No login credentials" end
  for username, password in pairs(all) do
    local status, err = self:Login(username, password, database, servername or instanceInfo.host.ip)
    if status then return true, err end
    self:Disconnect()
    status = self:ConnectEx(instanceInfo)
    if not status then break end
  end
  return false, "Could not log in with the credentials that are known"
end

--- Runs statements.
-- @param query The statements.
-- @return True or false.
-- @return A table with <code>colinfo</code>, an array of columns with <code>text</code> and <code>type</code>, and
--         <code>rows</code>, an array of arrays; or an error.
function Helper:Query (query)
  if not self.stream then return false, "Not connected to server" end
  local packet = QueryPacket:new()
  packet:SetQuery(query)
  local status, data = self.stream:Send(packet:ToString())
  if not status then return false, data end
  status, data = self.stream:Receive()
  if not status then return false, data end
  local ok, answer = pcall(read_answer, data)
  if not ok then return false, "the answer is malformed: " .. tostring(answer) end
  if answer.failure and #answer.rows == 0 then return false, answer.failure.error end
  return true, { colinfo = answer.colinfo, rows = answer.rows }
end

--- Asks the server itself for its version; the instance is filled in.
-- @param instanceInfo The instance.
-- @return True or false.
-- @return The version, or an error.
function Helper.GetInstanceVersion (instanceInfo)
  local stream = TDSStream:new()
  local status, data = stream:ConnectEx(instanceInfo)
  if not status then return false, data end
  local packet = PreLoginPacket:new()
  packet:SetInstanceName(instanceInfo.instanceName)
  status, data = stream:Send(packet:ToBytes())
  if status then status, data = stream:Receive() end
  stream:Disconnect()
  if not status then return false, data end
  local parsed, answer = PreLoginPacket.FromBytes(data)
  if not parsed then return false, answer end
  if not answer.versionInfo then return false, "the server tells no version" end
  instanceInfo.version = answer.versionInfo
  return true, answer.versionInfo
end

local function registry_of (host)
  local registry = nmap.registry
  registry.mssql = registry.mssql or { instances = {}, discovery_performed = {} }
  registry.mssql.instances[host.ip] = registry.mssql.instances[host.ip] or {}
  return registry.mssql
end

--- Keeps an instance, merged with what is known of it.
-- @param newInstance The instance.
-- @return The instance that is kept.
function Helper.AddOrMergeInstance (newInstance)
  local list = registry_of(newInstance.host).instances[newInstance.host.ip]
  for _, one in ipairs(list) do
    if one == newInstance then
      one:Merge(newInstance, true)
      return one
    end
  end
  list[#list + 1] = newInstance
  return newInstance
end

--- The instances found so far.
-- @param host The host table.
-- @param port The port table, for those at this port only.
-- @return An array, or nil if there are none.
function Helper.GetDiscoveredInstances (host, port)
  local found = {}
  for _, one in ipairs(registry_of(host).instances[host.ip]) do
    if not port or one.port and one.port.number == port.number then found[#found + 1] = one end
  end
  if #found == 0 then return nil end
  return found
end

--- Tells whether a host's instances were looked for.
-- @param host The host table.
-- @return True or false.
function Helper.WasDiscoveryPerformed (host)
  return registry_of(host).discovery_performed[host.ip] == true
end

--- Looks for instances by the browser service.
-- @param host The host table.
-- @param port The service's port.
-- @return True or false.
-- @return An array of instances, or an error.
function Helper.DiscoverBySsrp (host, port)
  local status, found = SSRP.DiscoverInstances(host, port)
  if not status then return false, found end
  local kept = {}
  for i, one in ipairs(found) do kept[i] = Helper.AddOrMergeInstance(one) end
  return true, kept
end

--- Asks a port whether an instance is there.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
-- @return An array with the instance, or an error.
function Helper.DiscoverByTcp (host, port)
  local one = SqlServerInstanceInfo:new({ host = host, port = port })
  local status, version = Helper.GetInstanceVersion(one)
  if not status then return false, version end
  version:PopulateNmapPortVersion(port)
  return true, { Helper.AddOrMergeInstance(one) }
end

--- Looks for the instances of a host once.
-- @param host The host table.
function Helper.Discover (host)
  local registry = registry_of(host)
  -- Scripts that come while one looks wait for what it finds.
  local mutex = nmap.mutex("mssql " .. host.ip)
  mutex("lock")
  if registry.discovery_performed[host.ip] then
    mutex("done")
    return
  end
  registry.discovery_performed[host.ip] = true
  Helper.DiscoverBySsrp(host)
  local port
  repeat
    port = nmap.get_ports(host, port, "tcp", "open")
    if port and (port.number == 1433 or port.service == "ms-sql-s") then
      if not Helper.GetDiscoveredInstances(host, port) then Helper.DiscoverByTcp(host, port) end
    end
  until not port
  mutex("done")
end

--- The instances that the arguments choose.
-- @param host The host table.
-- @param port The port table, for those at this port only.
-- @return True or false.
-- @return An array of instances, or a text.
function Helper.GetTargetInstances (host, port)
  Helper.Discover(host)
  local found = Helper.GetDiscoveredInstances(host, port)
  if not found then return false, "No instances found" end
  local name, number = stdnse.get_script_args("mssql.instance-name", "mssql.instance-port")
  if port or not name and not number then return true, found end
  local chosen = {}
  for _, one in ipairs(found) do
    local by_name = name and one.instanceName and string.upper(one.instanceName) == string.upper(name)
    local by_port = number and one.port and one.port.number == tonumber(number)
    if by_name or by_port then chosen[#chosen + 1] = one end
  end
  if #chosen == 0 then return false, "No matching instances found" end
  return true, chosen
end

--- Names and passwords that are known for an instance.
-- @param instanceInfo The instance.
-- @return A table of passwords by name, or nil.
function Helper.GetLoginCredentials_All (instanceInfo)
  local username, password = stdnse.get_script_args("mssql.username", "mssql.password")
  if username then return { [username] = password or "" } end
  local known = registry_of(instanceInfo.host).credentials
  known = known and known[instanceInfo:GetName()] or instanceInfo.credentials
  if known and next(known) then return known end
  return nil
end

--- A name and a password for an instance.
-- @param instanceInfo The instance.
-- @return The name and the password; nil if none is known.
function Helper.GetLoginCredentials (instanceInfo)
  local all = Helper.GetLoginCredentials_All(instanceInfo)
  if not all then return nil end
  return next(all)
end

--- Asks for the port of an instance's connection for administrators.
-- @param instance The instance.
-- @return The number, or nil.
-- @return An error.
function Helper.DiscoverDACPort (instance)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(MSSQL_TIMEOUT)
  local status, data = socket:connect(instance.host, SSRP.PORT, "udp")
  if status then status, data = socket:send("\x0f\1" .. (instance.instanceName or "MSSQLSERVER") .. "\0") end
  if status then status, data = socket:receive() end
  socket:close()
  if not status then return nil, data end
  if #data < 6 or string.byte(data) ~= 5 then return nil, "the answer is malformed" end
  return (string.unpack("<I2", data, 5))
end

--- Makes the functions of a script that looks at every instance.
-- @param process_instance A function of an instance; what it returns is shown under the instance's name.
-- @return The action.
-- @return The port rule.
-- @return The host rule: true for hosts whose instances are only found by the browser service.
function Helper.InitScript (process_instance)
  local by_port = shortport.port_or_service({ 1433 }, "ms-sql-s")

  local function action (host, port)
    local status, instances = Helper.GetTargetInstances(host, port)
    if not status then return nil end
    local output = stdnse.output_table()
    for _, one in ipairs(instances) do
      local result = process_instance(one)
      if result ~= nil then output[one:GetName()] = result end
    end
    if #output == 0 then return nil end
    return output
  end

  local function hostrule (host)
    local all, name, number = stdnse.get_script_args("mssql.instance-all", "mssql.instance-name", "mssql.instance-port")
    if not (all or name or number) then return false end
    Helper.Discover(host)
    for _, one in ipairs(Helper.GetDiscoveredInstances(host) or {}) do
      local state = one.port and nmap.get_port_state(host, one.port)
      if not state or state.state ~= "open" then return true end
    end
    return false
  end

  return action, by_port, hostrule
end

--- Helpers.
-- @class table
-- @name Util
Util = {}

--- Formats a result: a line for each row, columns with tabs between them.
-- @param tbl A result of <code>Helper:Query</code>.
-- @param with_headers True to put the columns' names in front.
-- @return An array of lines.
function Util.FormatOutputTable (tbl, with_headers)
  local lines = {}
  if with_headers and tbl.colinfo and #tbl.rows > 0 then
    local names, rule = {}, {}
    for i, column in ipairs(tbl.colinfo) do
      names[i] = column.text
      rule[i] = ("="):rep(#column.text)
    end
    lines[1], lines[2] = table.concat(names, "\t"), table.concat(rule, "\t")
  end
  for _, row in ipairs(tbl.rows or {}) do
    local texts = {}
    for i, value in ipairs(row) do texts[i] = tostring(value) end
    lines[#lines + 1] = table.concat(texts, "\t")
  end
  return lines
end

return _ENV
