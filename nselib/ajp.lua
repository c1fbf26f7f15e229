---
-- AJP 1.3, which web servers speak to servlet containers.
--
-- The source is the description of the protocol by the developers of Apache Tomcat.
--
-- @usage
-- local helper = ajp.Helper:new(host, port)
-- helper:connect()
-- local status, response = helper:get("/")
-- helper:close()
--
-- @args ajp.path The path that scripts ask for. Default: <code>/</code>.
--
-- @copyright MIT OR Apache-2.0

local base64 = require "base64"
local match = require "match"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("ajp", stdnse.seeall)

local TIMEOUT_MS = 10000
local BODY_LEN_MAX = 2 * 1024 * 1024
local PACKETS_MAX = 4096

--- Forms of packets.
-- @class table
-- @name AJP
AJP = {
  Magic = 0x1234,

  --- Numbers of methods.
  Method = {
    OPTIONS = 1, GET = 2, HEAD = 3, POST = 4, PUT = 5, DELETE = 6, TRACE = 7, PROPFIND = 8, PROPPATCH = 9, MKCOL = 10,
    COPY = 11, MOVE = 12, LOCK = 13, UNLOCK = 14, ACL = 15, REPORT = 16, ["VERSION-CONTROL"] = 17, CHECKIN = 18,
    CHECKOUT = 19, UNCHECKOUT = 20, SEARCH = 21, MKWORKSPACE = 22, UPDATE = 23, LABEL = 24, MERGE = 25,
    BASELINE_CONTROL = 26, MKACTIVITY = 27,
  },

  --- Numbers of what a packet is.
  Code = {
    FORWARD_REQUEST = 2, SEND_BODY = 3, SEND_HEADERS = 4, END_RESPONSE = 5, GET_BODY_CHUNK = 6, SHUTDOWN = 7, PING = 8,
    CPONG = 9, CPING = 10,
  },

  --- Numbers of attributes.
  Attribute = {
    CONTEXT = 1, SERVLET_PATH = 2, REMOTE_USER = 3, AUTH_TYPE = 4, QUERY_STRING = 5, JVM_ROUTE = 6, SSL_CERT = 7,
    SSL_CIPHER = 8, SSL_SESSION = 9, REQ_ATTRIBUTE = 10, SSL_KEY_SIZE = 11, SECRET = 12, STORED_METHOD = 13,
    ARE_DONE = 0xff,
  },
}

local REQUEST_HEADERS = {
  ["accept"] = 0xa001, ["accept-charset"] = 0xa002, ["accept-encoding"] = 0xa003, ["accept-language"] = 0xa004,
  ["authorization"] = 0xa005, ["connection"] = 0xa006, ["content-type"] = 0xa007, ["content-length"] = 0xa008,
  ["cookie"] = 0xa009, ["cookie2"] = 0xa00a, ["host"] = 0xa00b, ["pragma"] = 0xa00c, ["referer"] = 0xa00d,
  ["user-agent"] = 0xa00e,
}

local RESPONSE_HEADERS = {
  [0xa001] = "Content-Type", [0xa002] = "Content-Language", [0xa003] = "Content-Length", [0xa004] = "Date",
  [0xa005] = "Last-Modified", [0xa006] = "Location", [0xa007] = "Set-Cookie", [0xa008] = "Set-Cookie2",
  [0xa009] = "Servlet-Engine", [0xa00a] = "Status", [0xa00b] = "WWW-Authenticate",
}

local function text (str)
  if not str then return "\xff\xff" end
  return string.pack(">s2", str) .. "\0"
end

--- A request.
AJP.ForwardRequest = {}
AJP.ForwardRequest.__index = AJP.ForwardRequest

--- Makes a request.
-- @param method The method's name.
-- @param path The path, with a query behind <code>?</code>.
-- @param host The host table.
-- @param port The port table.
-- @param headers A table of headers.
-- @param attributes A table of attributes: names of <code>AJP.Attribute</code>, or names of the container's own.
-- @return The request; <code>tostring</code> makes the bytes.
function AJP.ForwardRequest:new (method, path, host, port, headers, attributes)
  return setmetatable({ method = method, path = path, host = host, port = port, headers = headers or {},
    attributes = attributes or {} }, self)
