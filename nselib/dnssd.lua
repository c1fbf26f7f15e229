---
-- DNS-based service discovery (RFC 6763), asked of one host or of the local network (RFC 6762).
--
-- @usage
-- local helper = dnssd.Helper:new(host, port)
-- local status, result = helper:queryServices()
-- return stdnse.format_output(status, result)
--
-- @copyright MIT OR Apache-2.0

local coroutine = require "coroutine"
local dns = require "dns"
local ipOps = require "ipOps"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("dnssd", stdnse.seeall)

-- The name under which all kinds of services are listed (RFC 6763, section 9).
local ALL_SERVICES = "_services._dns-sd._udp.local"
-- RFC 6762, section 3.
local MULTICAST4, MULTICAST6 = "224.0.0.251", "ff02::fb"
-- How long answers of a network are waited for.
local MULTICAST_TIMEOUT_MS = 5000
-- What one host is asked for at most.
local SERVICES_MAX, INSTANCES_MAX = 100, 50

Util = {}

--- Orders two addresses.
-- @param a An address.
-- @param b An address.
-- @return True if the first comes first.
function Util.ipCompare (a, b)
  return ipOps.compare_ip(a, "lt", b) and true or false
end

--- Orders two services by port and name.
-- @param a A table with <code>name</code>.
-- @param b A table with <code>name</code>.
-- @return True if the first comes first.
function Util.serviceCompare (a, b)
  local a_port, b_port = tonumber(string.match(a.name, "^%d+")), tonumber(string.match(b.name, "^%d+"))
  if a_port and b_port and a_port ~= b_port then return a_port < b_port end
  if (a_port == nil) ~= (b_port == nil) then return a_port ~= nil end
  return a.name < b.name
end

