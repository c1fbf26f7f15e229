---
-- Lists of addresses in the DNS (RFC 5782): who is known for unwanted mail, attacks or open proxies.
--
-- An address is looked up below the name of a list, its parts in reverse; an address below 127.0.0.0/8 that comes back
-- says why it is listed.
--
-- @usage
-- local helper = dnsbl.Helper:new("SPAM", "short")
-- local lists = helper:checkBL("192.0.2.1")
--
-- @copyright MIT OR Apache-2.0

local coroutine = require "coroutine"
local dns = require "dns"
local ipOps = require "ipOps"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local tableaux = require "tableaux"
_ENV = stdnse.module("dnsbl", stdnse.seeall)

-- What the last octet of an answer means on each list; the lists say so on their pages.
local SPAMHAUS = {
  [2] = "listed by hand (SBL)", [3] = "sends unwanted mail of low repute (CSS)", [4] = "exploited host (XBL)",
  [9] = "network taken over (DROP)", [10] = "mail is not expected, says the provider (PBL)",
  [11] = "mail is not expected, says Spamhaus (PBL)",
}
local DRONEBL = {
  [3] = "drone of IRC", [5] = "bottler", [6] = "unknown worm or spam bot", [7] = "drone of a DDoS",
  [8] = "open SOCKS proxy", [9] = "open HTTP proxy", [10] = "chain of proxies", [11] = "web page proxy",
  [13] = "brute force attacks", [14] = "open WinGate proxy", [15] = "compromised router", [17] = "autorooting worms",
  [19] = "abused VPN",
}

--- The lists, by what they are of. Each has <code>name</code>, <code>zone</code> and, for what answers mean,
-- <code>codes</code>; <code>config</code> are arguments it does not work without, with what they are.
SERVICES = {
  SPAM = {
    { name = "zen.spamhaus.org", codes = SPAMHAUS },
    { name = "bl.spamcop.net", codes = { [2] = "reported by users" } },
    { name = "b.barracudacentral.org", codes = { [2] = "reported" } },
    { name = "psbl.surriel.com", codes = { [2] = "sent to a trap" } },
    { name = "all.s5h.net", codes = { [2] = "reported" } },
  },
  ATTACK = {
    { name = "all.bl.blocklist.de", codes = {} },
    { name = "dnsbl.httpbl.org", config = { apikey = "the key for http:BL" }, codes = {} },
  },
  PROXY = {
    { name = "dnsbl.dronebl.org", codes = DRONEBL },
    { name = "tor.dan.me.uk", codes = { [100] = "node of Tor" } },
    { name = "torexit.dan.me.uk", codes = { [100] = "exit of Tor" } },
  },
}

-- An address as it is looked up: its parts in reverse (RFC 5782, 2.1 and 2.4).
local function reversed (ip)
  local parts = {}
  if string.find(ip, ":", 1, true) then
    local digits = stdnse.tohex(ipOps.ip_to_str(ip))
    for i = #digits, 1, -1 do parts[#parts + 1] = string.sub(digits, i, i) end
  else
    for part in string.gmatch(ip, "%d+") do table.insert(parts, 1, part) end
  end
  return table.concat(parts, ".")
end

Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @param category What the lists are of, such as <code>"SPAM"</code>.
-- @param mode <code>"short"</code> for no details, <code>"long"</code> for all. Default: long.
-- @return The helper.
function Helper:new (category, mode)
  return setmetatable({ category = string.upper(category or ""), mode = mode or "long", filter = {} }, self)
end

