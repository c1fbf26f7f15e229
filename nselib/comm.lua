---
-- Common exchanges with a service: connect, send, receive, with or without TLS.
--
-- The functions take a table of options:
-- * <code>bytes</code> - read at least this many bytes.
-- * <code>lines</code> - read at least this many lines. Without it and <code>bytes</code>, one read of any size.
-- * <code>proto</code> - <code>"tcp"</code>, <code>"udp"</code> or <code>"ssl"</code>. Default: the port's protocol.
-- * <code>timeout</code> - milliseconds, where the next two are absent.
-- * <code>connect_timeout</code> - milliseconds for connecting. Default: worked out from the host.
-- * <code>request_timeout</code> - milliseconds for sending and receiving, beyond those for connecting. Default: 6000.
-- * <code>recv_before</code> - true to read before sending.
-- * <code>any_af</code> - true to let a name resolve to addresses of any family.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local tableaux = require "tableaux"
_ENV = stdnse.module("comm", stdnse.seeall)

-- A service may take its time to answer, longer than a stack does to accept.
local REQUEST_TIMEOUT_MS = 6000
-- A server that has a handful of places in its queue, as those of Python's library do, drops what comes while these are
-- taken; a stack asks again after one second, and after three.
local CONNECT_TIMEOUT_MIN_MS = 4000

-- What a connection may take, and what a reply may take: the time of the way there and back comes on top.
local function timeouts (host, opts)
  local asked = opts.connect_timeout or opts.timeout
  local way = asked or stdnse.get_timeout(host)
  local reply_timeout = way + (opts.request_timeout or opts.timeout or REQUEST_TIMEOUT_MS)
  return asked or math.max(way, CONNECT_TIMEOUT_MIN_MS), reply_timeout
end

local function default_proto (port)
  return type(port) == "table" and port.protocol or "tcp"
end

-- A name that has addresses of another family only is resolved here: connect looks at one family.
local function address_of (host, opts)
  if not opts.any_af then return host end
  local name = host
  if type(host) == "table" then
    if host.ip then return host end
    name = host.targetname
  end
  local status, addresses = nmap.resolve(name, "unspec")
  if not status or not addresses[1] then return host end
  return { ip = addresses[1], targetname = name }
end

local function open_socket (host, port, opts, proto)
  local connect_timeout, request_timeout = timeouts(host, opts)
  local socket = nmap.new_socket(proto == "udp" and "udp" or "tcp")
  socket:set_timeout(connect_timeout)
  local status, err = socket:connect(address_of(host, opts), port, proto)
  if not status then
    socket:close()
    return nil, err
  end
  socket:set_timeout(request_timeout)
  return socket
end

local function read_reply (socket, opts)
  if opts.lines then return socket:receive_lines(opts.lines) end
  if opts.bytes then return socket:receive_bytes(opts.bytes) end
  return socket:receive()
end

-- Connects, reads the greeting if it is wanted, sends and reads the reply. Result: the socket, the first thing that was
-- read and the greeting; or nil and an error.
local function converse (host, port, data, opts, proto)
  local socket, err = open_socket(host, port, opts, proto)
  if not socket then return nil, err end
  local early, reply, status
  if opts.recv_before then
    status, early = read_reply(socket, opts)
    if not status then
      socket:close()
      return nil, early
    end
  end
  if data and #data > 0 then
    status, err = socket:send(data)
    if not status then
      socket:close()
      return nil, err
    end
    status, reply = read_reply(socket, opts)
    if not status then
      socket:close()
      return nil, reply
    end
  end
  return socket, reply or early, early
end

-- Services that begin in the clear and are switched to TLS by a command, some of which shortport.ssl takes for TLS: a
-- hello of TLS only annoys them.
local BEGIN_PLAIN = tableaux.invert({ "ftp", "imap", "irc", "ldap", "ms-wbt-server", "mysql", "nntp", "pop3",
  "postgresql", "smtp", "submission", "xmpp-client", "xmpp-server" })

