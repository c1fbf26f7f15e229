local dns = require "dns"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local stringaux = require "stringaux"

description = [[
Lists the names in a signed zone by walking its NSEC records.

Such a record proves that there is nothing between a name and the next one (RFC 4034, section 4) and thus gives away
both. Zones with NSEC3 (RFC 5155) show hashes instead and are not listed.
]]

---
-- @args dns-nsec-enum.domains The zones. Default: the target's name.
--
-- @usage
-- perilune -sSU -p 53 --script dns-nsec-enum --script-args dns-nsec-enum.domains=example.com TARGET
--
-- @output
-- 53/udp open  domain
-- | dns-nsec-enum:
-- |   example.com
-- |     mail.example.com
-- |_    www.example.com
--
-- @xmloutput
-- <table key="example.com">
--   <elem>mail.example.com</elem>
--   <elem>www.example.com</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }

portrule = shortport.portnumber(53, { "tcp", "udp" })

local NAMES_MAX = 5000

-- The NSEC record that belongs to the name, or the one that covers it.
local function find_nsec (host, port, name, dtype)
  local status, packet = dns.query(name,
    { host = host.ip, port = port.number, proto = port.protocol, dtype = dtype, dnssec = true, retPkt = true })
  if not status then return nil end
  for _, list in ipairs({ packet.answers, packet.auth }) do
    for _, record in ipairs(list) do
      if record.NSEC and record.NSEC.next_dname then return record.NSEC end
    end
  end
  return nil
end

local function walk (host, port, zone)
  local names, seen = {}, {}
  local name = zone
  while #names < NAMES_MAX do
    local nsec = find_nsec(host, port, name, "NSEC")
    -- Some servers do not answer questions for the record itself: a name right behind is covered by it.
    if not nsec or string.lower(nsec.dname) ~= name then nsec = find_nsec(host, port, "\0." .. name, "A") or nsec end
    local following = nsec and string.lower(nsec.next_dname)
    if not following or following == zone or seen[following] or string.sub(following, -#zone) ~= zone then break end
    seen[following] = true
    names[#names + 1] = following
    name = following
  end
  return names
end

action = function (host, port)
  local domains = stdnse.get_script_args(SCRIPT_NAME .. ".domains")
  if not domains then
    local name = stdnse.get_hostname(host)
    if name == host.ip then return nil end
    domains = name
  end
  if type(domains) == "string" then domains = stringaux.strsplit("[,%s]+", domains) end
  local result = stdnse.output_table()
  for _, zone in ipairs(domains) do
    local lower = string.lower((string.gsub(zone, "%.$", "")))
    local names = walk(host, port, lower)
    if #names > 0 then result[lower] = names end
  end
  if #result == 0 then return nil end
  return result
end
