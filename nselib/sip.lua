---
-- SIP (RFC 3261): requests and answers, the methods <code>OPTIONS</code>, <code>REGISTER</code> and <code>INVITE</code>, and
-- logging in with Digest (22).
--
-- @usage
-- local session = sip.Session:new(host, port)
-- local status = session:connect()
-- local status, response = session:options()
-- session:close()
--
-- @args sip.timeout How long to wait, in seconds. Default: 5.
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local nmap = require "nmap"
local rand = require "rand"
local sasl = require "sasl"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("sip", stdnse.seeall)

local MESSAGE_LEN_MAX = 65536

-- Provisional answers before the last one.
local ANSWERS_MAX = 16

local TIMEOUT_S = 5

--- Methods.
-- @class table
-- @name Method
Method = { ACK = "ACK", INVITE = "INVITE", OPTIONS = "OPTIONS", REGISTER = "REGISTER" }

--- Codes of answers.
-- @class table
-- @name Error
Error = {
  TRYING = 100, RING = 180, TIMEOUT = 408, BUSY = 486, DECLINE = 603, OK = 200, UNAUTHORIZED = 401, FORBIDDEN = 403,
  NOTFOUND = 404, PROXY_AUTH_REQUIRED = 407,
}

-- Digest ----------------------------------------------------------------------------------------------------------

--- Makes the answer to a challenge.
-- @class table
-- @name SipAuth
SipAuth = {}
SipAuth.__index = SipAuth

--- Makes an object of a challenge.
-- @param auth The header <code>WWW-Authenticate</code> or <code>Proxy-Authenticate</code>.
-- @return The object.
function SipAuth:new (auth)
  return setmetatable({ auth = auth }, self)
end

--- Sets the user's name.
-- @param username The name.
function SipAuth:setUsername (username) self.username = username end

--- Sets the password.
-- @param password The password.
function SipAuth:setPassword (password) self.password = password end

--- Sets the method.
-- @param method The method.
function SipAuth:setMethod (method) self.method = method end

--- Sets what is asked for.
-- @param uri The URI.
function SipAuth:setUri (uri) self.uri = uri end

--- Reads the challenge into <code>realm</code>, <code>nonce</code> and <code>algorithm</code>.
-- @return True or false.
function SipAuth:parseChallenge ()
  if not self.auth or not string.find(self.auth, "^%s*[Dd]igest%s") then return false end
  self.digest = sasl.DigestMD5:new(string.gsub(self.auth, "^%s*%a+%s+", ""), self.username or "", self.password or "",
    self.method, self.uri)
  local challenge = self.digest.challenge
  self.realm, self.nonce, self.algorithm = challenge.realm, challenge.nonce, challenge.algorithm
  return self.nonce ~= nil
end

--- Works out the digest.
-- @return Its digits.
function SipAuth:calculateResponse ()
  local text, fields = self.digest:calcDigest()
  self.answer = text
  return fields.response
end

--- Makes the value of the header that answers.
-- @return The value, or nil.
function SipAuth:createResponse ()
  if not self:parseChallenge() then return nil end
  self:calculateResponse()
  return "Digest " .. string.gsub(self.answer, ",(%a+=)", ", %1")
end

-- Who and where ---------------------------------------------------------------------------------------------------

--- What a session knows of both sides.
-- @class table
-- @name SessionData
SessionData = {}
SessionData.__index = SessionData

--- Makes an object.
-- @param o A table to use, or nil.
-- @return The object.
function SessionData:new (o)
  o = setmetatable(o or {}, self)
  o.user, o.name = o.user or "user", o.name or "Perilune"
  return o
end

--- Sets the user's name.
-- @param user The name.
function SessionData:setUsername (user) self.user = user end
--- Sets the password.
-- @param pass The password.
function SessionData:setPassword (pass) self.pass = pass end
--- Sets the domain.
-- @param domain The domain.
function SessionData:setDomain (domain) self.domain = domain end
--- Sets the client's end.
-- @param host The address.
-- @param port The number.
function SessionData:setClient (host, port) self.client = { host = host, port = port } end
--- Sets the server's end.
-- @param host The address.
-- @param port The number.
function SessionData:setServer (host, port) self.server = { host = host, port = port } end
--- Sets the name that is shown.
-- @param name The name.
function SessionData:setName (name) self.name = name end
--- The user's name.
function SessionData:getUsername () return self.user end
--- The password.
function SessionData:getPassword () return self.pass end
--- The name that is shown.
function SessionData:getName () return self.name end
--- The client's end: address and number.
function SessionData:getClient ()
  if self.client then return self.client.host, self.client.port end
end
--- The server's end: address and number.
function SessionData:getServer ()
  if self.server then return self.server.host, self.server.port end
