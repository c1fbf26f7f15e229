local dhcp = require "dhcp"
local math = require "math"
local nmap = require "nmap"
local rand = require "rand"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Asks a DHCP server for what it tells hosts of its network: addresses of routers and name servers, the domain, times.

The question is a DHCPINFORM (RFC 2131, 3.4), which does not use up an address. The client's port is needed, that is,
privileges.
]]

---
-- @args dhcp-discover.dhcptype The message to send, as <code>DHCPDISCOVER</code>. Default: DHCPINFORM.
-- @args dhcp-discover.mac The hardware address to ask for: six pairs of hexadecimal digits, <code>native</code> (that
--       of
--       the interface, the default) or <code>random</code>.
-- @args dhcp-discover.clientid A client identifier, as text. Default: none.
-- @args dhcp-discover.clientid-hex The same in hexadecimal.
-- @args dhcp-discover.requests How many times to ask. Default: 1.
--
-- @usage
-- perilune -sU -p 67 --script dhcp-discover TARGET
--
-- @output
-- 67/udp open  dhcps
-- | dhcp-discover:
-- |   DHCP Message Type: DHCPACK
-- |   Server Identifier: 192.0.2.1
-- |   Subnet Mask: 255.255.255.0
-- |   Router: 192.0.2.1
-- |_  Domain Name Server: 192.0.2.2, 192.0.2.3
--
-- @xmloutput
-- <elem key="DHCP Message Type">DHCPACK</elem>
-- <elem key="Server Identifier">192.0.2.1</elem>
-- <table key="Router"><elem>192.0.2.1</elem></table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

local is_server = shortport.portnumber(67, "udp")

portrule = function (host, port)
  if not nmap.is_privileged() then return false end
  return is_server(host, port)
end

local function hardware_address (host)
  local wanted = stdnse.get_script_args(SCRIPT_NAME .. ".mac") or "native"
  if wanted == "random" then return "\2" .. rand.random_string(5) end
  if wanted ~= "native" then
    local bytes = stdnse.fromhex((string.gsub(wanted, "[:-]", "")))
    return bytes and #bytes == 6 and bytes or nil
  end
  if host.mac_addr_src then return host.mac_addr_src end
  local status, interface = pcall(nmap.get_interface_info, host.interface or "")
  -- An interface without one, such as a tunnel.
  return status and interface.mac or "\2" .. rand.random_string(5)
end

local function client_identifier ()
  local text, hex = stdnse.get_script_args(SCRIPT_NAME .. ".clientid", SCRIPT_NAME .. ".clientid-hex")
  -- Type 0: the identifier is no hardware address.
  local value = hex and stdnse.fromhex((string.gsub(hex, "[:-]", ""))) or text and "\0" .. text
  return value and { { number = 61, type = "octets", value = value } } or nil
end

local function own_address (host)
  local bytes = host.bin_ip_src
  return bytes and #bytes == 4 and bytes or "\0\0\0\0"
end

action = function (host, port)
  local kind = string.upper(stdnse.get_script_args(SCRIPT_NAME .. ".dhcptype") or "DHCPINFORM")
  local number = dhcp.request_types[kind]
  if not number then return stdnse.format_output(false, "unknown kind of message: " .. kind) end
  local mac = hardware_address(host)
  if not mac then return stdnse.format_output(false, "bad hardware address") end
  local count = tonumber((stdnse.get_script_args(SCRIPT_NAME .. ".requests"))) or 1

  local results = {}
  for i = 1, math.min(count, 100) do
    local status, answer = dhcp.make_request(host.ip, number, own_address(host), mac, client_identifier())
    if not status then
      stdnse.debug1("%s", tostring(answer))
      break
    end
    nmap.set_port_state(host, port, "open")
    local result = stdnse.output_table()
    if answer.yiaddr_str ~= "0.0.0.0" then result["IP Offered"] = answer.yiaddr_str end
    for _, option in ipairs(answer.options) do
      local value = option.value
      if type(value) == "table" then
        setmetatable(value, { __tostring = function (list) return table.concat(list, ", ") end })
      end
      result[option.name] = value
    end
    results[i] = result
  end
  if #results == 0 then return nil end
  if #results == 1 then return results[1] end
  local all = stdnse.output_table()
  for i, result in ipairs(results) do all[("Response %d of %d"):format(i, #results)] = result end
  return all
end
