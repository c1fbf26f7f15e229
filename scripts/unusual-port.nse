local datafiles = require "datafiles"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Points out services on ports where other services are expected.

What runs on a port comes from version detection (<code>-sV</code>), what is expected from the table of well-known ports.
]]

---
-- @usage
-- perilune -sV --script unusual-port TARGET
--
-- @output
-- 2121/tcp open  http    nginx
-- |_unusual-port: http unexpected on port tcp/2121

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "safe" }

-- What the table of well-known ports says has a confidence of 3.
local CONFIDENCE_OF_TABLE = 3

portrule = function (host, port)
  local version = port.version
  return port.state == "open" and type(version) == "table" and (version.name_confidence or 0) > CONFIDENCE_OF_TABLE
    and version.name ~= nil
end

-- Names of the same service. Those inside TLS have an "s" at the end, or one of these.
local SAME = {
  ["http-proxy"] = "http", ["http-alt"] = "http", ["http-mgmt"] = "http", ["https-alt"] = "https", ["radan-http"] = "http",
  ["ldapssl"] = "ldaps", ["netbios-ssn"] = "smb", ["microsoft-ds"] = "smb", ["submission"] = "smtp",
  ["submissions"] = "smtps", ["domain-s"] = "domains", ["ircu"] = "irc", ["ircs-u"] = "ircs", ["ms-wbt-server"] = "rdp",
  ["vnc-http"] = "http", ["ajp12"] = "ajp13", ["sun-answerbook"] = "http",
}

local function common_name (name) return SAME[name] or name end

action = function (host, port)
  local status, services = datafiles.parse_services(port.protocol)
  if not status then return nil end
  local name = port.version.name
  local is_tls = port.version.service_tunnel == "ssl"
  local expected = services[port.number]
  local shown = is_tls and "ssl/" .. name or name
  local found = common_name(is_tls and common_name(name) .. "s" or name)
  if expected then
    local wanted = common_name(expected)
    -- "imaps" in the table is "imap" inside TLS, and some names of the table say so themselves.
    if wanted == found or (is_tls and (wanted == name or wanted == common_name(name))) then return nil end
  end
  stdnse.debug1("expected %s", tostring(expected))
  return string.format("%s unexpected on port %s/%d", shown, port.protocol, port.number)
end