--- Narrows the lists down to some.
-- @param filter Their names, with commas between, or a list of names; <code>"all"</code> for all.
function Helper:setFilter (filter)
  self.filter = {}
  local names = type(filter) == "table" and filter or { filter }
  for _, text in ipairs(names) do
    for name in string.gmatch(text, "[^,%s]+") do self.filter[#self.filter + 1] = name end
  end
end

--- Checks that all names of the filter are lists of the category.
-- @return True, or false and an error.
function Helper:validateFilter ()
  if not SERVICES[self.category] then return false, ("Invalid service category was supplied (%s)"):format(self.category) end
  for _, wanted in ipairs(self.filter) do
    local known = string.upper(wanted) == "ALL"
    for _, service in ipairs(SERVICES[self.category]) do known = known or service.name == wanted end
    if not known then return false, ("Invalid service was supplied (%s)"):format(wanted) end
  end
  return true
end

-- The arguments of a list, nil if one is missing.
local function arguments_of (service)
  local values = {}
  for name in pairs(service.config or {}) do
    values[name] = stdnse.get_script_args(service.name .. "." .. name)
    if not values[name] then return nil end
  end
  return values
end

--- The lists to be asked: those of the filter whose arguments are there.
-- @return A list of entries of <code>SERVICES</code>.
function Helper:getServices ()
  local chosen = {}
  for _, service in ipairs(SERVICES[self.category] or {}) do
    local wanted = #self.filter == 0
    for _, name in ipairs(self.filter) do wanted = wanted or name == service.name or string.upper(name) == "ALL" end
    if wanted and arguments_of(service) then chosen[#chosen + 1] = service end
  end
  return chosen
end

--- Names the lists of the category and the arguments they take.
-- @return A list as <code>stdnse.format_output</code> prints it.
function Helper:listServices ()
  local list = {}
  for _, service in ipairs(SERVICES[self.category] or {}) do
    list[#list + 1] = service.name
    local notes = {}
    for _, name in ipairs(tableaux.keys(service.config or {})) do
      notes[#notes + 1] = ("config: %s.%s - %s"):format(service.name, name, service.config[name])
    end
    table.sort(notes)
    if #notes > 0 then list[#list + 1] = notes end
  end
  return list
end

-- What the answers mean: a table with `state` and `details`, nil if the address is not listed.
local function interpret (helper, service, answers)
  local details, listed = {}, false
  for _, answer in ipairs(answers) do
    -- Answers of 127.255.255 are about the question: too many, or through somebody who may not ask.
    local code = string.match(answer, "^127%.%d+%.%d+%.(%d+)$")
    if code and not string.find(answer, "^127%.255%.255%.") then
      listed = true
      details[#details + 1] = service.codes[tonumber(code)]
    end
  end
  if not listed then return nil end
  return { state = helper.category, details = helper.mode ~= "short" and #details > 0 and details or nil }
end

--- Asks one list about an address. To be run as a thread of its own.
-- @param ip The address.
-- @param name What is looked up.
-- @param svc The list.
-- @param answers A list to put the result in.
function Helper:doQuery (ip, name, svc, answers)
  local condvar = nmap.condvar(answers)
  local status, found = dns.query(name, { dtype = "A", retAll = true })
  local result = status and interpret(self, svc, type(found) == "table" and found or { found })
  if result then answers[#answers + 1] = { name = svc.name, result = result } end
  condvar "signal"
end

--- Asks the lists of the category about an address, all at once.
-- @param ip The address.
-- @return A list of tables with <code>name</code> and <code>result</code> (<code>state</code>, <code>details</code>),
--         one for each list that has the address.
function Helper:checkBL (ip)
  local answers, threads = {}, {}
  local condvar = nmap.condvar(answers)
  for _, service in ipairs(self:getServices()) do
    local key = arguments_of(service).apikey
    local name = (key and key .. "." or "") .. reversed(ip) .. "." .. service.name
    threads[stdnse.new_thread(self.doQuery, self, ip, name, service, answers)] = true
  end
  while next(threads) do
    for thread in pairs(threads) do
      if coroutine.status(thread) == "dead" then threads[thread] = nil end
    end
    if next(threads) then condvar "wait" end
  end
  table.sort(answers, function (a, b) return a.name < b.name end)
  return answers
end

return _ENV
