local pieces = require "pieces"
local smtp = require "smtp"

check("good", 'true true true true', (smtp.check_reply("MAIL", "250 ok")), (smtp.check_reply("rcpt TO:<a>", "251 ok")),
  (smtp.check_reply("HELP", "214 see")), (smtp.check_reply("AUTH", "334 ")))
equal({ smtp.check_reply("EXPN", "550 5.1.1 x") }, { false, "SMTP: EXPN 550 5.1.1 x" })
equal({ smtp.check_reply("MAIL", nil) }, { false, "SMTP: MAIL: no reply" })
check("bad", "false false", (smtp.check_reply("XYZ", "250 ok")), (smtp.check_reply("MAIL", "25 ok")))
equal(smtp.get_auth_mech("250-x\r\n250-AUTH LOGIN PLAIN\r\n250-AUTH=LOGIN CRAM-MD5\r\n250 z\r\n"), { "LOGIN", "PLAIN", "CRAM-MD5" })
check("no mechanism", "nil nil nil", smtp.get_auth_mech("250 x\r\n"), smtp.get_auth_mech(""), smtp.get_auth_mech(nil))
equal(smtp.get_domain(host), "client.example.net")

-- Answers one line after the other; a table is sent in pieces.
local function session (...)
  local list = {}
  for _, reply in ipairs({ ... }) do
    for _, piece in ipairs(type(reply) == "table" and reply or { reply }) do list[#list + 1] = piece end
  end
  local socket = pieces(table.unpack(list))
  function socket:close () self.closed = true return true end
  function socket:reconnect_ssl () self.tls = true return true end
  return socket
end

local socket = session({ "250-moon.ex", "ample\r\n250-SIZE\r", "\n250 HELP\r\n" })
equal({ smtp.ehlo(socket, "a.example") }, { true, "250-moon.example\r\n250-SIZE\r\n250 HELP\r\n" })
equal(socket.sent, { "EHLO a.example\r\n" })
socket = session("250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 queued\r\n", "250 ok\r\n", "221 bye\r\n")
equal({ smtp.mail(socket, "a@b.c", { "SIZE=10" }) }, { true, "250 ok\r\n" })
equal({ smtp.recipient(socket, "<d@e.f>") }, { true, "250 ok\r\n" })
-- RFC 5321, 4.5.2.
equal({ smtp.datasend(socket, ".a\n..b\nc") }, { true, "250 queued\r\n" })
equal({ smtp.reset(socket) }, { true, "250 ok\r\n" })
smtp.quit(socket)
equal(socket.sent, { "MAIL FROM:<a@b.c> SIZE=10\r\n", "RCPT TO:<d@e.f>\r\n", "DATA\r\n", "..a\r\n...b\r\nc\r\n.\r\n", "RSET\r\n", "QUIT\r\n" })
check("closed", "true", socket.closed)
equal({ smtp.verify(session("252 maybe\r\n"), "root") }, { true, "252 maybe\r\n" })
equal({ smtp.help(session("502 no\r\n")) }, { false, "SMTP: HELP 502 no\r\n" })
equal({ smtp.query(session(), "NOOP") }, { nil, "SMTP NOOP: no reply: EOF" })
socket = session("220 go\r\n")
check("tls", "true true", (smtp.starttls(socket)), socket.tls)
check("a reply without end", "true", #select(2, smtp.query(session({ ("250-x\r\n"):rep(20000), "y" }), "HELP")) > 65536)

socket = session("334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", "235 in\r\n")
equal({ smtp.login(socket, "moon", "secret", "login") }, { true, "235 in\r\n" })
equal(socket.sent, { "AUTH LOGIN\r\n", "bW9vbg==\r\n", "c2VjcmV0\r\n" })
-- RFC 2195, 2.
socket = session("334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n", "235 in\r\n")
check("cram", "true", (smtp.login(socket, "tim", "tanstaaftanstaaf", "CRAM-MD5")))
equal(socket.sent[2], "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n")
equal({ smtp.login(session("334 \r\n", "535 no\r\n"), "a", "b", "PLAIN") }, { false, "SMTP: AUTH 535 no\r\n" })
check("mechanism", "false", (smtp.login(session(), "a", "b", "X")))