-- The protocols to try, the likely one first.
local function protocols (host, port, opts)
  if opts.proto and opts.proto ~= "tcp" then return { opts.proto } end
  if type(port) == "table" then
    if default_proto(port) == "udp" then return { "udp" } end
    if port.version and port.version.service_tunnel == "ssl" then return { "ssl", "tcp" } end
    if BEGIN_PLAIN[port.service or ""] then return { "tcp", "ssl" } end
  end
  local described = type(port) == "table" and port or { number = tonumber(port), protocol = "tcp", state = "open" }
  described = { number = described.number, protocol = described.protocol or "tcp", state = described.state or "open",
    service = described.service, version = described.version }
  return shortport.ssl(host, described) and { "ssl", "tcp" } or { "tcp", "ssl" }
end

--- Connects, sends nothing and reads. Where TLS is to be expected from the first byte, that is tried first.
-- @param host The host table or an address.
-- @param port The port table or a number.
-- @param opts Options.
-- @return True and what was read, or false and an error.
function get_banner (host, port, opts)
  opts = opts or {}
  if opts.proto or protocols(host, port, opts)[1] ~= "ssl" then return exchange(host, port, nil, opts) end
  local reading = { recv_before = true }
  for key, value in pairs(opts) do reading[key] = value end
  local socket, reply, _, early = tryssl(host, port, nil, reading)
  if not socket then return false, reply end
  socket:close()
  return true, early or reply
end

--- Connects, sends and reads the reply.
-- @param host The host table or an address.
-- @param port The port table or a number.
-- @param data What to send; nil or empty to read only.
-- @param opts Options.
-- @return True and what was read, or false and an error.
function exchange (host, port, data, opts)
  opts = opts or {}
  local socket, err = open_socket(host, port, opts, opts.proto or default_proto(port))
  if not socket then return false, err end
  local status, reply
  if opts.recv_before then
    status, reply = read_reply(socket, opts)
    if not status then
      socket:close()
      return false, reply
    end
  end
  if data and #data > 0 then
    status, err = socket:send(data)
    if not status then
      socket:close()
      return false, err
    end
    status, reply = read_reply(socket, opts)
  elseif not reply then
    status, reply = read_reply(socket, opts)
  end
  socket:close()
  if not status then return false, reply end
  return true, reply
end

--- Connects, sends and reads, and keeps the connection.
-- @param host The host table or an address.
-- @param port The port table or a number.
-- @param data What to send first; nil or empty to send nothing.
-- @param opts Options.
-- @return The socket, or nil.
-- @return What was read, nil if there was nothing to read; or an error.
-- @return What was read before sending, if <code>recv_before</code> is set.
function opencon (host, port, data, opts)
  opts = opts or {}
  return converse(host, port, data, opts, opts.proto or default_proto(port))
end

--- Connects with or without TLS, whichever the service answers to.
--
-- The more likely one is tried first: TLS if version detection found it or the port suggests it.
-- @param host The host table or an address.
-- @param port The port table or a number.
-- @param data What to send first. Something has to be sent, or read with <code>recv_before</code>, to tell a plain
--             service from one that waits for TLS.
-- @param opts Options. <code>proto</code> other than <code>tcp</code> is used as it is, without a second try.
-- @return The socket, or nil.
-- @return What was read; or an error.
-- @return <code>"tcp"</code> or <code>"ssl"</code>, which of them worked.
-- @return What was read before sending, if <code>recv_before</code> is set.
function tryssl (host, port, data, opts)
  opts = opts or {}
  local failure
  for _, proto in ipairs(protocols(host, port, opts)) do
    local socket, reply, early = converse(host, port, data, opts, proto)
    if socket then return socket, reply, proto, early end
    failure = failure or reply
    stdnse.debug2("comm: %s failed: %s", proto, reply)
  end
  return nil, failure
end

return _ENV
