local datetime = require "datetime"
local nmap = require "nmap"
local os = require "os"
local smb = require "smb"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the operating system, the names and the clock of a host, as its file service tells them to everybody.

Servers of version 1 of SMB name their system and version while a client logs on, even as nobody in particular; the
names of the host and its domain come with the challenge (MS-NLMP, 2.2.2.1).
]]

---
-- @args smbusername, smbpassword, smbdomain See library <code>smbauth</code>.
--
-- @usage
-- perilune -p 445 --script smb-os-discovery TARGET
--
-- @output
-- Host script results:
-- | smb-os-discovery:
-- |   OS: Windows 6.1 (Samba 4.17.12-Debian)
-- |   Computer name: filesrv
-- |   NetBIOS computer name: FILESRV
-- |   Workgroup: LAB
-- |_  System time: 2026-11-27T22:41:24+00:00
--
-- @xmloutput
-- <elem key="os">Windows 6.1</elem>
-- <elem key="lanmanager">Samba 4.17.12-Debian</elem>
-- <elem key="server">FILESRV</elem>
-- <elem key="fqdn">filesrv.example.com</elem>
-- <elem key="date">2026-11-27T22:41:24+00:00</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "smb-brute" }

hostrule = function (host)
  return smb.get_port(host) ~= nil
end

-- What a system that names itself by version is called.
local function system_name (info)
  local text = smb.get_windows_version(info.os)
  if info.lanmanager and info.lanmanager ~= "" then text = ("%s (%s)"):format(text, info.lanmanager) end
  return text
end

-- A Samba says its version.
local function set_version (host, info)
  local version = string.match(info.lanmanager or "", "^Samba (%S+)")
  local number = version and smb.get_port(host)
  local port = number and nmap.get_port_state(host, { number = number, protocol = "tcp" })
  if not port or port.state ~= "open" then return end
  port.version = port.version or {}
  port.version.name = "netbios-ssn"
  port.version.product, port.version.version = "Samba smbd", version
  nmap.set_port_version(host, port, "hardmatched")
end

action = function (host)
  local status, info = smb.get_os(host)
  if not status then
    stdnse.debug1("%s", tostring(info))
    return nil
  end
  local result = stdnse.output_table()
  local lines = {}
  local function fact (key, value, label)
    if value == nil then return end
    result[key] = value
    if label then lines[#lines + 1] = ("%s: %s"):format(label, value) end
  end

  if info.os and info.os ~= "" then
    lines[1] = "OS: " .. system_name(info)
    result.os, result.lanmanager = info.os, info.lanmanager
  end
  local computer = info.fqdn and string.match(info.fqdn, "^[^.]+")
  if computer then lines[#lines + 1] = "Computer name: " .. computer end
  fact("server", info.server, "NetBIOS computer name")
  -- A domain in the manner of Active Directory has a name in DNS; without one there is a work group.
  if info.domain_dns and info.domain_dns ~= "" then
    fact("domain_dns", info.domain_dns, "Domain name")
    fact("forest_dns", info.forest_dns, "Forest name")
    fact("domain", info.domain, "NetBIOS domain name")
  else
    if info.domain_dns then fact("domain_dns", info.domain_dns, "Domain name") end
    fact("workgroup", info.domain or info.workgroup, "Workgroup")
  end
  fact("fqdn", info.fqdn, "FQDN")
  if info.time then
    datetime.record_skew(host, info.time, os.time())
    fact("date", datetime.format_timestamp(info.time, (info.timezone or 0) * 3600), "System time")
  end
  if #lines == 0 then return nil end
  set_version(host, info)
  return result, stdnse.format_output(true, lines)
end