end

local function sorted (t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

function AJP.ForwardRequest:__tostring ()
  local headers = { connection = "keep-alive", host = stdnse.get_hostname(self.host) }
  for name, value in pairs(self.headers) do headers[string.lower(name)] = value end
  local names = sorted(headers)
  local path, query = string.match(self.path, "^([^?]*)%??(.*)$")
  local ip = self.host.ip
  local out = {
    string.pack("BB", AJP.Code.FORWARD_REQUEST, AJP.Method[self.method] or 0), text("HTTP/1.1"), text(path), text(ip),
    text(nil), text(stdnse.get_hostname(self.host)), string.pack(">I2BI2", self.port.number, 0, #names),
  }
  for _, name in ipairs(names) do
    local code = REQUEST_HEADERS[name]
    out[#out + 1] = code and string.pack(">I2", code) or text(name)
    out[#out + 1] = text(tostring(headers[name]))
  end
  if query ~= "" then out[#out + 1] = string.char(AJP.Attribute.QUERY_STRING) .. text(query) end
  for _, name in ipairs(sorted(self.attributes)) do
    local code = AJP.Attribute[string.upper(name)]
    if code then
      out[#out + 1] = string.char(code) .. text(self.attributes[name])
    else
      out[#out + 1] = string.char(AJP.Attribute.REQ_ATTRIBUTE) .. text(name) .. text(self.attributes[name])
    end
  end
  out[#out + 1] = "\xff"
  return string.pack(">I2s2", AJP.Magic, table.concat(out))
end

--- Readers of what a container answers.
AJP.Response = {}

-- A text at a place; raises if it is cut off.
local function read_text (data, pos)
  local len, start = string.unpack(">I2", data, pos)
  if len == 0xffff then return "", start end
  if start + len > #data then error("cut off") end
  return string.sub(data, start, start + len - 1), start + len + 1
end

--- Reads status and headers. Raises if they are malformed.
-- @param data The packet's payload.
-- @return A table with <code>status</code>, <code>status_line</code>, <code>headers</code> and <code>rawheaders</code>.
function AJP.Response.headers (data)
  local status, pos = string.unpack(">I2", data, 2)
  local message, count
  message, pos = read_text(data, pos)
  count, pos = string.unpack(">I2", data, pos)
  local response = { status = status, status_line = ("AJP/1.3 %d %s"):format(status, message), headers = {}, rawheaders = {} }
  for _ = 1, count do
    local name, value
    local code, after = string.unpack(">I2", data, pos)
    if code & 0xff00 == 0xa000 then
      name, pos = RESPONSE_HEADERS[code] or ("0x%04X"):format(code), after
    else
      name, pos = read_text(data, pos)
    end
    value, pos = read_text(data, pos)
    local key = string.lower(name)
    local old = response.headers[key]
    response.headers[key] = old and old .. ", " .. value or value
    response.rawheaders[#response.rawheaders + 1] = name .. ": " .. value
  end
  return response
end

--- A connection.
-- @class table
-- @name Comm
Comm = {}
Comm.__index = Comm

--- Makes a connection object; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @param options <code>timeout</code> in milliseconds.
-- @return The object.
function Comm:new (host, port, options)
  return setmetatable({ host = host, port = port, options = options or {} }, self)
end

--- Connects.
-- @param socket A socket to use. Default: a new one.
-- @return True or false.
-- @return An error.
function Comm:connect (socket)
  self.socket = socket or nmap.new_socket()
  self.socket:set_timeout(self.options.timeout or TIMEOUT_MS)
  return self.socket:connect(self.host, self.port)
end

--- Closes the connection.
-- @return True or false.
function Comm:close ()
  return self.socket:close()
end

--- Sends a request.
-- @param req The request.
-- @return True or false.
-- @return An error.
function Comm:send (req)
  return self.socket:send(tostring(req))
end

local function receive_packet (socket)
  local status, head = socket:receive_buf(match.numbytes(4), true)
  if not status then return nil, head end
  local magic, len = string.unpack(">c2I2", head)
  if magic ~= "AB" then return nil, "not a packet of AJP" end
  local received, data = socket:receive_buf(match.numbytes(len), true)
  if not received then return nil, data end
  return data
end

--- Reads the answer to a request, to its end.
-- @return True or false.
-- @return A table with <code>status</code>, <code>status_line</code>, <code>headers</code> (names in lower case),
--         <code>rawheaders</code> and <code>body</code>; or an error.
function Comm:receive ()
  local response, parts, len = nil, {}, 0
  for _ = 1, PACKETS_MAX do
    local data, err = receive_packet(self.socket)
    if not data then return false, err end
    local code = string.byte(data)
    if code == AJP.Code.SEND_HEADERS then
      local ok
      ok, response = pcall(AJP.Response.headers, data)
      if not ok then return false, "the headers are malformed" end
    elseif code == AJP.Code.SEND_BODY then
      local ok, chunk = pcall(string.unpack, ">s2", data, 2)
      if not ok then return false, "the body is malformed" end
      len = len + #chunk
      if len > BODY_LEN_MAX then return false, "the body is too long" end
      parts[#parts + 1] = chunk
    elseif code == AJP.Code.GET_BODY_CHUNK then
      -- There is no more of the request's body.
      local status, failure = self.socket:send("\x12\x34\0\0")
      if not status then return false, failure end
    elseif code == AJP.Code.END_RESPONSE then
      if not response then return false, "the answer has no headers" end
      if #parts > 0 then response.body = table.concat(parts) end
      return true, response
    else
      return false, "a packet of unknown kind"
    end
  end
  return false, "the answer has no end"
end

--- What scripts use.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @param opt <code>timeout</code> in milliseconds.
-- @return The helper.
function Helper:new (host, port, opt)
  local o = setmetatable({ host = host, port = port, opt = opt or {} }, self)
  o.comm = Comm:new(host, port, o.opt)
  return o
end

--- Connects.
-- @param socket A socket to use. Default: a new one.
-- @return True or false.
-- @return An error.
function Helper:connect (socket)
  return self.comm:connect(socket)
end

--- Looks up an option, of the call first, of the helper then.
-- @param options The options of the call.
-- @param key The name.
-- @return The value, or nil.
function Helper:getOption (options, key)
  if options and options[key] ~= nil then return options[key] end
  return self.opt[key]
end

--- Sends a request and reads the answer.
-- @param method The method's name.
-- @param path The path.
-- @param headers A table of headers.
-- @param attributes A table of attributes.
-- @param options <code>auth</code>: a table with <code>username</code> and <code>password</code>.
-- @return True or false.
-- @return The answer, as <code>Comm:receive</code> returns it; or an error.
function Helper:request (method, path, headers, attributes, options)
  local all = {}
  for name, value in pairs(headers or {}) do all[name] = value end
  local auth = self:getOption(options, "auth")
  if auth and auth.username and auth.password then all["Authorization"] = "Basic " .. base64.enc(auth.username .. ":" .. auth.password) end
  local status, err = self.comm:send(AJP.ForwardRequest:new(string.upper(method), path, self.host, self.port, all, attributes))
  if not status then return false, err end
  return self.comm:receive()
end

for _, name in ipairs({ "options", "get", "head", "trace", "put", "delete" }) do
  Helper[name] = function (self, path, headers, attributes, options)
    return self:request(string.upper(name), path, headers, attributes, options)
  end
end

--- Asks for the methods a path takes.
-- @name Helper.options
-- @class function
-- @param path The path.
-- @param headers A table of headers.
-- @param attributes A table of attributes.
-- @param options Options as for <code>request</code>.
-- @return True or false.
-- @return The answer, or an error.

--- Closes the connection.
-- @return True or false.
function Helper:close ()
  return self.comm:close()
end

return _ENV
