---
-- Accounts that scripts found, kept for the whole run.
--
-- @usage
-- local c = creds.Credentials:new(SCRIPT_NAME, host, port)
-- c:add("admin", "secret", creds.State.VALID)
-- for cred in c:getCredentials(creds.State.VALID + creds.State.PARAM) do
--   try(cred.user, cred.pass)
-- end
--
-- @args creds.global Accounts for all services, as <code>user:password</code>, several separated by commas. Scripts get
--                    them if they ask for state <code>PARAM</code>.
-- @args creds.[service] Accounts for one service, such as <code>creds.ftp</code>.
--
-- @copyright MIT OR Apache-2.0

local io = require "io"
local ipOps = require "ipOps"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("creds", stdnse.seeall)

--- What is known of an account; values can be combined when accounts are asked for.
-- @class table
-- @name State
State = {
  LOCKED = 1,
  VALID = 2,
  DISABLED = 4,
  CHANGEPW = 8,
  PARAM = 16,
  EXPIRED = 32,
  TIME_RESTRICTED = 64,
  HOST_RESTRICTED = 128,
  LOCKED_VALID = 256,
  DISABLED_VALID = 512,
  HASHED = 1024,
}

--- Texts of the states.
-- @class table
-- @name StateMsg
StateMsg = {
  [State.LOCKED] = "Account is locked",
  [State.VALID] = "Valid credentials",
  [State.DISABLED] = "Account is disabled",
  [State.CHANGEPW] = "Valid credentials, password must be changed at next logon",
  [State.PARAM] = "Credentials passed to script during Nmap execution",
  [State.EXPIRED] = "Valid credentials, account expired",
  [State.TIME_RESTRICTED] = "Valid credentials, account cannot log in at current time",
  [State.HOST_RESTRICTED] = "Valid credentials, account cannot log in from current host",
  [State.LOCKED_VALID] = "Valid credentials, account locked",
  [State.DISABLED_VALID] = "Valid credentials, account disabled",
  [State.HASHED] = "Hashed valid or invalid credentials",
}

--- Stands for the tags of all scripts.
-- @class table
-- @name ALL_DATA
ALL_DATA = {}

-- Account --------------------------------------------------------------------------------------------------------

--- An account, as output shows it.
-- @class table
-- @name Account
Account = {}
Account.__index = Account

--- Makes an account.
-- @name Account.new
-- @param username The name, or nil.
-- @param password The password, or nil.
-- @param state A state, or the text for it.
-- @return An account; <code>tostring</code> shows it as <code>user:password - state</code>.
function Account:new (username, password, state)
  return setmetatable({ username = username, password = password, state = StateMsg[state] or state }, self)
end

function Account:__tostring ()
  local user = self.username and self.username .. ":" or ""
  local password = (self.password or "") == "" and "<empty>" or self.password
  return string.format("%s%s - %s", user, password, tostring(self.state))
end

-- In the order of output, which shows that a password is empty.
function Account:__pairs ()
  local fields = {
    { "username", self.username },
    { "password", (self.password or "") == "" and "<empty>" or self.password },
    { "state", self.state },
  }
  local at = 0
  return function ()
    while at < #fields do
      at = at + 1
      local key, value = table.unpack(fields[at], 1, 2)
      if value ~= nil then return key, value end
    end
  end
end

function Account.__lt (a, b) return (a.username or "") < (b.username or "") end

-- RegStorage -----------------------------------------------------------------------------------------------------

--- Keeps accounts in the registry.
-- @class table
-- @name RegStorage
RegStorage = {}
RegStorage.__index = RegStorage

--- Opens the store.
-- @name RegStorage.new
-- @return The store, without a filter.
function RegStorage:new () return setmetatable({ filter = {} }, self) end

local function entries ()
  nmap.registry.creds = nmap.registry.creds or {}
  return nmap.registry.creds
end

