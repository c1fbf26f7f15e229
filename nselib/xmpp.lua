---
-- XMPP (RFC 6120): opening a stream, what it offers, and logging in.
--
-- @usage
-- local helper = xmpp.Helper:new(host, port, { servername = "example.com" })
-- local status, err = helper:connect()
-- if status then
--   for name in pairs(helper:getAuthMechs()) do print(name) end
--   status, err = helper:login("anna", "secret", "PLAIN")
-- end
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local base64 = require "base64"
local nmap = require "nmap"
local sasl = require "sasl"
local slaxml = require "slaxml"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("xmpp", stdnse.seeall)

-- What is read of one stream before we give up.
local MAX_BUFFER, MAX_TAGS, TIMEOUT_MS = 256 * 1024, 5000, 5000

local function quote (text)
  return (string.gsub(text, "[&<>\"']", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
    ["'"] = "&apos;" }))
end

--- Reads XML that comes piece by piece.
-- @class table
-- @name XML
XML = {}

--- Reads the first tag of a text.
-- @name XML.parse_tag
-- @class function
-- @param s The text.
-- @return A table with <code>name</code>, <code>attrs</code>, <code>start</code> and <code>finish</code> (both are true
--         for an empty element) and <code>contents</code>, the text before the tag; nil if there is no whole tag.
-- @return The position after the tag.
function XML.parse_tag (s)
  -- The frontiers keep names whole: a shorter one would be tried for each of its characters.
  local contents, slash, name, rest, after = string.match(s, "^([^<]*)<([/?]?)([^%s/<>]+)%f[%s/<>]([^<>]*)>()")
  if not name then return nil end
  local attrs = {}
  for key, _, value in string.gmatch(rest, "%f[%w:_.-]([%w:_.-]+)%s*=%s*([\"'])(.-)%2") do
    attrs[key] = slaxml.parser.unescape(value)
  end
  return { name = name, attrs = attrs, contents = slaxml.parser.unescape(contents), start = slash ~= "/",
    finish = slash == "/" or string.sub(rest, -1) == "/" or slash == "?" }, after
end

--- What the tags of a login mean.
-- @class table
-- @name TagProcessor
TagProcessor = {}

--- The login failed.
-- @name TagProcessor.failure
-- @class function
-- @return False and a message.
function TagProcessor.failure () return false, "Login failed" end

--- The login succeeded.
-- @name TagProcessor.success
-- @class function
-- @return True.
function TagProcessor.success () return true, "Login success" end

--- The server asks something.
-- @name TagProcessor.challenge
-- @class function
-- @param tag The end tag of the challenge.
-- @return The question, or nil.
function TagProcessor.challenge (tag)
  if tag.contents == "" then return nil end
  local ok, question = pcall(base64.dec, tag.contents)
  return ok and question or nil
end

--- A stream.
-- @class table
-- @name XMPP
XMPP = {}
XMPP.__index = XMPP

