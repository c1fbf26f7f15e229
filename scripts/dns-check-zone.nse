local dns = require "dns"
local ipOps = require "ipOps"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Checks how well a zone is set up: its times, its servers, its mail exchangers.

What counts as good is in RFC 1912 (times, several servers), RFC 2182 (where servers are) and RFC 5321 (names of mail
exchangers). The target must be a name server of the zone.
]]

---
-- @args dns-check-zone.domain The zone.
--
-- @usage
-- perilune -sU -p 53 --script dns-check-zone --script-args dns-check-zone.domain=example.com TARGET
--
-- @output
-- | dns-check-zone:
-- | DNS check results for domain: example.com
-- |   SOA
-- |     PASS - SOA REFRESH
-- |       SOA REFRESH was within recommended range (7200s)
-- |   NS
-- |     PASS - Multiple name servers
-- |_      Server has 2 name servers

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe", "external" }

portrule = shortport.portnumber(53, { "tcp", "udp" })

local function ask (host, port, name, dtype, more)
  local options = { host = host, port = port.number, dtype = dtype, retPkt = true, tries = 1 }
  for key, value in pairs(more or {}) do options[key] = value end
  local status, packet = dns.query(name, options)
  return status and packet or nil
end

-- Ranges of RFC 1912, 2.2, in seconds, and what the field is called.
local TIMES = {
  { "refresh", "SOA REFRESH", 1200, 43200 },
  { "retry", "SOA RETRY", 180, 7200 },
  { "expire", "SOA EXPIRE", 1209600, 2419200 },
}

-- Addresses of a name, from what came with the answer or by asking.
local function addresses_of (zone, name, packet)
  local list = {}
  for _, source in ipairs({ packet or { add = {} }, false }) do
    local records = source and source.add
    if not records then
      local answer = ask(zone.server, zone.port, name, "A")
      records = answer and answer.answers or {}
    end
    for _, record in ipairs(records) do
      if record.ip and (record.dname == name or not source) then list[#list + 1] = record.ip end
    end
    if #list > 0 then return list end
  end
  return list
end

local function check_soa (zone, report)
  local packet = ask(zone.server, zone.port, zone.name, "SOA")
  local soa
  for _, record in ipairs(packet and packet.answers or {}) do soa = soa or record.SOA end
  if not soa then
    report("ERROR", "SOA", "The server has no SOA record of the zone")
    return
  end
  zone.soa = soa
  for _, one in ipairs(TIMES) do
    local value = soa[one[1]]
    local good = value >= one[3] and value <= one[4]
    report(good and "PASS" or "FAIL", one[2],
      ("%s was %s recommended range (%ds)"):format(one[2], good and "within" or "NOT within", value))
  end
end

local function check_servers (zone, report)
  local packet = ask(zone.server, zone.port, zone.name, "NS")
  local names = {}
  for _, record in ipairs(packet and packet.answers or {}) do
    if record.dtype == dns.types.NS and record.domain then names[#names + 1] = record.domain end
  end
  table.sort(names)
  report(#names > 1 and "PASS" or "FAIL", "Multiple name servers", ("Server has %d name servers"):format(#names))
  local listed, public, silent, recursive, serials = false, {}, {}, {}, {}
  for _, name in ipairs(names) do
    if zone.soa and string.lower(name) == string.lower(zone.soa.mname) then listed = true end
    local address = addresses_of(zone, name, packet)[1]
    if address and ipOps.isPrivate(address) then public[#public + 1] = ("%s (%s)"):format(name, address) end
    local answer = address and ask(address, { number = 53 }, zone.name, "SOA", { timeout = 2000 })
    if answer then
      for _, record in ipairs(answer.answers) do
        if record.SOA then serials[record.SOA.serial] = true end
      end
      if answer.flags.RA then recursive[#recursive + 1] = name end
    else
      silent[#silent + 1] = name
    end
  end
  local function all_good (name, bad, good_text, bad_text)
    report(#bad == 0 and "PASS" or "FAIL", name, #bad == 0 and good_text or bad_text .. table.concat(bad, ", "))
  end
  report(listed and "PASS" or "FAIL", "SOA MNAME entry check",
    listed and "SOA MNAME record is listed as DNS server" or "SOA MNAME record is NOT listed as DNS server")
  all_good("DNS name server IPs are public", public, "All DNS IPs were public",
    "The following private IPs were detected: ")
  all_good("DNS server response", silent, "All servers respond to DNS queries",
    "The following servers did not respond to DNS queries: ")
  all_good("Recursive queries", recursive, "None of the servers allow recursive queries.",
    "The following servers allow recursive queries: ")
  local count = 0
  for _ in pairs(serials) do count = count + 1 end
  if count > 0 then
    report(count == 1 and "PASS" or "FAIL", "Zone serial numbers",
      count == 1 and "Zone serials match" or "Different zone serials were detected")
  end
end

local function check_mail (zone, report)
  local packet = ask(zone.server, zone.port, zone.name, "MX")
  for _, record in ipairs(packet and packet.answers or {}) do
    local server = record.MX and record.MX.server
    if server and server ~= "" then
      local addresses = addresses_of(zone, server, packet)
      report(#addresses > 0 and "PASS" or "FAIL", "MX " .. server,
        #addresses > 0 and "The mail exchanger has an address" or "The mail exchanger has no IPv4 address")
    end
  end
end

action = function (host, port)
  local name = stdnse.get_script_args(SCRIPT_NAME .. ".domain")
  if not name then return nil end
  local zone = { name = name, server = host.ip, port = port }
  local result = {}
  for _, section in ipairs({ { "SOA", check_soa }, { "NS", check_servers }, { "MX", check_mail } }) do
    local entries = { name = section[1] }
    section[2](zone, function (verdict, what, why)
      entries[#entries + 1] = { name = ("%s - %s"):format(verdict, what), why }
    end)
    if #entries > 0 then result[#result + 1] = entries end
  end
  result.name = ("DNS check results for domain: %s"):format(name)
  return stdnse.format_output(true, result)
end