--- Adds an account.
-- @name RegStorage.add
-- @param tags Array of tags.
-- @param host The host table.
-- @param port Number of the port, or nil.
-- @param service Name of the service, or nil.
-- @param user User name.
-- @param pass Password.
-- @param state A state.
function RegStorage:add (tags, host, port, service, user, pass, state)
  table.insert(entries(), {
    tags = tags, host = host, port = port, service = service, user = user, pass = pass, state = state,
  })
end

--- Limits what is returned.
-- @name RegStorage.setFilter
-- @param host The host table, an address, or nil.
-- @param port The port table, a number, or nil.
-- @param state Combined states, or nil.
function RegStorage:setFilter (host, port, state)
  self.filter = {
    ip = type(host) == "table" and host.ip or host,
    port = type(port) == "table" and port.number or port,
    state = state,
  }
end

--- Visits the accounts that pass the filter.
-- @name RegStorage.getAll
-- @return An iterator of tables with <code>host</code>, <code>port</code>, <code>service</code>, <code>user</code>,
--         <code>pass</code>, <code>state</code> and <code>tags</code>.
function RegStorage:getAll ()
  local all, filter, at = entries(), self.filter, 0
  return function ()
    while at < #all do
      at = at + 1
      local one = all[at]
      local ip = type(one.host) == "table" and one.host.ip or one.host
      if (not filter.ip or filter.ip == ip) and (not filter.port or filter.port == one.port)
        and (not filter.state or (type(one.state) == "number" and one.state & filter.state ~= 0)) then
        return one
      end
    end
  end
end

-- Credentials ----------------------------------------------------------------------------------------------------

--- The accounts of some tags, of a host and port or of all.
-- @class table
-- @name Credentials
Credentials = {}
Credentials.__index = Credentials

--- Opens the accounts.
-- @name Credentials.new
-- @param tags A tag, an array of tags, or <code>ALL_DATA</code>. Accounts with any of them are seen.
-- @param host The host table; nil for all hosts.
-- @param port The port table; nil for all ports.
-- @return An object.
function Credentials:new (tags, host, port)
  if type(tags) ~= "table" then tags = { tags } end
  local object = { tags = tags, host = host, port = port, storage = RegStorage:new() }
  return setmetatable(object, self)
end

local function port_number (port)
  if type(port) == "table" then return port.number end
  return port
end

--- Adds an account, once.
-- @name Credentials.add
-- @param user User name, or nil.
-- @param pass Password, or nil.
-- @param state A state.
function Credentials:add (user, pass, state)
  self.storage:setFilter(self.host, self.port)
  for one in self.storage:getAll() do
    if one.user == user and one.pass == pass and one.state == state then return end
  end
  local service = type(self.port) == "table" and self.port.service or nil
  self.storage:add(self.tags, self.host, port_number(self.port), service, user, pass, state)
end

local function shares_tag (wanted, tags)
  if #wanted == 0 then return true end
  for _, a in ipairs(wanted) do
    for _, b in ipairs(tags) do
      if a == b then return true end
    end
  end
  return false
end

