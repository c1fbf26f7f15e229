---
-- RTSP (RFC 2326): requests, answers, and the methods <code>OPTIONS</code> and <code>DESCRIBE</code>.
--
-- @usage
-- local helper = rtsp.Helper:new(host, port)
-- helper:connect()
-- local status, response = helper:options("*")
-- helper:close()
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("rtsp", stdnse.seeall)

local HEAD_LEN_MAX = 16384
local BODY_LEN_MAX = 1048576
local TIMEOUT_MS = 10000

--- A request.
-- @class table
-- @name Request
Request = {}
Request.__index = Request

--- Makes a request.
-- @param url What is asked for.
-- @param headers An array of header lines.
-- @return The request; <code>tostring</code> makes the bytes.
function Request:new (url, headers)
  return setmetatable({ url = url, req_headers = headers or {} }, self)
end

--- Sets the method.
-- @param method The method.
function Request:setMethod (method) self.method = method end

--- Sets the number that the answer repeats.
-- @param cseq The number.
function Request:setCSeq (cseq) self.cseq = cseq end

--- Adds a header.
-- @param header Its name.
-- @param value Its value.
function Request:addHeader (header, value)
  table.insert(self.req_headers, ("%s: %s"):format(header, value))
end

function Request:__tostring ()
  local lines = { ("%s %s RTSP/1.0"):format(self.method, self.url), "CSeq: " .. tostring(self.cseq or 1) }
  for _, line in ipairs(self.req_headers) do lines[#lines + 1] = line end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

--- An answer: <code>status</code>, <code>headers</code>, <code>body</code> where there is one, <code>raw</code>.
-- @class table
-- @name Response
Response = {}
Response.__index = Response

--- Reads an answer.
-- @param data The head, with the empty line at its end.
-- @return The answer; its <code>status</code> is nil if the head is malformed.
function Response:new (data)
  local o = setmetatable({ raw = data, headers = {} }, self)
  o.status = tonumber(string.match(data, "^RTSP/1%.%d (%d%d%d)"))
  for name, value in string.gmatch(data, "\n([%w%-]+):[ \t]*([^\r\n]*)") do o.headers[name] = value end
  return o
end

--- A connection.
-- @class table
-- @name Client
Client = {}
Client.__index = Client

--- Makes a client; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @return The client.
function Client:new (host, port)
  return setmetatable({ host = host, port = port, timeout = TIMEOUT_MS, cseq = 0, retries = 3, headers = {} }, self)
end

--- Sets how long to wait.
-- @param timeout Milliseconds.
function Client:setTimeout (timeout) self.timeout = timeout end

--- Sets how often a request is sent when the connection was lost.
-- @param retries The number.
function Client:setRetries (retries) self.retries = retries end

--- Adds a header to all requests.
-- @param header Its name.
-- @param value Its value.
function Client:addHeader (header, value)
  table.insert(self.headers, { header, value })
end

--- Connects.
-- @return True or false.
-- @return An error.
function Client:connect ()
  self.socket = nmap.new_socket()
  self.socket:set_timeout(self.timeout)
  local status, err = self.socket:connect(self.host, self.port)
  if not status then return false, err end
  return true
end

local function receive (self)
  local status, head = self.socket:receive_buf(match.pattern_limit("\r?\n\r?\n", HEAD_LEN_MAX), true)
  if not status then return false, head end
  local response = Response:new(head)
  if not response.status then return false, "not an answer of RTSP" end
  for name, value in pairs(response.headers) do
    if string.lower(name) == "content-length" then
      local len = tonumber(string.match(value, "^%d+"))
      if len and len > BODY_LEN_MAX then return false, "the body is too long" end
      if len and len > 0 then
        local received, body = self.socket:receive_buf(match.numbytes(len), true)
        if not received then return false, body end
        response.body = body
        response.raw = response.raw .. body
      end
    end
  end
  return true, response
end

--- Sends a request and reads the answer.
-- @param req The request.
-- @return True or false.
-- @return The answer, or an error.
function Client:exch (req)
  for _, header in ipairs(self.headers) do req:addHeader(header[1], header[2]) end
  local failure
  for attempt = 1, math.max(self.retries, 1) do
    self.cseq = self.cseq + 1
    req:setCSeq(self.cseq)
    local status, err = self.socket:send(tostring(req))
    if status then
      local received, response = receive(self)
      if received then return true, response end
      err = response
    end
    failure = err
    if attempt == self.retries then break end
    self:close()
    status, err = self:connect()
    if not status then return false, err end
  end
  return false, failure
end

--- Asks for the methods.
-- @param url What is asked for.
-- @return True or false.
-- @return The answer, or an error.
function Client:options (url)
  local req = Request:new(url)
  req:setMethod("OPTIONS")
  return self:exch(req)
end

--- Asks for the description of a stream.
-- @param url The stream.
-- @return True or false.
-- @return The answer, or an error.
function Client:describe (url)
  local req = Request:new(url)
  req:setMethod("DESCRIBE")
  req:addHeader("Accept", "application/sdp")
  return self:exch(req)
end

--- Closes the connection.
-- @return True or false.
function Client:close ()
  return self.socket:close()
end

--- What scripts use.
-- @class table
-- @name Helper
Helper = {}
Helper.__index = Helper

--- Makes a helper; nothing is sent.
-- @param host The host table.
-- @param port The port table.
-- @return The helper.
function Helper:new (host, port)
  return setmetatable({ host = host, port = port, client = Client:new(host, port) }, self)
end

--- Connects.
-- @return True or false.
-- @return An error.
function Helper:connect () return self.client:connect() end

--- Asks for the methods.
-- @param url What is asked for.
-- @return True or false.
-- @return The answer, or an error.
function Helper:options (url) return self.client:options(url) end

--- Asks for the description of a stream.
-- @param url The stream.
-- @return True or false.
-- @return The answer, or an error.
function Helper:describe (url) return self.client:describe(url) end

--- Closes the connection.
-- @return True or false.
function Helper:close () return self.client:close() end

return _ENV