--- Collects kinds of services from answers.
-- @param response What <code>Comm.queryAllServices</code> gave.
-- @return A list of names, each once.
function Util.getUniqueServices (response)
  local services, seen = {}, {}
  for _, answer in ipairs(response) do
    local status, names = dns.findNiceAnswer(dns.types.PTR, answer.output, true)
    for _, name in ipairs(status and names or {}) do
      if not seen[name] and #services < SERVICES_MAX then
        seen[name] = true
        services[#services + 1] = name
      end
    end
  end
  return services
end

--- Takes records of a type out of an answer, from its answers or what was added.
-- @param dtype The type.
-- @param response The decoded packet.
-- @param retAll True for a list of all.
-- @return True and the text or the list, or false and an error.
function Util.getRecordType (dtype, response, retAll)
  local status, result = dns.findNiceAnswer(dtype, response, retAll)
  if status then return true, result end
  return dns.findNiceAdditional(dtype, response, retAll)
end

--- Tells which answers have which kinds of services.
-- @param response What <code>Comm.queryAllServices</code> gave.
-- @return A table by service: a list of addresses.
function Util.createSvcHostTbl (response)
  local hosts = {}
  for _, answer in ipairs(response) do
    local status, names = dns.findNiceAnswer(dns.types.PTR, answer.output, true)
    for _, name in ipairs(status and names or {}) do
      hosts[name] = hosts[name] or {}
      table.insert(hosts[name], answer.peer)
    end
  end
  return hosts
end

Comm = {}

local function ask (host, port, name, dtype, multiple)
  return dns.query(name, {
    host = host,
    port = port,
    dtype = dtype,
    retPkt = true,
    norecurse = true,
    multiple = multiple,
    sendCount = 1,
    timeout = multiple and MULTICAST_TIMEOUT_MS or 2000,
  })
end

--- Asks for all kinds of services.
-- @param host The address.
-- @param port The port.
-- @param multiple True to wait for answers of several hosts.
-- @return True and a list of tables with <code>peer</code> and <code>output</code>, the decoded packet; or false and an
--         error.
function Comm.queryAllServices (host, port, multiple)
  local status, response = ask(host, port, ALL_SERVICES, "PTR", multiple)
  if not status then return false, response end
  if multiple then return true, response end
  return true, { { output = response, peer = host } }
end

--- Asks for the instances of a kind of services.
-- @param host The address.
-- @param port The port.
-- @param svc The kind, as <code>"_http._tcp.local"</code>.
-- @param multiple True to wait for answers of several hosts.
-- @param svcresponse A table that the answers are put into.
-- @return True, or false and an error.
function Comm.queryService (host, port, svc, multiple, svcresponse)
  local status, response = ask(host, port, svc, "PTR", multiple)
  if not status then return false, response end
  if not multiple then response = { { output = response, peer = host } } end
  for _, answer in ipairs(response) do
    answer.service = svc
    svcresponse[#svcresponse + 1] = answer
  end
  return true
end

local function records_of (packet, dtype, name)
  local found = {}
  for _, list in ipairs({ packet.answers, packet.add }) do
    for _, record in ipairs(list) do
      if record.dtype == dtype and (not name or string.lower(record.dname) == string.lower(name)) then
        found[#found + 1] = record
      end
    end
  end
  return found
end

-- The records of an instance: those that came with the answer, or else those that are asked for.
local function fetch_records (packet, dtype, name, host, port)
  local found = records_of(packet, dns.types[dtype], name)
  if #found > 0 or not host then return found end
  local status, more = ask(host, port, name, dtype, false)
  return status and records_of(more, dns.types[dtype], name) or {}
end

-- What there is to show of an instance.
local function describe (packet, instance, host, port)
  local entry = {}
  local service, proto = string.match(instance, "_([%w-]+)%._(%a+)%.[^.]+$")
  local srv = fetch_records(packet, "SRV", instance, host, port)[1]
  if service == "device-info" then
    entry.name = "Device Information"
  elseif srv and srv.SRV then
    entry.name = ("%d/%s %s"):format(srv.SRV.port, proto or "tcp", service or instance)
  else
    entry.name = instance
  end
  local text = fetch_records(packet, "TXT", instance, host, port)[1]
  for _, part in ipairs(text and text.TXT and text.TXT.text or {}) do
    if part ~= "" then entry[#entry + 1] = part end
  end
  local addresses = {}
  local target = srv and srv.SRV and srv.SRV.target
  local with_address = target and fetch_records(packet, "A", target, host, port) or records_of(packet, dns.types.A)
  for _, record in ipairs(with_address) do
    addresses[#addresses + 1] = record.ip
  end
  for _, record in ipairs(records_of(packet, dns.types.AAAA, target)) do addresses[#addresses + 1] = record.ipv6 end
  if #addresses > 0 then entry[#entry + 1] = "Address=" .. table.concat(addresses, " ") end
  return entry
end

--- Makes output of answers.
-- @param response What <code>Comm.queryService</code> collected.
-- @param result A table by address: lists of services, which are added to.
-- @param port The port for further questions; without it only what came is used.
function Comm.decodeRecords (response, result, port)
  for _, answer in ipairs(response) do
    result[answer.peer] = result[answer.peer] or {}
    local services = result[answer.peer]
    for _, record in ipairs(records_of(answer.output, dns.types.PTR, answer.service)) do
      if #services < INSTANCES_MAX and record.domain then
        services[#services + 1] = describe(answer.output, record.domain, port and answer.peer, port)
      end
    end
  end
end

Helper = {}

--- Makes a helper.
-- @param host The host table or an address. Default: the address of all hosts that take part.
-- @param port The port table or a number. Default: 5353.
-- @return The helper.
function Helper:new (host, port)
  local o = { host = host, port = port or 5353, mcast = false }
  setmetatable(o, self)
  self.__index = self
  return o
end

--- Says whether the whole network is asked.
-- @param mcast True for the network.
function Helper:setMulticast (mcast)
  self.mcast = mcast
  local family = nmap.address_family()
  self.host = mcast and (family == "inet6" and MULTICAST6 or MULTICAST4) or self.host
  self.port = mcast and 5353 or self.port
end

--- How many threads are still alive.
-- @param threads A list of threads.
-- @return The number.
function Helper:threadCount (threads)
  local count = 0
  for _, thread in pairs(threads) do
    if coroutine.status(thread) ~= "dead" then count = count + 1 end
  end
  return count
end

local function numeric (value, field) return type(value) == "table" and value[field] or value end

--- Asks for services.
-- @param service A kind of services, or a list of kinds. Default: whatever there is.
-- @return True and a list for <code>stdnse.format_output</code>: of one host its services, of a network hosts with
--         their
--         services; or false and an error.
function Helper:queryServices (service)
  local host, port = numeric(self.host, "ip"), numeric(self.port, "number")
  local services = type(service) == "string" and { service } or service
  if not services then
    local status, response = Comm.queryAllServices(host, port, self.mcast)
    if not status then return false, response end
    services = Util.getUniqueServices(response)
  end
  local collected = {}
  if self.mcast then
    -- Each question takes its time: all are asked at once.
    local condvar, threads = nmap.condvar(collected), {}
    for _, one in ipairs(services) do
      threads[#threads + 1] = stdnse.new_thread(function ()
        local mine = nmap.condvar(collected)
        Comm.queryService(host, port, one, true, collected)
        mine("signal")
      end)
    end
    while self:threadCount(threads) > 0 do condvar("wait") end
  else
    for _, one in ipairs(services) do Comm.queryService(host, port, one, false, collected) end
  end
  local by_host = {}
  Comm.decodeRecords(collected, by_host, not self.mcast and port or nil)
  if not self.mcast then
    local result = by_host[host] or {}
    if #result == 0 then return false, "no services" end
    table.sort(result, Util.serviceCompare)
    return true, result
  end
  local addresses, result = {}, {}
  for address in pairs(by_host) do addresses[#addresses + 1] = address end
  table.sort(addresses, Util.ipCompare)
  for _, address in ipairs(addresses) do
    table.sort(by_host[address], Util.serviceCompare)
    by_host[address].name = address
    result[#result + 1] = by_host[address]
  end
  return true, result
end

return _ENV
