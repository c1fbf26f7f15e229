local pieces = require "pieces"
local pop3 = require "pop3"
local stub = require "stub"

check("stat", '"+OK" nil nil nil', pop3.stat("+OK ready"), pop3.stat("-ERR no"), pop3.stat(""), pop3.stat(nil))

local session = pieces

equal({ pop3.login_user(session("+OK\r\n", "+OK\r\n"), "a", "b") }, { true, 0 })
equal({ pop3.login_user(session("-ERR\r\n"), "a", "b") }, { false, 1 })
equal({ pop3.login_user(session("+OK\r\n", "-ERR\r\n"), "a", "b") }, { false, 2 })
equal({ pop3.login_user(session(), "a", "b") }, { false, 1 })

-- RFC 1939, 7.
local socket = session("+OK maildrop has 1 message\r\n")
equal({ pop3.login_apop(socket, "mrose", "tanstaaf", "<1896.697170952@dbc.mtview.ca.us>") }, { true, 0 })
equal(socket.sent[1], "APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n")
equal({ pop3.login_apop(session(), "a", "b", nil) }, { false, 3 })

socket = session("+ \r\n", "+OK\r\n")
equal({ pop3.login_sasl_plain(socket, "test", "secret") }, { true, 0 })
equal(socket.sent, { "AUTH PLAIN\r\n", "AHRlc3QAc2VjcmV0\r\n" })
socket = session("+ VXNlcm5hbWU6\r\n", "+ UGFzc3dvcmQ6\r\n", "+OK\r\n")
equal({ pop3.login_sasl_login(socket, "moon", "secret") }, { true, 0 })
equal(socket.sent, { "AUTH LOGIN\r\n", "bW9vbg==\r\n", "c2VjcmV0\r\n" })
socket = session("+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n", "+OK\r\n")
equal({ pop3.login_sasl_crammd5(socket, "tim", "tanstaaftanstaaf") }, { true, 0 })
equal(socket.sent[2], "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n")
equal({ pop3.login_sasl_crammd5(session("-ERR\r\n"), "a", "b") }, { false, 2 })
