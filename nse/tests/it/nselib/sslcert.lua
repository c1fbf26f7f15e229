local stub = require "stub"
local sslcert = require "sslcert"

local target = { ip = "192.0.2.1", registry = {} }
local function port (number, service, version)
  return { number = number, protocol = "tcp", state = "open", service = service, version = version or {} }
end

local start = sslcert.StartTLS
local function chosen (p) return sslcert.getPrepareTLSWithoutReconnect(p) end
check("by number, by name", "true true true", chosen(port(25)) == start.smtp_prepare_tls_without_reconnect,
  chosen(port(1, "imap")) == start.imap_prepare_tls_without_reconnect, sslcert.isPortSupported(port(80)) == nil)
check("what version detection says comes first", "nil nil", chosen(port(25, "smtp", { service_tunnel = "ssl" })),
  chosen(port(25, "http", { name_confidence = 10 })))
check("other transports", "nil", chosen({ number = 21, protocol = "udp" }))

-- Conversations: what the server says in turn, one piece after each thing that is sent, and what the client says.
local function run (name, ...)
  local said = { ... }
  stub.sent = {}
  stub.peer = function () return table.move(said, 1, #said, 1, {}) end
  local status, socket = start[name .. "_prepare_tls_without_reconnect"](target, port(1))
  return status, status and table.concat(stub.sent, "|") or socket
end
check("smtp", [[true "EHLO example.org\13\
|STARTTLS\13\
"]], run("smtp", "220-a\r\n220 b\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n"))
check("smtp refused", 'false "TLS is refused with code 454"', run("smtp", "220 b\r\n", "250 x\r\n", "454 no\r\n"))
check("smtp, other greeting", 'false "unexpected greeting 554"', run("smtp", "554 no\r\n"))
check("smtp, cut off", 'false "EOF"', run("smtp", "220 b\r\n"))
check("ftp", [[true "AUTH TLS\13\
"]], run("ftp", "220 hi\r\n", "234 go\r\n"))
check("lmtp", "true", (run("lmtp", "220 b\r\n", "250 x\r\n", "220 go\r\n")))
check("nntp", "true", (run("nntp", "200 hi\r\n", "382 go\r\n")))
check("pop3", "true false", (run("pop3", "+OK\r\n", "+OK go\r\n")), (run("pop3", "+OK\r\n", "-ERR\r\n")))
check("imap", "true false", (run("imap", "* OK hi\r\n", "A001 OK go\r\n")), (run("imap", "* OK hi\r\n", "A001 NO\r\n")))
check("postgres", "true false", (run("postgres", "S")), (run("postgres", "N")))
check("ldap", "true false", (run("ldap", "\x30\x0C\2\1\1\x78\7\x0A\1\0\4\0\4\0")),
  (run("ldap", "\x30\x0C\2\1\1\x78\7\x0A\1\2\4\0\4\0")))
local greeting = "\10" .. "8.0\0" .. "\1\0\0\0" .. "12345678\0"
local function mysql (flags) return string.pack("<I3B", #greeting + 2, 0) .. greeting .. string.pack("<I2", flags) end
check("mysql", "true false false", (run("mysql", mysql(0xFFFF))), (run("mysql", mysql(0xF7FF))),
  (run("mysql", "\1\0\0\0\xFF")))
check("xmpp", "true false", (run("xmpp", "<stream:stream>", "<stream:features><starttls/></stream:features>", "<proceed/>")),
  (run("xmpp", "<stream:stream><stream:features></stream:features>")))
check("vnc", "true false", (run("vnc", "RFB 003.008\n", "\2\2\19", "\0\2", "\0\1\0\0\1\4", "\1")),
  (run("vnc", "RFB 003.008\n", "\1\2")))
check("a server that never stops", 'false "the reply is too long"', run("smtp", string.rep("x", 70000), "y"))

-- Packets of TDS around data.
local pieces = { "\4\1\0\12\0\0\1\0ab", "cd", "\4\1\0\9\0\0\2\0e" }
local inner = { receive_buf = function (_, ends)
  local buffer = ""
  while true do
    local _, to = ends(buffer)
    if to then
      table.insert(pieces, 1, buffer:sub(to + 1))
      return true, buffer:sub(1, to)
    end
    if #pieces == 0 then return false, "EOF" end
    buffer = buffer .. table.remove(pieces, 1)
  end
end }
local wrapped = sslcert.WrappedSocket:new(inner, { wrap = function (data) return data end, unwrap = function (socket)
  local status, head = socket:receive_buf(function (buffer) if #buffer >= 8 then return 8, 8 end end, true)
  if not status then return false, head end
  local length = string.unpack(">I2", head, 3) - 8
  return socket:receive_buf(function (buffer) if #buffer >= length then return length, length end end, true)
end })
check("wrapped", 'true "abcde"', wrapped:receive_bytes(5))
check("wrapped, at the end", 'false "EOF"', wrapped:receive())

for name, replies in pairs({
  smtp = { "220 b\r\n", "250 x\r\n", "220 go\r\n" }, imap = { "* OK hi\r\n", "A001 OK go\r\n" },
  ldap = { "\x30\x0C\2\1\1\x78\7\x0A\1\0\4\0\4\0" }, mysql = { mysql(0xFFFF) },
  vnc = { "RFB 003.008\n", "\2\2\19", "\0\2", "\0\1\0\0\1\4", "\1" }, postgres = { "S" },
  xmpp = { "<stream:features><starttls/></stream:features>", "<proceed/>" }, tds = { "\4\1\0\20\0\0\1\0\1\0\6\0\1\255\1" },
}) do
  for i in ipairs(replies) do
    fuzz(name, { replies[i] }, function (bytes)
      local said = table.move(replies, 1, #replies, 1, {})
      said[i] = bytes
      run(name, table.unpack(said))
    end)
  end
end