end
--- The domain, or nil.
function SessionData:getDomain () return self.domain end

-- Messages --------------------------------------------------------------------------------------------------------

--- An answer.
-- @class table
-- @name Response
Response = {}
Response.__index = Response

--- Reads an answer.
-- @param str The bytes.
-- @return The answer; <code>tbl</code> has its lines.
function Response:new (str)
  local o = setmetatable({ tbl = {} }, self)
  for line in string.gmatch(str .. "\r\n", "([^\r\n]*)\r?\n") do o.tbl[#o.tbl + 1] = line end
  return o
end

--- A header.
-- @param name Its name, in any case.
-- @return The first value, or nil.
function Response:getHeader (name)
  name = string.lower(name)
  for _, line in ipairs(self.tbl) do
    if line == "" then break end
    local key, value = string.match(line, "^([%w%-]+)%s*:%s*(.*)$")
    if key and string.lower(key) == name then return value end
  end
end

--- The code.
-- @return The number, or nil.
function Response:getErrorCode ()
  return tonumber(string.match(self.tbl[1] or "", "^SIP/2%.0 (%d%d%d)"))
end

--- The text behind the code.
-- @return The text, or nil.
function Response:getErrorMessage ()
  return string.match(self.tbl[1] or "", "^SIP/2%.0 %d%d%d (.*)$")
end

--- The method, if this is a request.
-- @return The method, or nil.
function Response:getMethod ()
  return string.match(self.tbl[1] or "", "^(%u+) %S+ SIP/2%.0$")
end

--- The number of the request.
-- @return The number, or nil.
function Response:getCSeq ()
  return tonumber(string.match(self:getHeader("CSeq") or "", "^%d+"))
end

--- The challenge of a login.
-- @return The header's value, or nil.
function Response:getAuthData ()
  return self:getHeader("WWW-Authenticate") or self:getHeader("Proxy-Authenticate")
end

--- A request.
-- @class table
-- @name Request
Request = {}
Request.__index = Request

--- Makes a request.
-- @param method The method.
-- @param proto The transport. Default: <code>UDP</code>.
-- @return The request; <code>tostring</code> makes the bytes.
function Request:new (method, proto)
  local o = setmetatable({ protocol = string.upper(proto or "UDP"), headers = {} }, self)
  o.ua = "perilune"
  o.cseq, o.maxfwd, o.length = 1234, 70, 0
  o.callid = rand.random_alpha(40)
  o.tag, o.branch = rand.random_alpha(20), "z9hG4bK" .. rand.random_alpha(20)
  o:setMethod(method)
  return o
end

--- Sets the method.
-- @param method The method.
function Request:setMethod (method) self.method = method end
--- Sets the transport.
-- @param proto <code>UDP</code>, <code>TCP</code> or <code>TLS</code>.
function Request:setProtocol (proto) self.protocol = string.upper(proto) end
--- Sets who and where.
-- @param data An object of <code>SessionData</code>.
function Request:setSessionData (data) self.sessdata = data end
--- Sets what is asked for.
-- @param uri The URI.
function Request:setUri (uri) self.uri = uri end
--- Sets the number of the request.
-- @param seq The number.
function Request:setCseq (seq) self.cseq = seq end
--- Sets the allowed methods.
-- @param allow Text.
function Request:setAllow (allow) self.allow = allow end
--- Sets the value of <code>Supported</code>.
-- @param supported Text.
function Request:setSupported (supported) self.supported = supported end
--- Sets the value of <code>Content-Type</code>.
-- @param t Text.
function Request:setContentType (t) self.content_type = t end
--- Sets the body.
-- @param content Text.
function Request:setContent (content)
  self.content = content
  self.length = #content
end
--- Sets the value of <code>Content-Length</code>.
-- @param len The number.
function Request:setContentLength (len) self.length = len end
--- Sets the value of <code>Expires</code>.
-- @param expires Seconds.
function Request:setExpires (expires) self.expires = expires end
--- Sets the value of <code>Max-Forwards</code>.
-- @param maxfwd The number.
function Request:setForwards (maxfwd) self.maxfwd = maxfwd end
--- Sets the value of <code>User-Agent</code>.
-- @param ua Text.
function Request:setUA (ua) self.ua = ua end
--- Sets the number of the call.
-- @param cid Text.
function Request:setCallId (cid) self.callid = cid end
--- Turns the request into an answer.
-- @param code The code.
-- @param msg The text.
function Request:setError (code, msg) self.error, self.error_message = code, msg end
--- Sets the answer to a server's challenge.
-- @param auth The header's value.
function Request:setWWWAuth (auth) self.www_auth = auth end
--- Sets the answer to a proxy's challenge.
-- @param auth The header's value.
function Request:setProxyAuth (auth) self.proxy_auth = auth end
--- Adds a header.
-- @param name Its name.
-- @param value Its value.
function Request:addHeader (name, value) self.headers[#self.headers + 1] = name .. ": " .. tostring(value) end

local function in_uri (address)
  return string.find(address, ":", 1, true) and "[" .. address .. "]" or address
end

function Request:__tostring ()
  local data = self.sessdata or SessionData:new()
  local client_host, client_port = data:getClient()
  client_host, client_port = client_host or "127.0.0.1", client_port or 5060
  local domain = in_uri(data:getDomain() or data:getServer() or client_host)
  local uri = self.uri or ("sip:%s"):format(domain)
  local lines
  if self.error then
    lines = { ("SIP/2.0 %d %s"):format(self.error, self.error_message or "") }
  else
    lines = { ("%s %s SIP/2.0"):format(self.method, uri) }
  end
  local function add (name, value)
    if value then lines[#lines + 1] = name .. ": " .. tostring(value) end
  end
  local here = ("%s:%d"):format(in_uri(client_host), client_port)
  local who = ('"%s" <sip:%s@%s>'):format(data:getName(), data:getUsername(), domain)
  add("Via", ("SIP/2.0/%s %s;rport;branch=%s"):format(self.protocol, here, self.branch))
  add("Max-Forwards", self.maxfwd)
  add("From", who .. ";tag=" .. self.tag)
  add("To", self.method == Method.INVITE and ("<%s>"):format(uri) or who)
  add("Call-ID", self.callid)
  add("CSeq", ("%d %s"):format(self.cseq, self.method))
  add("User-Agent", self.ua)
  add("Contact", ('"%s" <sip:%s@%s>'):format(data:getName(), data:getUsername(), here))
  add("Expires", self.expires)
  add("Allow", self.allow)
  add("Supported", self.supported)
  add("Authorization", self.www_auth)
  add("Proxy-Authorization", self.proxy_auth)
  for _, line in ipairs(self.headers) do lines[#lines + 1] = line end
  add("Content-Type", self.content_type)
  add("Content-Length", self.length)
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (self.content or "")
end

-- Connections -----------------------------------------------------------------------------------------------------

--- A connection, by TCP or UDP as the port has it.
-- @class table
-- @name Connection
Connection = {}
Connection.__index = Connection

--- Makes a connection object; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @return The object.
function Connection:new (host, port)
  return setmetatable({ host = host, port = port }, self)
end

--- Connects.
-- @return True or false.
-- @return An error.
function Connection:connect ()
  local protocol = self.port.protocol or "udp"
  self.socket = nmap.new_socket(protocol)
  local status, err = self.socket:connect(self.host, self.port, protocol)
  if not status then return false, err end
  local _, lhost, lport, rhost, rport = self.socket:get_info()
  self.lhost, self.lport, self.rhost, self.rport = lhost, lport, rhost, rport
  local timeout = tonumber((stdnse.get_script_args("sip.timeout"))) or TIMEOUT_S
  self.socket:set_timeout(timeout * 1000)
  return true
end

--- Sends bytes.
-- @param data The bytes.
-- @return True or false.
-- @return An error.
function Connection:send (data)
  return self.socket:send(data)
end

--- Reads a message: a datagram, or head and body of a stream.
-- @return True or false.
-- @return The bytes, or an error.
function Connection:recv ()
  if self.port.protocol ~= "tcp" then return self.socket:receive() end
  local status, head = self.socket:receive_buf(match.pattern_limit("\r\n\r\n", MESSAGE_LEN_MAX), true)
  if not status then return status, head end
  local len = tonumber(string.match(head, "\n[cC][oO][nN][tT][eE][nN][tT]%-[lL][eE][nN][gG][tT][hH]%s*:%s*(%d+)"))
  if not len or len == 0 then return true, head end
  if len > MESSAGE_LEN_MAX then return false, "the body is too long" end
  local received, body = self.socket:receive_buf(match.numbytes(len), true)
  if not received then return received, body end
  return true, head .. body
end

--- Closes the connection.
-- @return True or false.
function Connection:close ()
  return self.socket:close()
end

--- The client's end.
-- @return Address and number.
function Connection:getClient () return self.lhost, self.lport end

--- The server's end.
-- @return Address and number.
function Connection:getServer () return self.rhost, self.rport end

--- A session: requests, their answers, logging in.
-- @class table
-- @name Session
Session = {}
Session.__index = Session

--- Makes a session; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @param sessdata Who and where. Default: somebody.
-- @param options <code>expires</code> in seconds.
-- @return The session.
function Session:new (host, port, sessdata, options)
  local o = setmetatable({ cseq = (options and options.cseq or 1234) - 1 }, self)
  o.expires = options and options.expires or 300
  o.conn = Connection:new(host, port)
  o.sessdata = sessdata or SessionData:new()
  return o
end

--- Connects.
-- @return True or false.
-- @return An error.
function Session:connect ()
  local status, err = self.conn:connect()
  if not status then return false, "Failed to connect to SIP server: " .. tostring(err) end
  self.sessdata:setClient(self.conn:getClient())
  self.sessdata:setServer(self.conn:getServer())
  return true
end

--- Closes the connection.
-- @return True or false.
function Session:close ()
  return self.conn:close()
end

--- Sends a request and reads the answer; provisional answers are skipped.
-- @param request The request.
-- @return True or false.
-- @return The answer, or an error.
function Session:exch (request)
  request:setCallId(self.callid or request.callid)
  self.callid = request.callid
  self.cseq = self.cseq + 1
  request:setCseq(self.cseq)
  request:setSessionData(self.sessdata)
  request:setProtocol(self.conn.port.protocol or "udp")
  local status, err = self.conn:send(tostring(request))
  if not status then return false, err end
  for _ = 1, ANSWERS_MAX do
    local received, data = self.conn:recv()
    if not received then return false, data end
    local response = Response:new(data)
    local code = response:getErrorCode()
    if not code then return false, "not an answer of SIP" end
    if code >= 200 or request.method == Method.INVITE then return true, response end
  end
  return false, "there is no last answer"
end

--- Sends a request again with the answer to a challenge.
-- @param request The request.
-- @param response The answer with the challenge.
-- @return True or false.
-- @return The answer, or an error.
function Session:authenticate (request, response)
  local code = response:getErrorCode()
  if code ~= Error.UNAUTHORIZED and code ~= Error.PROXY_AUTH_REQUIRED then return false, "there is no challenge" end
  local auth = SipAuth:new(response:getAuthData())
  auth:setUsername(self.sessdata:getUsername())
  auth:setPassword(self.sessdata:getPassword() or "")
  auth:setMethod(request.method)
  auth:setUri(request.uri or ("sip:%s"):format(in_uri(self.sessdata:getDomain() or self.sessdata:getServer() or "")))
  local value = auth:createResponse()
  if not value then return false, "the challenge is not understood" end
  if code == Error.UNAUTHORIZED then request:setWWWAuth(value) else request:setProxyAuth(value) end
  return self:exch(request)
end

--- Asks for the methods (<code>OPTIONS</code>).
-- @return True or false.
-- @return The answer, or an error.
function Session:options ()
  return self:exch(Request:new(Method.OPTIONS, self.conn.port.protocol))
end

--- Registers, with a login if the server wants one.
-- @return True if the server accepts, else false.
-- @return A text.
-- @return The answer.
function Session:register ()
  local request = Request:new(Method.REGISTER, self.conn.port.protocol)
  request:setExpires(self.expires)
  local status, response = self:exch(request)
  if not status then return false, response end
  local code = response:getErrorCode()
  if code == Error.UNAUTHORIZED or code == Error.PROXY_AUTH_REQUIRED then
    status, response = self:authenticate(request, response)
    if not status then return false, response end
    code = response:getErrorCode()
  end
  if code == Error.OK then return true, "Registration successful", response end
  return false, response:getErrorMessage() or "Authentication failed", response
end

--- Calls somebody.
-- @param uri The URI.
-- @return True or false.
-- @return The first answer, or an error.
function Session:invite (uri)
  local request = Request:new(Method.INVITE, self.conn.port.protocol)
  request:setUri(uri)
  return self:exch(request)
end

--- What scripts use.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @param options Options of <code>Session:new</code>.
-- @return The helper.
function Helper:new (host, port, options)
  local o = setmetatable({}, self)
  o.sessdata = SessionData:new()
  o.session = Session:new(host, port, o.sessdata, options)
  return o
end

--- Connects.
-- @return True or false.
-- @return An error.
function Helper:connect () return self.session:connect() end

--- Sets name and password.
-- @param username The user's name.
-- @param password The password.
function Helper:setCredentials (username, password)
  self.sessdata:setUsername(username)
  self.sessdata:setPassword(password)
end

--- Sets the domain.
-- @param domain The domain.
function Helper:setDomain (domain) self.sessdata:setDomain(domain) end

--- Registers.
-- @return True or false.
-- @return A text.
function Helper:register () return self.session:register() end

--- Asks for the methods.
-- @return True or false.
-- @return The answer, or an error.
function Helper:options () return self.session:options() end

--- Calls somebody.
-- @param uri The URI.
-- @return True or false.
-- @return The first answer, or an error.
function Helper:invite (uri) return self.session:invite(uri) end

--- Closes the connection.
-- @return True or false.
function Helper:close () return self.session:close() end

return _ENV
