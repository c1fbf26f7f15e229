local stub = require "stub"
local socks = require "socks"

local function helper (pieces)
  stub.sent = {}
  stub.peer = function () return pieces end
  return socks.Helper:new({ ip = "10.0.0.1" }, { number = 1080, protocol = "tcp" }, { timeout = 100 })
end

-- RFC 1928, 3.
check("one method", '"\\5\\1\\0" "\\5\\3\\0\\1\\2"', tostring(socks.Request.Connect:new(0)),
  tostring(socks.Request.Connect:new({ 0, 1, 2 })))
local status, response = helper({ "\5\2" }):connect({ 0, 2 })
check("chosen", "true 2", status, response.method)
check("none acceptable", 'false "The server accepts none of the methods"', helper({ "\5\xFF" }):connect(0))
check("no SOCKS 5", 'false "The server does not speak SOCKS 5"', helper({ "HTTP/1.0 400" }):connect(0))
check("too short", 'false "The server does not speak SOCKS 5"', helper({ "\5" }):connect(0))
check("nothing", 'false "EOF"', helper({}):connect(0))

-- RFC 1929, 2.
check("user and password", '"\\1\\4user\\6secret"',
  tostring(socks.Request.Authenticate:new({ username = "user", password = "secret" })))
check("too long", "513", #tostring(socks.Request.Authenticate:new({ username = ("u"):rep(999), password = ("p"):rep(999) })))
local good = helper({ "\5\2", "\1\0" })
good:connect(2)
check("right", "true", (good:authenticate({ username = "u", password = "p" })))
local bad = helper({ "\5\2", "\1\1" })
bad:connect(2)
check("wrong", 'false "Authentication failed"', bad:authenticate({ username = "u", password = "p" }))

check("names", '"No authentication" "GSSAPI" "Username and password" "Unknown method (9)"',
  socks.Helper:authNameByNumber(0), socks.Helper:authNameByNumber(1), socks.Helper:authNameByNumber(2),
  socks.Helper:authNameByNumber(9))
