---
-- Tests of open proxies: HTTP (RFC 9112, 3.2.2 and 3.2.3), SOCKS 4 and 4a, SOCKS 5 (RFC 1928).
--
-- The kind of proxy is <code>"http"</code>, <code>"socks4"</code> or <code>"socks5"</code>. Names are resolved by the
-- proxy, never here.
--
-- @args proxy.url A page to ask the proxy for.
-- @args proxy.pattern A pattern that the page has to contain.
--
-- @copyright MIT OR Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local url = require "url"
_ENV = stdnse.module("proxy", stdnse.seeall)

local TIMEOUT_MS = 10000
-- What is read of a page: enough for a pattern.
local MAX_RESPONSE_LEN = 256 * 1024

--- The page and the pattern that the user gave.
-- @return The URL, or false.
-- @return The pattern, or false.
function return_args ()
  local test_url, pattern = stdnse.get_script_args("proxy.url", "proxy.pattern")
  if test_url and not string.find(test_url, "^%a+://") then test_url = "http://" .. test_url end
  return test_url or false, pattern or false
end

local function receive_exactly (socket, buffer, count)
  while #buffer < count do
    local status, data = socket:receive()
    if not status then return nil, data end
    buffer = buffer .. data
  end
  return string.sub(buffer, 1, count), string.sub(buffer, count + 1)
end

-- SOCKS 4a: the address 0.0.0.1 means that the name follows.
local function socks4 (socket, hostname)
  local ok, err = socket:send("\4\1" .. string.pack(">I2", 80) .. "\0\0\0\1" .. "\0" .. hostname .. "\0")
  if not ok then return false, err end
  local answer, reason = receive_exactly(socket, "", 8)
  if not answer then return false, reason end
  if string.byte(answer, 1) ~= 0 or string.byte(answer, 2) ~= 0x5A then return false, "request rejected" end
  return true
end

-- The length of the address in an answer of SOCKS 5, by its type.
local ADDRESS_LEN = { [1] = 4, [4] = 16 }

local function socks5 (socket, hostname)
  local ok, err = socket:send("\5\1\0")
  if not ok then return false, err end
  local answer, rest = receive_exactly(socket, "", 2)
  if not answer then return false, rest end
  if answer ~= "\5\0" then return false, "no access without authentication" end
  ok, err = socket:send("\5\1\0\3" .. string.pack(">s1I2", hostname, 80))
  if not ok then return false, err end
  answer, rest = receive_exactly(socket, rest, 5)
  if not answer then return false, rest end
  if string.byte(answer, 1) ~= 5 or string.byte(answer, 2) ~= 0 then return false, "request rejected" end
  local kind = string.byte(answer, 4)
  local address = ADDRESS_LEN[kind] or kind == 3 and string.byte(answer, 5) + 1
  if not address then return false, "unknown type of address" end
  -- One byte of the address is there already; the port comes after it.
  answer, rest = receive_exactly(socket, rest, address - 1 + 2)
  if not answer then return false, rest end
  return true
end

--- Asks a SOCKS proxy for a connection to port 80 of a host.
-- @param socket A socket that is connected to the proxy.
-- @param version 4 or 5.
-- @param hostname The host.
-- @return True, or false and a message.
function socksHandshake (socket, version, hostname)
  if #hostname > 255 then return false, "name too long" end
  if version == 4 then return socks4(socket, hostname) end
  if version == 5 then return socks5(socket, hostname) end
  return false, "unknown version of SOCKS"
end

--- Connects to a proxy; through one of SOCKS to port 80 of a host.
-- @param host The host table.
-- @param port The port table.
-- @param proxyType The kind of proxy.
-- @param hostname The host behind it, for SOCKS.
-- @return True and the socket, or false and a message.
function connectProxy (host, port, proxyType, hostname)
  local socket = nmap.new_socket()
  socket:set_timeout(TIMEOUT_MS)
  local status, err = socket:connect(host, port)
  if not status then
    socket:close()
    return false, err
  end
  local version = ({ socks4 = 4, socks5 = 5 })[proxyType]
  if version then
    status, err = socksHandshake(socket, version, hostname)
    if not status then
      socket:close()
      return false, err
    end
  end
  return true, socket
