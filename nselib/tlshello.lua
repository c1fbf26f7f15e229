---
-- Says hello to a TLS server and collects what it answers before anything is encrypted.
--
-- @usage
-- portrule = tlshello.portrule
-- action = function (host, port)
--   local answer, err = tlshello.ask(host, port, { protocol = "TLSv1.2" })
--   if answer and answer.hello then return answer.hello.cipher end
-- end
--
-- @copyright MIT OR Apache-2.0

local comm = require "comm"
local math = require "math"
local nmap = require "nmap"
local shortport = require "shortport"
local sslcert = require "sslcert"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local tls = require "tls"
_ENV = stdnse.module("tlshello", stdnse.seeall)

-- Records that are read for one answer: a handshake with the longest of chains needs fewer.
local RECORDS_MAX = 64

local TIMEOUT_MIN_MS = 3000

-- The type and the version of a record.
local RECORD_START_LEN = 3

-- What the table of well-known ports says is a guess.
local CONFIDENCE_OF_TABLE = 3

-- Says hello and looks whether the answer is a record of TLS. It waits as long as for any other reply: a server that
-- has to ask elsewhere for its certificate is slow.
local function answers_hello (host, port)
  local request = hello(host, { protocol = "TLSv1.2" })
  local status, answer = comm.exchange(host, port, request, { proto = "tcp", bytes = RECORD_START_LEN })
  return status and string.find(answer, "^[\x15\x16]\x03[\0-\4]") ~= nil
end

--- Tells whether a TCP port that is open answers a hello. Each port is asked once for all scripts; those whose service
-- version detection has found out are not asked.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
function answers (host, port)
  local version = port.version
  if port.protocol ~= "tcp" or port.state ~= "open" or not host.registry
    or (type(version) == "table" and (version.name_confidence or 0) > CONFIDENCE_OF_TABLE) then
    return false
  end
  local known = host.registry.tlshello or {}
  host.registry.tlshello = known
  local mutex = nmap.mutex(string.format("tlshello %s %s", tostring(host.ip), port.number))
  mutex("lock")
  if known[port.number] == nil then
    local ok, found = pcall(answers_hello, host, port)
    known[port.number] = ok and found
  end
  mutex("done")
  return known[port.number]
end

--- A rule for services inside TLS and for those that can be asked for it. For a script that was chosen by name, other
-- ports are asked.
-- @param host The host table.
-- @param port The port table.
-- @return True or false.
function portrule (host, port)
  return shortport.ssl(host, port) or sslcert.getPrepareTLSWithoutReconnect(port) ~= nil
    or (nmap.version_intensity() == 9 and answers(host, port))
end

--- Connects, up to the point where the client says hello.
-- @param host The host table.
-- @param port The port table.
-- @return A socket, or nil and a message.
function connect (host, port)
  local prepare = sslcert.getPrepareTLSWithoutReconnect(port)
  if prepare then
    local status, socket = prepare(host, port)
    if status then return socket end
    return nil, socket
  end
  local socket = nmap.new_socket()
  socket:set_timeout(math.max(stdnse.get_timeout(host), TIMEOUT_MIN_MS))
  local status, err = socket:connect(host, port, "tcp")
  if status then return socket end
  socket:close()
  return nil, err
end

--- Makes a hello with the host's name in it.
-- @param host The host table.
-- @param options As for <code>tls.client_hello</code>.
-- @return Bytes.
function hello (host, options)
  local extensions = {}
  for name, data in pairs(options.extensions or {}) do extensions[name] = data end
  local name = tls.servername(host)
  if name and not extensions.server_name then extensions.server_name = tls.EXTENSION_HELPERS.server_name(name) end
  local all = {}
  for key, value in pairs(options) do all[key] = value end
  all.extensions = next(extensions) ~= nil and extensions or nil
  return tls.client_hello(all)
end

--- Reads the messages of a server up to its turn's end.
-- @param socket The socket.
-- @return A table with any of <code>hello</code>, <code>certificates</code> (DER), <code>key_exchange</code> (bytes),
--         <code>alert</code> (a fatal one), <code>received</code> (when the hello came) and <code>is_done</code>; or nil
--         and a message.
function read (socket)
  local answer = {}
  local buffer, at, fragment = "", 1, nil
  for _ = 1, RECORDS_MAX do
    local status, err, record
    status, buffer, err = tls.record_buffer(socket, buffer, at)
    if not status then
      if answer.hello then return answer end
      return nil, err
    end
    at, record = tls.record_read(buffer, at, fragment)
    if not record then return nil, "this is no TLS" end
    fragment = record.fragment
    for _, message in ipairs(record.body) do
      if record.type == "alert" then
        if message.level ~= "warning" then
          answer.alert = message.description
          return answer
        end
      elseif message.type == "server_hello" and message.cipher then
        answer.hello, answer.received = message, nmap.clock()
        if message.protocol == "TLSv1.3" then return answer end
      elseif message.type == "certificate" then
        answer.certificates = message.certificates
      elseif message.type == "server_key_exchange" then
        answer.key_exchange = message.data
      elseif message.type == "server_hello_done" then
        answer.is_done = true
        return answer
      end
    end
  end
  return nil, "the answer has no end"
end

--- Says hello on a connection of its own.
-- @param host The host table.
-- @param port The port table.
-- @param options As for <code>tls.client_hello</code>.
-- @return What <code>read</code> returns.
function ask (host, port, options)
  local socket, err = connect(host, port)
  if not socket then return nil, err end
  local status
  status, err = socket:send(hello(host, options))
  local answer
  if status then
    answer, err = read(socket)
  end
  socket:close()
  return answer, err
end

--- All cipher suites of a version, sorted by name.
-- @param protocol The version.
-- @return An array of names.
function ciphers_of (protocol)
  local names = {}
  for name in pairs(tls.CIPHERS) do
    local info = tls.cipher_info(name)
    local fits
    if protocol == "TLSv1.3" then fits = info.tls13ok else fits = not info.tls13only end
    if fits then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

return _ENV
