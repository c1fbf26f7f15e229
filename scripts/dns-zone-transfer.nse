local dns = require "dns"
local match = require "match"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local tab = require "tab"

description = [[
Asks a name server for all that it has of a zone (AXFR, RFC 5936).

Servers should give whole zones to each other only. Without the argument the zone is what follows the first label of the
target's name.
]]

---
-- @args dns-zone-transfer.domain The zone.
-- @args dns-zone-transfer.port The server's port. Default: the one scanned.
--
-- @usage
-- perilune -p 53 --script dns-zone-transfer --script-args dns-zone-transfer.domain=example.com TARGET
--
-- @output
-- 53/tcp open  domain
-- | dns-zone-transfer:
-- | example.com.      SOA  ns1.example.com. admin.example.com.
-- | example.com.      NS   ns1.example.com.
-- | www.example.com.  A    192.0.2.1
-- |_example.com.      SOA  ns1.example.com. admin.example.com.

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "intrusive", "discovery" }

portrule = shortport.portnumber(53, "tcp")

-- What is shown of a zone at most.
local RECORDS_MAX = 10000

local TYPE_NAMES = { [46] = "RRSIG", [48] = "DNSKEY", [51] = "NSEC3PARAM", [43] = "DS", [257] = "CAA" }
for name, number in pairs(dns.types) do TYPE_NAMES[number] = name end

local function absolute (name) return (name or "") .. "." end

local function text_of (record)
  local kind = TYPE_NAMES[record.dtype]
  if record.ip or record.ipv6 then return record.ip or record.ipv6 end
  if record.domain then return absolute(record.domain) end
  if record.SOA then return absolute(record.SOA.mname) .. " " .. absolute(record.SOA.rname) end
  if record.MX then return ("%d %s"):format(record.MX.pref, absolute(record.MX.server)) end
  if record.SRV then
    return ("%d %d %d %s"):format(record.SRV.prio, record.SRV.weight, record.SRV.port, absolute(record.SRV.target))
  end
  if record.TXT then return '"' .. table.concat(record.TXT.text, '" "') .. '"' end
  if record.HINFO then return ("%s %s"):format(record.HINFO.cpu or "", record.HINFO.os or "") end
  if record.NSEC then return absolute(record.NSEC.next_dname) end
  if kind == "SSHFP" and record.SSHFP then
    return ("%d %d %s"):format(record.SSHFP.algorithm, record.SSHFP.fptype, record.SSHFP.fingerprint)
  end
  return stdnse.tohex(record.data)
end

-- A zone comes in one message or more, each with its length in front; it begins and ends with its SOA record.
local function transfer (host, port, zone)
  local socket = nmap.new_socket()
  socket:set_timeout(10000)
  local status, err = socket:connect(host, port)
  if not status then return nil, err end
  local packet = dns.newPacket()
  packet.flags.RD = nil
  dns.addQuestion(packet, zone, "AXFR")
  status, err = socket:send(string.pack(">s2", dns.encode(packet)))
  local records, ends = {}, 0
  while status and ends < 2 and #records < RECORDS_MAX do
    local prefix, data, answer
    status, prefix = socket:receive_buf(match.numbytes(2), true)
    if not status then err = prefix break end
    status, data = socket:receive_buf(match.numbytes((string.unpack(">I2", prefix))), true)
    if not status then err = data break end
    answer, err = dns.decode(data)
    if not answer or #answer.answers == 0 then
      status = false
      err = err or "refused"
    else
      for _, record in ipairs(answer.answers) do
        records[#records + 1] = record
        if record.dtype == dns.types.SOA then ends = ends + 1 end
      end
    end
  end
  socket:close()
  if #records == 0 then return nil, err end
  return records
end

local function zone_of (host)
  local wanted = stdnse.get_script_args(SCRIPT_NAME .. ".domain")
  if wanted then return wanted end
  local name = stdnse.get_hostname(host)
  if name == host.ip then return nil end
  return string.match(name, "^[^.]+%.(.+%..+)$") or name
end

action = function (host, port)
  local zone = zone_of(host)
  if not zone then
    stdnse.debug1("no zone to ask for")
    return nil
  end
  local number = tonumber((stdnse.get_script_args(SCRIPT_NAME .. ".port"))) or port
  local records, err = transfer(host, number, zone)
  if not records then
    stdnse.debug1("no transfer of %s: %s", zone, tostring(err))
    return nil
  end
  local rows, result = tab.new(3), {}
  for _, record in ipairs(records) do
    local kind = TYPE_NAMES[record.dtype] or ("TYPE%d"):format(record.dtype)
    local entry = stdnse.output_table()
    entry.name, entry.type, entry.data = absolute(record.dname), kind, text_of(record)
    result[#result + 1] = entry
    tab.addrow(rows, entry.name, entry.type, entry.data)
  end
  return result, "\n" .. tab.dump(rows)
end
