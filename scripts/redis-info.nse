local nmap = require "nmap"
local redis = require "redis"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows version, system, load, memory and clients of a Redis server that asks for no password, or whose password is known.
]]

---
-- @args redis-info.password The password. Default: what <code>redis-brute</code> found.
--
-- @usage
-- perilune -p 6379 --script redis-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 6379/tcp open  redis
-- | redis-info:
-- |   Version: 7.0.15
-- |   Operating System: Linux 6.1.0 x86_64
-- |   Architecture: 64 bits
-- |   Process ID: 821
-- |   Used CPU (sys): 2.37
-- |   Used CPU (user): 1.02
-- |   Connected clients: 1
-- |   Connected slaves: 0
-- |   Used memory: 726.25K
-- |   Role: master
-- |   Bind addresses:
-- |     127.0.0.1
-- |   Client connections:
-- |_    127.0.0.1

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }
dependencies = { "redis-brute" }

portrule = shortport.port_or_service(6379, "redis")

-- Names of fields in the answer to INFO, and how they are shown.
local FIELDS = {
  { "redis_version", "Version" },
  { "os", "Operating System" },
  { "arch_bits", "Architecture", function (value) return value .. " bits" end },
  { "process_id", "Process ID" },
  { "used_cpu_sys", "Used CPU (sys)" },
  { "used_cpu_user", "Used CPU (user)" },
  { "connected_clients", "Connected clients" },
  { "connected_slaves", "Connected slaves" },
  { "used_memory_human", "Used memory" },
  { "role", "Role" },
}

local function passwords (host, port)
  local list = { false }
  local argument = stdnse.get_script_args(SCRIPT_NAME .. ".password")
  if argument then list[#list + 1] = argument end
  local ok, creds = pcall(require, "creds")
  if ok and creds then
    for account in creds.Credentials:new(creds.ALL_DATA, host, port):getCredentials() do
      if type(account.pass) == "string" and account.pass ~= "" then list[#list + 1] = account.pass end
    end
  end
  return list
end

-- The answer to a command as text, nil if it is an error.
local function ask (helper, ...)
  local status, response = helper:reqCmd(...)
  if not status or not response or response.type == redis.Response.Type.ERROR then return nil, response end
  return response.data
end

local function bind_addresses (helper)
  local data = ask(helper, "CONFIG", "GET", "bind")
  if type(data) ~= "table" or data[1] ~= "bind" or type(data[2]) ~= "string" then return nil end
  local list = {}
  for word in string.gmatch(data[2], "%S+") do list[#list + 1] = word == "-::*" and "::" or word end
  if #list == 0 then list[1] = "0.0.0.0" end
  return list
end

local function client_addresses (helper)
  local data = ask(helper, "CLIENT", "LIST")
  if type(data) ~= "string" then return nil end
  local list, seen = {}, {}
  for address in string.gmatch(data, " addr=%[?([%x%.:]+)%]?:%d+ ") do
    if not seen[address] then
      seen[address] = true
      list[#list + 1] = address
    end
  end
  return list
end

local function information (helper)
  local text = ask(helper, "INFO")
  if type(text) ~= "string" then return nil end
  local values = {}
  for key, value in string.gmatch(text, "([%w_]+):([^\r\n]*)") do values[key] = value end
  return values
end

action = function (host, port)
  local helper = redis.Helper:new(host, port)
  local status, err = helper:connect()
  if not status then
    stdnse.debug1("could not connect: %s", err)
    return nil
  end
  local values
  for _, password in ipairs(passwords(host, port)) do
    if not password or ask(helper, "AUTH", password) then
      values = information(helper)
      if values then break end
    end
  end
  if not values then
    helper:close()
    return nil
  end

  local result = stdnse.output_table()
  for _, field in ipairs(FIELDS) do
    local name, label, show = field[1], field[2], field[3]
    if values[name] then result[label] = show and show(values[name]) or values[name] end
  end
  result["Bind addresses"] = bind_addresses(helper)
  local clients = client_addresses(helper)
  if clients and #clients > 0 then result["Client connections"] = clients end
  helper:close()

  if #result == 0 then return nil end
  if values.redis_version and not port.version.version then
    port.version.name, port.version.product, port.version.version = "redis", "Redis key-value store", values.redis_version
    nmap.set_port_version(host, port)
  end
  return result
end
