---
-- Port rules: functions that decide whether a script runs against a port.
--
-- @usage portrule = shortport.port_or_service({80, 8080}, "http")
--
-- @copyright MIT OR Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local tableaux = require "tableaux"
_ENV = stdnse.module("shortport", stdnse.seeall)

-- A value, a list of values or nil, as a set; nil for nil.
local function set_of (values, default)
  if values == nil then values = default end
  if values == nil then return nil end
  if type(values) ~= "table" then values = { values } end
  return tableaux.invert(values)
end

-- Port numbers may come as strings.
local function number_set (ports)
  if type(ports) ~= "table" then ports = { ports } end
  local set = {}
  for _, port in ipairs(ports) do
    local number = tonumber(port)
    if number then set[number] = true end
  end
  return set
end

local DEFAULT_STATES = { "open", "open|filtered" }

--- Tells whether the user asked version detection to leave a port alone.
-- @param port The number.
-- @param proto <code>tcp</code>, <code>udp</code> or <code>sctp</code>.
-- @return True or false.
function port_is_excluded (port, proto)
  return nmap.port_is_excluded(port, proto)
end

--- Makes a rule for port numbers.
-- @param ports A number or a list of numbers.
-- @param protos A protocol or a list of protocols. Default: <code>tcp</code>.
-- @param states A state or a list of states. Default: <code>open</code> and <code>open|filtered</code>.
-- @return A port rule.
function portnumber (ports, protos, states)
  ports = number_set(ports)
  protos = set_of(protos, "tcp")
  states = set_of(states, DEFAULT_STATES)
  return function (host, port)
    return ports[port.number] ~= nil and protos[port.protocol] ~= nil and states[port.state] ~= nil
  end
end

--- Makes a rule for service names.
-- @param services A name or a list of names.
-- @param protos A protocol or a list of protocols. Default: <code>tcp</code>.
-- @param states A state or a list of states. Default: <code>open</code> and <code>open|filtered</code>.
-- @return A port rule.
function service (services, protos, states)
  services = set_of(services, {})
  protos = set_of(protos, "tcp")
  states = set_of(states, DEFAULT_STATES)
  return function (host, port)
    return port.service ~= nil and services[port.service] ~= nil
      and protos[port.protocol] ~= nil and states[port.state] ~= nil
  end
end

--- Makes a rule for port numbers or service names: either is enough.
-- @param ports A number or a list of numbers.
-- @param services A name or a list of names.
-- @param protos A protocol or a list of protocols. Default: <code>tcp</code>.
-- @param states A state or a list of states. Default: <code>open</code> and <code>open|filtered</code>.
-- @return A port rule.
function port_or_service (ports, services, protos, states)
  local by_number = portnumber(ports, protos, states)
  local by_service = service(services, protos, states)
  return function (host, port)
    return by_number(host, port) or by_service(host, port)
  end
end

--- Makes a rule for version scripts.
--
-- As <code>port_or_service</code>, yet false for ports the user excluded from version detection, and when the wanted
-- intensity is below the rarity of what the script sends.
-- @param ports A number or a list of numbers.
-- @param services A name or a list of names.
-- @param protos A protocol or a list of protocols. Default: <code>tcp</code>.
-- @param states A state or a list of states. Default: <code>open</code> and <code>open|filtered</code>.
-- @param rarity 1 to 9, default 7.
-- @return A port rule.
function version_port_or_service (ports, services, protos, states, rarity)
  local rule = port_or_service(ports, services, protos, states)
  return function (host, port)
    return nmap.version_intensity() >= (rarity or 7)
      and rule(host, port)
      and not port_is_excluded(port.number, port.protocol)
  end
end

