local imap = require "imap"
local pieces = require "pieces"

local function session (...)
  local helper = imap.Helper:new(host, port)
  helper.client.socket = pieces(...)
  return helper, helper.client.socket
end

local helper, socket = session("* CAPABILITY IMAP4rev1 AUTH=PL", "AIN ID\r\nA0001 OK ", "done\r\n")
equal({ helper:capabilities() }, { true, { IMAP4rev1 = true, ["AUTH=PLAIN"] = true, ID = true } })
equal(socket.sent, { "A0001 CAPABILITY\r\n" })
helper = session("A0001 BAD what\r\n")
check("refused", "false", (helper:capabilities()))
helper = session()
equal({ helper:capabilities() }, { false, "EOF" })
helper = session(("x"):rep(70000))
equal({ helper:capabilities() }, { false, "the reply is too long" })

helper, socket = session("A0001 OK in\r\n", "A0002 NO out\r\n")
equal({ helper:login("moon", 'se"cret') }, { true })
equal(socket.sent, { 'A0001 LOGIN "moon" "se\\"cret"\r\n' })
equal({ helper:login("moon", "x") }, { false, "Login failed" })
equal({ helper:login("moon\r\n", "x") }, { false, "Login failed" })

helper, socket = session("+ \r\n", "A0001 OK in\r\n")
equal({ helper:authenticate("test", "secret", "plain") }, { true })
equal(socket.sent, { "A0001 AUTHENTICATE PLAIN\r\n", "dGVzdAB0ZXN0AHNlY3JldA==\r\n" })
helper, socket = session("+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n", "A0001 OK in\r\n")
equal({ helper:authenticate("tim", "tanstaaftanstaaf", "CRAM-MD5") }, { true })
equal(socket.sent[2], "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n")
helper = session("A0001 NO cannot\r\n")
equal({ helper:authenticate("a", "b", "LOGIN") }, { false, "Login failed" })
check("mechanism", "false", (helper:authenticate("a", "b", "X")))
