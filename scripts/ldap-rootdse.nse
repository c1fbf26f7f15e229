local comm = require "comm"
local ldap = require "ldap"
local math = require "math"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows what a directory says of itself: the attributes of its root (RFC 4512, 5.1).

Among them are the naming contexts, the versions, extensions and mechanisms it supports, and with Active Directory the
names of the domain and the server.
]]

---
-- @usage
-- perilune -p 389 --script ldap-rootdse TARGET
--
-- @output
-- 389/tcp open  ldap
-- | ldap-rootdse:
-- | LDAP Results
-- |   <ROOT>
-- |       namingContexts: dc=example,dc=com
-- |       supportedLDAPVersion: 3
-- |_      subschemaSubentry: cn=Subschema

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service({ 389, 636, 3268, 3269 }, { "ldap", "ldapssl", "ldaps", "globalcatLDAP" },
  { "tcp", "udp" })

local PARAMS = {
  baseObject = "",
  scope = ldap.SCOPE.base,
  derefPolicy = ldap.DEREFPOLICY.default,
  -- Operational attributes have to be asked for by name.
  attributes = {
    "_domainControllerFunctionality", "configurationNamingContext", "currentTime", "defaultNamingContext",
    "dnsHostName", "domainControllerFunctionality", "domainFunctionality", "dsServiceName", "forestFunctionality",
    "highestCommittedUSN", "isGlobalCatalogReady", "isSynchronized", "ldap-get-baseobject", "ldapServiceName",
    "namingContexts", "rootDomainNamingContext", "schemaNamingContext", "serverName", "subschemaSubentry",
    "supportedCapabilities", "supportedControl", "supportedExtension", "supportedFeatures", "supportedLDAPPolicies",
    "supportedLDAPVersion", "supportedSASLMechanisms", "altServer", "currentConfigNamingContext",
  },
}

local function search (host, port)
  if port.protocol == "udp" then return ldap.udpSearchRequest(host, port, PARAMS) end
  local socket = comm.tryssl(host, port, "", { recv_before = false })
  if not socket then return false, "no connection" end
  socket:set_timeout(math.max(stdnse.get_timeout(host), 5000))
  -- Some servers want to know first who asks.
  ldap.bindRequest(socket, { version = 3, username = "", password = "" })
  local status, entries = ldap.searchRequest(socket, PARAMS)
  ldap.unbindRequest(socket)
  socket:close()
  return status, entries
end

local function set_version (host, port, entries)
  local function first (name)
    local values = ldap.extractAttribute(entries, name)
    return values and values[1]
  end
  local context, name = first("defaultNamingContext"), first("dnsHostName")
  if not context or not name then return end
  local labels = {}
  for label in string.gmatch(first("rootDomainNamingContext") or context, "[dD][cC]=([^,]+)") do
    labels[#labels + 1] = label
  end
  port.version = port.version or {}
  port.version.name = "ldap"
  port.version.product = "Microsoft Windows Active Directory LDAP"
  port.version.hostname = string.match(name, "^[^.]+")
  port.version.extrainfo = ("Domain: %s"):format(table.concat(labels, "."))
  nmap.set_port_version(host, port, "hardmatched")
end

action = function (host, port)
  local status, entries = search(host, port)
  if not status then
    stdnse.debug1("%s", tostring(entries))
    return nil
  end
  if port.protocol == "udp" then nmap.set_port_state(host, port, "open") end
  set_version(host, port, entries)
  local result = ldap.searchResultToTable(entries)
  result.name = "LDAP Results"
  return stdnse.format_output(true, result)
end
