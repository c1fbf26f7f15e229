local stub = require "stub"
local proxy = require "proxy"

local HOST, PORT = { ip = "10.0.0.1" }, { number = 1080, protocol = "tcp" }
local PAGE = "HTTP/1.0 200 OK\r\nServer: X\r\n\r\nHello"

local function test (kind, pieces, pattern, method)
  stub.sent = {}
  stub.peer = function () return table.move(pieces, 1, #pieces, 1, {}) end
  return proxy["test_" .. (method or "get")](HOST, PORT, kind, "http://example.com/a?b", "example.com", pattern)
end

check("http", 'true "HTTP/1.0 200 OK\\13\\\nServer: X\\13\\\n\\13\\\nHello" true', test("http", { PAGE }, "hello"))
check("request", '{1="GET http://example.com/a?b HTTP/1.0\\13\\\nHost: example.com\\13\\\n\\13\\\n"}', stub.sent)
check("no match", "true nil", (test("http", { PAGE }, "nothing")), select(3, test("http", { PAGE }, "nothing")))
check("bad pattern", "nil", select(3, test("http", { PAGE }, "[")))
check("refused", "false", (test("http", { "HTTP/1.0 403 No\r\n\r\n" })))
check("no HTTP", "false", (test("http", { "220 hello\r\n" })))
check("nothing", 'false "no response"', test("http", {}))
check("head", "true", (test("http", { PAGE }, nil, "head")))

stub.peer = function () return { "HTTP/1.0 200 Connection established\r\n\r\n" } end
check("connect", "true", (proxy.test_connect(HOST, PORT, "http", "example.com")))
stub.peer = function () return { "HTTP/1.0 403 Forbidden\r\n\r\n" } end
check("connect refused", "false", (proxy.test_connect(HOST, PORT, "http", "example.com")))

-- SOCKS 4a, as its authors describe it.
check("socks4", "true", (test("socks4", { "\0\x5A\0\0\0\0\0\0", PAGE })))
check("socks4 request", '"\\4\\1\\0P\\0\\0\\0\\1\\0example.com\\0" "GET /a?b HTTP/1.0\\13\\\nHost: example.com\\13\\\n\\13\\\n"',
  stub.sent[1], stub.sent[2])
check("socks4 refused", 'false "request rejected"', test("socks4", { "\0\x5B\0\0\0\0\0\0" }))
check("socks4 cut", 'false "EOF"', test("socks4", { "\0\x5A\0" }))

-- RFC 1928, 3, 4 and 6.
check("socks5", "true", (test("socks5", { "\5\0", "\5\0\0\1\10\0\0\1\0\80", PAGE })))
check("socks5 request", '"\\5\\1\\0" "\\5\\1\\0\\3\\11example.com\\0P"', stub.sent[1], stub.sent[2])
check("socks5 with a name", "true", (test("socks5", { "\5\0\5\0\0\3\2ab\0\80", PAGE })))
check("socks5 in pieces", "true", (test("socks5", { "\5", "\0\5", "\0\0\4" .. ("\0"):rep(9), ("\0"):rep(9), PAGE })))
check("socks5 wants a password", 'false "no access without authentication"', test("socks5", { "\5\xFF" }))
check("socks5 refused", 'false "request rejected"', test("socks5", { "\5\0", "\5\5\0\1\0\0\0\0\0\0" }))
check("socks5 unknown address", 'false "unknown type of address"', test("socks5", { "\5\0", "\5\0\0\9\0" }))

local function to (place) return "HTTP/1.1 302 Found\r\nLocation: " .. place .. "\r\n\r\n" end
check("same redirect", "true false false false", proxy.redirectCheck(to("http://a/"), to("http://a/")),
  proxy.redirectCheck(to("http://a/"), to("http://b/")), proxy.redirectCheck(PAGE, PAGE),
  proxy.redirectCheck(nil, PAGE))
check("arguments", "false false", proxy.return_args())

for _, text in ipairs(mutants("\5\0\5\0\0\1\10\0\0\1\0\80" .. PAGE, 300)) do
  local ran, err = pcall(test, "socks5", { text }, "hello")
  if not ran then check("damaged: " .. text, "true", ran, err) end
end