end

-- Everything up to the end of the stream, or as much as we want.
local function receive_all (socket)
  local parts, total = {}, 0
  while total < MAX_RESPONSE_LEN do
    local status, data = socket:receive()
    if not status then break end
    parts[#parts + 1] = data
    total = total + #data
  end
  return table.concat(parts)
end

-- The pattern is looked for without regard to case: in the status line's and header's lines, then in the whole.
local function matches (response, pattern)
  local text = string.lower(response)
  local wanted = string.lower(pattern)
  for line in string.gmatch(text, "[^\r\n]+") do
    local ok, found = pcall(string.find, line, wanted)
    if ok and found then return true end
  end
  return false
end

local function test (method, host, port, proxyType, test_url, hostname, pattern)
  local status, socket = connectProxy(host, port, proxyType, hostname)
  if not status then return false, socket end
  -- Behind a SOCKS proxy is the server itself: it gets the path only.
  local target = test_url
  if proxyType ~= "http" then
    local parsed = url.parse(test_url)
    target = parsed.path ~= "" and parsed.path or "/"
    if parsed.query then target = target .. "?" .. parsed.query end
  end
  local sent, err = socket:send(string.format("%s %s HTTP/1.0\r\nHost: %s\r\n\r\n", method, target, hostname))
  if not sent then
    socket:close()
    return false, err
  end
  local response = receive_all(socket)
  socket:close()
  if response == "" then return false, "no response" end
  local code = tonumber(string.match(response, "^HTTP/%d%.?%d* +(%d%d%d)"))
  if not code then return false, response end
  local found
  if pattern then found = matches(response, pattern) or nil end
  return code < 400, response, found
end

--- Asks a proxy for a page with GET.
-- @param host The host table.
-- @param port The port table.
-- @param proxyType The kind of proxy.
-- @param test_url The page's URL.
-- @param hostname The host in it.
-- @param pattern A pattern to look for in the response, or nil.
-- @return True if the proxy sent a page, false if not.
-- @return The response, or a message.
-- @return True if the pattern was found in it.
function test_get (host, port, proxyType, test_url, hostname, pattern)
  return test("GET", host, port, proxyType, test_url, hostname, pattern)
end

--- Asks a proxy for a page with HEAD.
-- @param host The host table.
-- @param port The port table.
-- @param proxyType The kind of proxy.
-- @param test_url The page's URL.
-- @param hostname The host in it.
-- @param pattern A pattern to look for in the response, or nil.
-- @return True if the proxy sent a header, false if not.
-- @return The response, or a message.
-- @return True if the pattern was found in it.
function test_head (host, port, proxyType, test_url, hostname, pattern)
  return test("HEAD", host, port, proxyType, test_url, hostname, pattern)
end

--- Asks a proxy for a connection with CONNECT.
-- @param host The host table.
-- @param port The port table.
-- @param proxyType The kind of proxy.
-- @param hostname The host to connect to, at port 80.
-- @return True if the proxy connected, false if not.
-- @return The response, or a message.
function test_connect (host, port, proxyType, hostname)
  local status, socket = connectProxy(host, port, proxyType, hostname)
  if not status then return false, socket end
  local sent, err = socket:send(string.format("CONNECT %s:80 HTTP/1.0\r\n\r\n", hostname))
  if not sent then
    socket:close()
    return false, err
  end
  local got, response = socket:receive()
  socket:close()
  if not got then return false, response end
  local code = string.match(response, "^HTTP/%d%.?%d* +(%d%d%d)")
  return code == "200", response
end

local function location (response)
  if not string.find(response, "^HTTP/%d%.?%d* +30[12378]") then return nil end
  return string.match(response, "\n[lL]ocation:%s*([^\r\n]*)")
end

--- Tells whether two responses are redirects to the same place: such a server sends everybody to a page of its own and is
-- no proxy.
-- @param resp1 A response as from the tests.
-- @param resp2 Another one.
-- @return True or false.
function redirectCheck (resp1, resp2)
  if not resp1 or not resp2 then return false end
  local one, two = location(resp1), location(resp2)
  return one ~= nil and one == two
end

return _ENV
