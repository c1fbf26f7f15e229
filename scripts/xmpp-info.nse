local nmap = require "nmap"
local shortport = require "shortport"
local slaxml = require "slaxml"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows what an XMPP server (RFC 6120) offers at the beginning of a stream: ways to authenticate, compression, TLS and
other features, and whether it minds which domain is asked for.
]]

---
-- @args xmpp-info.server_name The domain to ask for. Default: the target's name.
-- @args xmpp-info.no_starttls Don't go on over TLS where the server offers that.
--
-- @usage
-- perilune -p 5222 --script xmpp-info --script-args xmpp-info.server_name=example.com TARGET
--
-- @output
-- 5222/tcp open  xmpp-client
-- | xmpp-info:
-- |   Respects server name
-- |   info:
-- |     stream_id: 85b94fe2-aaac-44a1-80e6-1b63362ceccf
-- |     xmpp:
-- |       lang: en
-- |       version: 1.0
-- |     features:
-- |       TLS
-- |     auth_mechanisms:
-- |       PLAIN
-- |_      SCRAM-SHA-1

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe", "version" }

portrule = shortport.port_or_service({ 5222, 5269 }, { "jabber", "xmpp-client", "xmpp-server" })

local MAX_LEN, MAX_ITEMS, TIMEOUT_MS = 16 * 1024, 50, 5000

-- Features by their namespaces: RFC 6120, RFC 6121, RFC 3921, XEP-0077, 0138, 0198, 0220, 0237, 0288, 0352, 0386.
local FEATURES = {
  ["urn:ietf:params:xml:ns:xmpp-tls"] = "TLS",
  ["urn:ietf:params:xml:ns:xmpp-bind"] = "Resource Binding",
  ["urn:ietf:params:xml:ns:xmpp-session"] = "Session Establishment",
  ["http://jabber.org/features/iq-register"] = "In-Band Registration",
  ["http://jabber.org/features/iq-auth"] = "Non-SASL Authentication",
  ["urn:xmpp:sm:2"] = "Stream Management",
  ["urn:xmpp:sm:3"] = "Stream Management",
  ["urn:xmpp:features:rosterver"] = "Roster Versioning",
  ["urn:xmpp:features:dialback"] = "Server Dialback",
  ["urn:xmpp:features:pre-approval"] = "Subscription Pre-Approval",
  ["urn:xmpp:bidi"] = "Bidirectional Streams",
  ["urn:xmpp:csi:0"] = "Client State Indication",
  ["urn:xmpp:bind:0"] = "Bind 2",
}

local function add (list, value)
  for _, item in ipairs(list) do
    if item == value then return end
  end
  if #list < MAX_ITEMS then list[#list + 1] = value end
end