--- Makes a stream.
-- @name XMPP.new
-- @class function
-- @param host The host table.
-- @param port The port table.
-- @param options Table: <code>servername</code>, the domain that is asked for (default: the target's name), and
--                <code>starttls</code>, false to leave TLS alone.
-- @return The stream, not connected yet.
function XMPP:new (host, port, options)
  options = options or {}
  return setmetatable({ host = host, port = port, options = options, buffer = "", auth_mechs = {},
    servername = options.servername or stdnse.get_hostname(host) }, self)
end

--- Sends text.
-- @name XMPP.send
-- @class function
-- @param data The text.
-- @return True, or false and a message.
function XMPP:send (data) return self.socket:send(data) end

-- The next tag of the stream.
function XMPP:next_tag ()
  while true do
    local tag, after = XML.parse_tag(self.buffer)
    if tag then
      self.buffer = string.sub(self.buffer, after)
      return tag
    end
    if #self.buffer > MAX_BUFFER then return nil, "Too much data without a tag" end
    local status, data = self.socket:receive()
    if not status then return nil, data end
    self.buffer = self.buffer .. data
  end
end

--- Reads up to a tag.
-- @name XMPP.receive_tag
-- @class function
-- @param tag The tag's name; nil for any.
-- @param close True for the end of the element, false for its beginning, nil for either.
-- @return The tag, or nil and a message.
function XMPP:receive_tag (tag, close)
  for _ = 1, MAX_TAGS do
    local found, err = self:next_tag()
    if not found then return nil, err end
    local fits = close == nil or close and found.finish or not close and found.start
    if (not tag or found.name == tag) and fits then return found end
    if found.name == "stream:error" then return nil, "The server reports an error" end
  end
  return nil, "Too many tags"
end

local function local_name (name) return string.match(name, "[^:]*$") end

-- Sends the beginning of the stream and reads what it offers.
function XMPP:open_stream ()
  self.buffer = ""
  local status, err = self:send(string.format("<?xml version='1.0' ?><stream:stream to='%s' xmlns='jabber:client' "
    .. "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>", quote(self.servername)))
  if not status then return false, err end
  local stream
  stream, err = self:receive_tag("stream:stream", false)
  if not stream then return false, err end
  self.stream, self.auth_mechs, self.starttls = stream.attrs, {}, false
  for _ = 1, MAX_TAGS do
    local tag
    tag, err = self:next_tag()
    if not tag then return false, err end
    local name = local_name(tag.name)
    if name == "mechanism" and tag.finish then self.auth_mechs[tag.contents] = true end
    if name == "starttls" then self.starttls = true end
    if tag.name == "stream:error" then return false, "The server reports an error" end
    if tag.name == "stream:features" and tag.finish then return true end
  end
  return false, "Too many features"
end

function XMPP:start_tls ()
  if not self:send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>") then return false end
  local tag = self:receive_tag()
  return tag ~= nil and local_name(tag.name) == "proceed" and self.socket:reconnect_ssl() and true or false
end

--- Connects, and opens a stream, over TLS where the server offers it.
-- @name XMPP.connect
-- @class function
-- @param socket A socket to use. Default: a new one.
-- @return True, or false and a message.
function XMPP:connect (socket)
  self.socket = socket or nmap.new_socket()
  self.socket:set_timeout(self.options.timeout or TIMEOUT_MS)
  local status, err = self.socket:connect(self.host, self.port)
  if not status then return false, err end
  status, err = self:open_stream()
  if not status then return false, err end
  if not self.starttls or self.options.starttls == false then return true end
  if self:start_tls() and self:open_stream() then return true end
  -- What was agreed on is broken; without TLS there may still be something to see.
  self.socket:close()
  self.socket = nmap.new_socket()
  self.socket:set_timeout(self.options.timeout or TIMEOUT_MS)
  status, err = self.socket:connect(self.host, self.port)
  if not status then return false, err end
  return self:open_stream()
end

--- The ways to authenticate that the stream offers.
-- @name XMPP.getAuthMechs
-- @class function
-- @return A table whose keys are their names.
function XMPP:getAuthMechs () return self.auth_mechs end

-- The answer to the server's question.
function XMPP:respond (helper, username, password, question)
  local status, answer = helper:encode(username, password, question, "xmpp")
  if not status or not answer then return false, "Can't answer the server" end
  return self:send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" .. base64.enc(answer) .. "</response>")
end

--- Logs in.
-- @name XMPP.login
-- @class function
-- @param username The user.
-- @param password The password.
-- @param mech <code>PLAIN</code>, <code>CRAM-MD5</code> or <code>DIGEST-MD5</code>.
-- @return True, or false and a message.
function XMPP:login (username, password, mech)
  local helper = sasl.Helper:new(mech)
  if not helper then return false, "Unknown mechanism" end
  local initial = ""
  if mech == "PLAIN" then initial = base64.enc("\0" .. username .. "\0" .. password) end
  local status, err = self:send(string.format(
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='%s'>%s</auth>", quote(mech), initial))
  if not status then return false, err end
  local answered = false
  for _ = 1, 10 do
    local tag
    tag, err = self:receive_tag(nil, true)
    if not tag then return false, err end
    local name = local_name(tag.name)
    if name == "success" then return TagProcessor.success(tag) end
    if name == "failure" or name == "not-authorized" then return TagProcessor.failure(tag) end
    if name == "challenge" then
      local question = TagProcessor.challenge(tag)
      -- The last question of DIGEST-MD5 is only a proof of the server's.
      if answered or not question then
        status, err = self:send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
      else
        status, err = self:respond(helper, username, password, question)
        answered = true
      end
      if not status then return false, err end
    end
  end
  return false, "No answer to the login"
end

--- Ends the stream.
-- @name XMPP.disconnect
-- @class function
function XMPP:disconnect ()
  if not self.socket then return true end
  self:send("</stream:stream>")
  return self.socket:close()
end

--- What scripts use.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper.
-- @name Helper.new
-- @class function
-- @param host The host table.
-- @param port The port table.
-- @param options As for <code>XMPP.new</code>.
-- @return The helper.
function Helper:new (host, port, options)
  return setmetatable({ xmpp = XMPP:new(host, port, options) }, self)
end

--- Connects and opens a stream.
-- @name Helper.connect
-- @class function
-- @param socket A socket to use. Default: a new one.
-- @return True, or false and a message.
function Helper:connect (socket)
  local status, err = self.xmpp:connect(socket)
  if not status then return false, "ERROR: Failed to connect to server: " .. tostring(err) end
  return true
end

--- The ways to authenticate that the server offers.
-- @name Helper.getAuthMechs
-- @class function
-- @return A table whose keys are their names.
function Helper:getAuthMechs () return self.xmpp:getAuthMechs() end

--- Logs in.
-- @name Helper.login
-- @class function
-- @param username The user.
-- @param password The password.
-- @param mech The mechanism.
-- @return True, or false and a message.
function Helper:login (username, password, mech) return self.xmpp:login(username, password, mech) end

--- Ends the stream.
-- @name Helper.close
-- @class function
function Helper:close () return self.xmpp:disconnect() end

return _ENV