-- Accounts the user gave for a service.
local function given (service)
  local list = {}
  for _, name in ipairs({ "creds.global", service and "creds." .. service }) do
    local text = nmap.registry.args and nmap.registry.args[name]
    if type(text) == "string" then
      for pair in string.gmatch(text, "[^,]+") do
        local user, pass = string.match(pair, "^([^:]*):(.*)$")
        list[#list + 1] = { user = user or pair, pass = pass or "", state = State.PARAM, tags = {} }
      end
    end
  end
  return list
end

--- Visits accounts.
-- @name Credentials.getCredentials
-- @param state Combined states. Default: all. Those the user gave come with <code>PARAM</code> only.
-- @return An iterator of tables as in <code>RegStorage.getAll</code>.
function Credentials:getCredentials (state)
  local found = {}
  if state and state & State.PARAM ~= 0 then
    found = given(type(self.port) == "table" and self.port.service or nil)
    for _, one in ipairs(found) do one.host, one.port = self.host, port_number(self.port) end
  end
  self.storage:setFilter(self.host, self.port, state)
  for one in self.storage:getAll() do
    if shares_tag(self.tags, one.tags) then found[#found + 1] = one end
  end
  local at = 0
  return function ()
    at = at + 1
    return found[at]
  end
end

local function address (host) return type(host) == "table" and host.ip or tostring(host) end

-- A table that is gone through in the order of `keys`; unlike an output table it can be looked into with `next`.
local function ordered (values, keys)
  return setmetatable(values, { __pairs = function ()
    local at = 0
    return function ()
      at = at + 1
      if keys[at] ~= nil then return keys[at], values[keys[at]] end
    end
  end })
end

local function sort_accounts (list)
  table.sort(list, function (a, b)
    if a.username ~= b.username then return (a.username or "") < (b.username or "") end
    return (a.password or "") < (b.password or "")
  end)
  return list
end

--- The accounts as structured output.
-- @name Credentials.getTable
-- @return An array of accounts if the object has a host and a port, a table by service if it has a host, else a table
--         by host and service; nil of nothing.
function Credentials:getTable ()
  local by_host, hosts = {}, {}
  for one in self:getCredentials() do
    local ip = address(one.host)
    if not by_host[ip] then
      by_host[ip] = { names = {}, lists = {} }
      hosts[#hosts + 1] = ip
    end
    local group = by_host[ip]
    local service = one.port and string.format("%s/%s", one.port, one.service or "unknown") or one.service or "unknown"
    if not group.lists[service] then
      group.lists[service] = {}
      group.names[#group.names + 1] = service
    end
    table.insert(group.lists[service], Account:new(one.user, one.pass, one.state))
  end
  if #hosts == 0 then return nil end
  if self.host and self.port then
    local group = by_host[hosts[1]]
    return sort_accounts(group.lists[group.names[1]])
  end
  ipOps.ip_sort(hosts)
  local out = {}
  for _, ip in ipairs(hosts) do
    local group = by_host[ip]
    table.sort(group.names, function (a, b)
      local x, y = tonumber(string.match(a, "^%d+")) or 0, tonumber(string.match(b, "^%d+")) or 0
      if x ~= y then return x < y end
      return a < b
    end)
    for _, accounts in pairs(group.lists) do sort_accounts(accounts) end
    out[ip] = ordered(group.lists, group.names)
  end
  if self.host then return out[hosts[1]] end
  return ordered(out, hosts)
end

function Credentials:__tostring ()
  local accounts = {}
  for one in self:getCredentials() do accounts[#accounts + 1] = tostring(Account:new(one.user, one.pass, one.state)) end
  table.sort(accounts)
  return table.concat(accounts, "\n")
end

local function csv (text) return '"' .. string.gsub(tostring(text or ""), '"', '""') .. '"' end

-- How an account is written, for each format.
local WRITERS = {
  csv = function (one)
    return table.concat({
      csv(address(one.host)), csv(one.port), csv(one.service), csv(one.user), csv(one.pass),
      csv(StateMsg[one.state] or one.state),
    }, ",")
  end,
  verbose = function (one)
    return string.format("%s:%s:%s", one.user or "", one.pass or "", StateMsg[one.state] or tostring(one.state))
  end,
  plain = function (one) return string.format("%s:%s", one.user or "", one.pass or "") end,
}

--- Writes the accounts to a file.
-- @name Credentials.saveToFile
-- @param filename The path.
-- @param fileformat <code>csv</code>, <code>verbose</code> or <code>plain</code>.
-- @return True; or false and a message.
function Credentials:saveToFile (filename, fileformat)
  local write = WRITERS[fileformat]
  if not write then return false, "Unknown fileformat" end
  local file, message = io.open(filename, "w")
  if not file then return false, message end
  for one in self:getCredentials() do file:write(write(one), "\n") end
  file:close()
  return true
end

return _ENV
