local datetime = require "datetime"
local http = require "http"
local httpauth = require "httpauth"
local os = require "os"
local shortport = require "shortport"
local smbauth = require "smbauth"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the names and the version of a Windows machine from the challenge that its web server answers the beginning of an
NTLM authentication with ([MS-NLMP] 2.2.1.2). No password is sent.
]]

---
-- @args http-ntlm-info.root The path to ask for. Default: <code>/</code>.
--
-- @usage
-- perilune -p 80 --script http-ntlm-info TARGET
--
-- @output
-- 80/tcp open  http
-- | http-ntlm-info:
-- |   Target_Name: TESTDOM
-- |   NetBIOS_Domain_Name: TESTDOM
-- |   NetBIOS_Computer_Name: SRV
-- |   DNS_Domain_Name: test.example
-- |   DNS_Computer_Name: srv.test.example
-- |   DNS_Tree_Name: test.example
-- |_  Product_Version: 10.0.14393

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.http

local FIELDS = {
  { "Target_Name", "target_realm" },
  { "NetBIOS_Domain_Name", "netbios_domain_name" },
  { "NetBIOS_Computer_Name", "netbios_computer_name" },
  { "DNS_Domain_Name", "dns_domain_name" },
  { "DNS_Computer_Name", "fqdn" },
  { "DNS_Tree_Name", "dns_forest_name" },
}

-- Seconds from 1601 to 1970, and units of 100 ns in a second.
local EPOCH, UNITS = 11644473600, 10000000

action = function (host, port)
  local root = stdnse.get_script_args(SCRIPT_NAME .. ".root") or "/"
  local response = http.generic_request(host, port, "GET", root,
    { header = { Authorization = httpauth.ntlm_negotiate() } })
  local now = os.time()
  local challenge = response.status == 401 and httpauth.challenge_of(response, "ntlm")
  local blob = challenge and httpauth.decoded(challenge)
  local info = blob and smbauth.get_host_info_from_security_blob(blob)
  if not info then return nil end

  local result = stdnse.output_table()
  for _, field in ipairs(FIELDS) do
    local value = info[field[2]]
    if value and value ~= "" then result[field[1]] = value end
  end
  if info.os_major_version and info.os_minor_version then
    local version = ("%d.%d.%d"):format(info.os_major_version, info.os_minor_version, info.os_build or 0)
    if not string.find(version, "^0%.0") then result.Product_Version = version end
  end
  if info.timestamp and info.timestamp ~= 0 then
    local seconds = info.timestamp // UNITS - EPOCH
    datetime.record_skew(host, seconds, now)
  end
  if #result == 0 then return nil end
  return result
end
