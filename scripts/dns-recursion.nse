local dns = require "dns"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Looks whether a name server asks others on behalf of anybody.

Such servers can be made to flood third parties with answers, and to reveal what their users look up. The server is
asked for a name it is not responsible for; the flag "recursion available" in its answer counts (RFC 1035, 4.1.1).
]]

---
-- @args dns-recursion.domain The name to ask for. Default: <code>www.example.com</code>.
--
-- @usage
-- perilune -sU -p 53 --script dns-recursion TARGET
--
-- @output
-- 53/udp open  domain
-- |_dns-recursion: Recursion appears to be enabled

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe" }

portrule = shortport.portnumber(53, "udp")

action = function (host, port)
  local name = stdnse.get_script_args(SCRIPT_NAME .. ".domain") or "www.example.com"
  local status, packet = dns.query(name, { host = host.ip, port = port.number, retPkt = true })
  if not status then return nil end
  nmap.set_port_state(host, port, "open")
  if packet.flags.RA then return "Recursion appears to be enabled" end
  return nil
end