--- Makes a rule for ranges of ports.
--
-- The ranges are written as for option <code>-p</code>: numbers and ranges, separated by commas, optionally after
-- <code>T:</code>, <code>U:</code> or <code>S:</code>, which holds until the next one. Without a letter a range is for
-- every protocol.
-- @usage portrule = shortport.port_range("T:1-1024,U:53,161")
-- @param range The ranges.
-- @return A port rule.
function port_range (range)
  local letters = { T = "tcp", U = "udp", S = "sctp" }
  local ranges, proto = {}, nil
  for item in string.gmatch(range, "[^,]+") do
    local letter, rest = string.match(item, "^%s*(%a):(.*)$")
    if letter then
      proto = letters[string.upper(letter)]
      if not proto then error("bad protocol in port range: " .. item) end
      item = rest
    end
    local from, dash, to = string.match(item, "^%s*(%d*)(%-?)(%d*)%s*$")
    if not from or (from == "" and dash == "") then error("bad port range: " .. item) end
    from = tonumber(from) or 1
    ranges[#ranges + 1] = { proto = proto, from = from, to = dash == "" and from or tonumber(to) or 65535 }
  end
  local states = set_of(DEFAULT_STATES)
  return function (host, port)
    if not states[port.state] then return false end
    for _, one in ipairs(ranges) do
      if (not one.proto or one.proto == port.protocol) and one.from <= port.number and port.number <= one.to then
        return true
      end
    end
    return false
  end
end

--- Ports on which web servers are often found, those that scripts are used to; on another one, version detection finds
-- the server.
-- @class table
-- @name LIKELY_HTTP_PORTS
LIKELY_HTTP_PORTS = {
  80, -- http
  443, -- https
  631, -- ipp
  3872, -- Oracle's management agent
  5800, -- Java viewers of VNC
  7080, -- second instance
  8000, -- development servers
  8080, -- http-alt
  8088, -- radan-http
  8180, -- second instance of http-alt
  8443, -- https-alt
}

--- Names of services that speak HTTP, as registered with IANA (RFC 6335, RFC 6764 for calendars and contacts) or as
-- version detection names them.
-- @class table
-- @name LIKELY_HTTP_SERVICES
LIKELY_HTTP_SERVICES = {
  "http", "https", "http-alt", "https-alt", "http-mgmt", "http-proxy", "ipp", "ipps", "soap-http", "caldav", "caldavs",
  "carddav", "carddavs", "radan-http", "vnc-http", "soap", "webdav", "oem-agent",
}

--- A rule for web servers.
-- @class function
-- @name http
-- @usage portrule = shortport.http
http = port_or_service(LIKELY_HTTP_PORTS, LIKELY_HTTP_SERVICES)

--- A rule for SSH servers.
-- @class function
-- @name ssh
-- @usage portrule = shortport.ssh
ssh = port_or_service({ 22, 2222 }, "ssh")

-- Ports registered with IANA for protocols inside TLS, and defaults of servers that use it.
local LIKELY_SSL_PORTS = {
  261, 271, 324, 994, -- nsiiops, pt-tls, rpki-rtr-tls, ircs (IANA)
  443, -- https
  465, -- submissions (RFC 8314)
  563, -- nntps
  636, -- ldaps
  853, -- domain-s (RFC 7858)
  989, 990, -- ftps-data, ftps
  992, -- telnets
  993, -- imaps
  995, -- pop3s
  2083, -- radsec (RFC 6614)
  2221, 2252, -- EtherNet/IP and NJE inside TLS (IANA)
  2376, -- docker-s
  3269, -- msft-gc-ssl
  3389, -- ms-wbt-server
  4433, -- test servers
  4911, -- Fox, inside TLS
  5061, -- sips
  5349, -- stuns, turns
  5671, -- amqps
  5986, -- wsmans
  6443, -- Kubernetes
  6514, -- syslog-tls (RFC 5425)
  6679, 6697, -- ircs-u (RFC 7194) and one more of IRC
  8443, -- https-alt
  8883, -- secure-mqtt
  9001, -- relays of Tor
  9443, -- second instance of https
}

-- Services that are TLS from the first byte, and those that can be switched to it (STARTTLS and the like).
local LIKELY_SSL_SERVICES = {
  "https", "https-alt", "submissions", "smtps", "nntps", "ipps", "ldaps", "ldapssl", "domain-s", "ftps", "ftps-data",
  "telnets", "imaps", "pop3s", "radsec", "docker-s", "msft-gc-ssl", "ms-wbt-server", "sips", "sip-tls", "stuns",
  "turns", "amqps", "wsmans", "syslog-tls", "ircs", "ircs-u", "secure-mqtt", "caldavs", "carddavs",
  "ftp", "smtp", "submission", "imap", "pop3", "nntp", "ldap", "xmpp-client", "xmpp-server", "mysql", "postgresql",
}

local by_ssl_port = port_or_service(LIKELY_SSL_PORTS, LIKELY_SSL_SERVICES, { "tcp", "sctp" })

--- A rule for services inside TLS, or which can be switched to it.
--
-- True if version detection found TLS, or if the port or the service name suggests it. For a script that was chosen by
-- name, ports whose number says nothing are asked.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
-- @usage portrule = shortport.ssl
function ssl (host, port)
  local version = port.version
  if type(version) == "table" and version.service_tunnel == "ssl" then return true end
  if by_ssl_port(host, port) then return true end
  if port.service and port.service ~= "" and port.service ~= "unknown" then return false end
  return nmap.version_intensity() == 9 and require("tlshello").answers(host, port)
end

return _ENV
