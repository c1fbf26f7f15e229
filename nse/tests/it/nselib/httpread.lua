local stub = require "stub"
local httpread = require "httpread"

-- A response in pieces, and whether the connection stays usable.
local function read (pieces, method, options)
  if type(pieces) == "string" then pieces = { pieces } end
  stub.peer = function () return table.move(pieces, 1, #pieces, 1, {}) end
  return httpread.read_response(httpread.new_reader(nmap.new_socket()), method or "GET", options or {})
end

local function usable (text, method) return select(2, read(text, method)) end

check("what was received before", '200 "ab"', (function ()
  stub.peer = function () return { "b" } end
  local reader = httpread.new_reader(nmap.new_socket(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
  local response = httpread.read_response(reader, "GET", {})
  return response.status, response.body
end)())

-- RFC 9112, 9.3: which connections stay open.
check("length", "true", usable("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"))
check("closed", "false", usable("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\na"))
check("1.0", "false", usable("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na"))
check("1.0 kept", "true", usable("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: Keep-Alive\r\n\r\na"))
check("until the end", "false", usable("HTTP/1.1 200 OK\r\n\r\na"))
check("HEAD", "true", usable("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD"))
check("no content", "true", usable("HTTP/1.1 204 No\r\n\r\n"))

-- Two responses on one connection.
stub.peer = function ()
  return { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nHTTP/1.1 404 No\r\nConte",
    "nt-Length: 1\r\n\r\nb" }
end
local reader = httpread.new_reader(nmap.new_socket())
local first, second = httpread.read_response(reader, "GET", {}), httpread.read_response(reader, "GET", {})
check("pipelined", '200 "a" 404 "b"', first.status, first.body, second.status, second.body)

check("cookie", '{"expires"="Wed, 09 Jun 2021 10:18:14 GMT","httponly"="","name"="lang","path"="/","value"="en-US"}',
  httpread.parse_set_cookie("lang=en-US; Path=/; Expires=Wed, 09 Jun 2021 10:18:14 GMT; HttpOnly"))
check("cookie without a name", 'nil "cookie without a name"', httpread.parse_set_cookie("=x; path=/"))
check("error", '{"header"={},"rawheader"={},"status-line"="m"}', httpread.error_response("m"))
check("trim", '"" "a b"', httpread.trim(" \t"), httpread.trim("  a b\n"))

-- A million zeros in a kilobyte.
local pieces = {}
local sink = { write = function (_, piece) pieces[#pieces + 1] = piece end }
local stream = require("zlib").deflate(sink)
stream:write(("\0"):rep(1000000))
stream:close()
local packed = table.concat(pieces)
local text = ("HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: %d\r\n\r\n%s"):format(#packed, packed)
check("inflated", "200 1000000", read(text).status, #(read(text).body or ""))
check("inflates beyond the limit", "nil", read(text, "GET", { max_body_size = 5000 }).status)
local cut = read(text, "GET", { max_body_size = 5000, truncated_ok = true })
check("cut at the limit", "200 5000 true", cut.status, #cut.body, cut.truncated)

local RESPONSES = {
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a=\"b\"; Path=/; Secure\r\nX: y\r\n z\r\n"
    .. "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0A\r\n0123456789\r\n0\r\nT: t\r\n\r\n",
  "HTTP/1.0 200\r\nContent-Length: 10\r\nContent-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n\r\n0123456789",
}
for _, response in ipairs(RESPONSES) do
  for _, damaged in ipairs(mutants(response, 1000)) do
    local ran, err = pcall(read, damaged)
    if not ran then check("damaged: " .. damaged, "true", ran, err) end
  end
end