-- What happens inside of the features, element by element, goes into the facts.
local function feature_element (facts, name, uri)
  if name == "mechanism" or name == "method" or name == "mechanisms" or name == "compression" then return end
  if name == "required" then
    local last = facts.features[#facts.features]
    if last == "TLS" then facts.features[#facts.features] = "TLS (required)" end
  elseif name ~= "optional" and FEATURES[uri] then
    add(facts.features, FEATURES[uri])
  elseif name ~= "optional" and name ~= "features" and name ~= "hostname" then
    add(facts.unknown, name)
  end
end

local function new_facts ()
  return { features = {}, unknown = {}, errors = {}, compression_methods = {}, auth_mechanisms = {}, capabilities = {} }
end

-- The beginning of a stream as facts.
local function read_stream (xml)
  local facts, open, in_features, in_error, attributes_of = new_facts(), {}, false, false, nil
  local parser = slaxml.parser:new({
    startElement = function (name, uri)
      open[#open + 1], attributes_of = name, name
      if name == "features" then in_features = true
      elseif name == "error" then in_error = true
      elseif in_error and name ~= "text" then add(facts.errors, name)
      elseif name == "c" and in_features then facts.capabilities = {}
      elseif in_features then feature_element(facts, name, uri) end
    end,
    attribute = function (name, value)
      if attributes_of == "stream" then
        if name == "id" then facts.id = value
        elseif name == "from" then facts.from = value
        elseif name == "lang" then facts.lang = value
        elseif name == "version" then facts.version = value end
      elseif attributes_of == "c" and (name == "node" or name == "ver") then
        facts.capabilities[name] = value
      end
    end,
    text = function (text)
      local name = open[#open]
      if name == "mechanism" then add(facts.auth_mechanisms, text) end
      if name == "method" then add(facts.compression_methods, text) end
      if name == "text" and in_error then add(facts.errors, text) end
    end,
    closeElement = function (name)
      open[#open] = nil
      if name == "features" then facts.complete = true end
      if name == "error" then facts.complete = true end
    end,
  })
  parser:parseSAX(xml, { stripWhitespace = true })
  return facts
end

-- Opens a stream for a domain on a connected socket.
local function open_stream (socket, name, kind)
  local sent = socket:send(string.format("<?xml version='1.0'?><stream:stream xmlns:stream="
    .. "'http://etherx.jabber.org/streams' xmlns='jabber:%s' to='%s' version='1.0'>", kind, name))
  if not sent then return nil end
  local received, facts = "", nil
  while #received < MAX_LEN do
    local status, data = socket:receive()
    if not status then break end
    received = received .. data
    facts = read_stream(received)
    if facts.complete then return facts end
  end
  return facts
end

local function connect (host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(TIMEOUT_MS)
  if not socket:connect(host, port) then return nil end
  return socket
end

local function start_tls (socket)
  if not socket:send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>") then return false end
  local status, data = socket:receive()
  return status and string.find(data, "proceed", 1, true) ~= nil and socket:reconnect_ssl() and true or false
end

local function as_output (facts)
  local info = stdnse.output_table()
  info.stream_id = facts.id
  local xmpp = stdnse.output_table()
  xmpp.lang = facts.lang
  xmpp.version = facts.version
  xmpp["server name"] = facts.from
  info.xmpp = xmpp
  for _, part in ipairs({ "features", "auth_mechanisms", "compression_methods", "capabilities", "unknown", "errors" }) do
    if next(facts[part]) then info[part] = facts[part] end
  end
  return info
end

local function offers_tls (facts)
  return facts and (table.concat(facts.features, " "):find("TLS", 1, true)) ~= nil
end

action = function (host, port)
  local name, no_tls = stdnse.get_script_args(SCRIPT_NAME .. ".server_name", SCRIPT_NAME .. ".no_starttls")
  name = name or stdnse.get_hostname(host)
  local kind = (port.number == 5269 or port.service == "xmpp-server") and "server" or "client"
  local socket = connect(host, port)
  if not socket then return nil end
  local facts = open_stream(socket, name, kind)
  if not facts or not facts.id then
    socket:close()
    return nil
  end

  local result, remarks = stdnse.output_table(), {}
  -- A name that can't be served shows whether names matter.
  local other_socket = connect(host, port)
  if other_socket then
    local other = open_stream(other_socket, "perilune.invalid", kind)
    other_socket:close()
    if other and #other.errors > 0 and #facts.errors == 0 then
      remarks[1] = "Respects server name"
    elseif other and #other.errors == 0 then
      remarks[1] = "Ignores server name"
    end
  end
  result.info = as_output(facts)
  if offers_tls(facts) and not no_tls then
    local inside = start_tls(socket) and open_stream(socket, name, kind)
    if inside and inside.id then
      result.post_tls = as_output(inside)
    else
      remarks[#remarks + 1] = "STARTTLS Failed"
    end
  end
  socket:close()
  for i, remark in ipairs(remarks) do result[i] = remark end
  port.version.name = "xmpp-" .. kind
  nmap.set_port_version(host, port, "hardmatched")
  return result
end
