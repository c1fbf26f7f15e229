local dns = require "dns"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Asks a name server for its identifier and its version.

The identifier comes in an option of the answer (NSID, RFC 5001) and, like the version, as text records in class CHAOS
(<code>id.server</code> of RFC 4892 and <code>version.bind</code>).
]]

---
-- @usage
-- perilune -sSU -p 53 --script dns-nsid TARGET
--
-- @output
-- 53/udp open  domain
-- | dns-nsid:
-- |   NSID: ns-one (6e732d6f6e65)
-- |   id.server: ns-one
-- |_  bind.version: 9.18.24
--
-- @xmloutput
-- <table key="NSID">
--   <elem key="raw">ns-one</elem>
--   <elem key="hex">6e732d6f6e65</elem>
-- </table>
-- <elem key="id.server">ns-one</elem>
-- <elem key="bind.version">9.18.24</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "default", "safe" }

portrule = shortport.port_or_service(53, "domain", { "tcp", "udp" })

-- Option 3 of a record of options (RFC 6891, 6.1.2).
local function find_nsid (packet)
  for _, record in ipairs(packet.add) do
    local pos, data = 1, record.OPT and record.OPT.data or ""
    while pos + 3 <= #data do
      local code, len = string.unpack(">I2I2", data, pos)
      if code == 3 and len > 0 and pos + 3 + len <= #data then return string.sub(data, pos + 4, pos + 3 + len) end
      pos = pos + 4 + len
    end
  end
  return nil
end

action = function (host, port)
  local options = { host = host.ip, port = port.number, proto = port.protocol }
  local result = stdnse.output_table()
  local answered = false

  local status, packet = dns.query("id.server", {
    host = options.host, port = options.port, proto = options.proto, dtype = "TXT", class = dns.CLASS.CH, retPkt = true,
    nsid = true,
  })
  if status then
    answered = true
    local nsid = find_nsid(packet)
    if nsid then
      local text = string.gsub(nsid, "[^\x20-\x7e]", ".")
      local entry = stdnse.output_table()
      entry.raw, entry.hex = text, stdnse.tohex(nsid)
      result.NSID = entry
      getmetatable(entry).__tostring = function (self) return ("%s (%s)"):format(self.raw, self.hex) end
    end
    local found, id = dns.findNiceAnswer("TXT", packet)
    if found then result["id.server"] = id end
  end

  options.dtype, options.class = "TXT", dns.CLASS.CH
  local found, version = dns.query("version.bind", options)
  if found then
    answered = true
    result["bind.version"] = version
  end
  if answered and port.protocol == "udp" then nmap.set_port_state(host, port, "open") end
  return #result > 0 and result or nil
end
