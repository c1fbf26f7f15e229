local ftp = require "ftp"
local pieces = require "pieces"

local function reader (...)
  local lines, at = { ... }, 0
  return function ()
    at = at + 1
    if lines[at] then return lines[at] end
    return nil, "EOF"
  end
end

check("one line", '220 "hello"', ftp.read_reply(reader("220 hello")))
equal({ ftp.read_reply(reader("220 hello")) }, { 220, "hello" })
-- RFC 959, 4.2: a line inside may begin with another code.
equal({ ftp.read_reply(reader("123-First line", "Second line", "  234 A line beginning with numbers", "123 The last line")) },
  { 123, "First line\nSecond line\n  234 A line beginning with numbers\nThe last line" })
equal({ ftp.read_reply(reader("211-a", "211-b", "211 c")) }, { 211, "a\nb\nc" })
equal({ ftp.read_reply(reader("211-a", "211")) }, { 211, "a" })
equal({ ftp.read_reply(reader("220")) }, { 220, "" })
equal({ ftp.read_reply(reader("SSH-2.0-x")) }, { nil, "not a reply of FTP: SSH-2.0-x" })
equal({ ftp.read_reply(reader()) }, { nil, "EOF" })
equal({ ftp.read_reply(reader("220-a", "b")) }, { nil, "EOF" })
equal({ ftp.read_reply(function () return "220-again and again" end) }, { nil, "the reply has too many lines" })

local function session (...)
  return pieces(), reader(...)
end

local socket, buffer = session("331 password", "230 in")
equal({ ftp.auth(socket, buffer, "moon", "secret") }, { true, 230, "in" })
equal(socket.sent, { "USER moon\r\n", "PASS secret\r\n" })
socket, buffer = session("230 no password")
equal({ ftp.auth(socket, buffer, "moon", "secret") }, { true, 230, "no password" })
socket, buffer = session("331 password", "332 account", "230 in")
equal({ ftp.auth(socket, buffer, "moon", "secret", "a") }, { true, 230, "in" })
socket, buffer = session("331 password", "332 account")
equal({ ftp.auth(socket, buffer, "moon", "secret") }, { nil, 332, "account" })
socket, buffer = session("530 no")
equal({ ftp.auth(socket, buffer, "moon", "secret") }, { nil, 530, "no" })
socket, buffer = session("331 password")
equal({ ftp.auth(socket, buffer, "moon", "secret") }, { nil, nil, "EOF" })
socket, buffer = session("234 go on")
equal({ ftp.starttls(socket, buffer) }, { true, "go on" })
socket, buffer = session("500 what")
equal({ ftp.starttls(socket, buffer) }, { false, "what" })

check("rule", "true true false", ftp.portrule(host, { number = 2121, protocol = "tcp", state = "open" }),
  ftp.portrule(host, { number = 1, protocol = "tcp", state = "open", service = "ftp" }),
  ftp.portrule(host, { number = 1, protocol = "tcp", state = "open", service = "smtp" }))
