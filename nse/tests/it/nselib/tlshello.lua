local stub = require "stub"
local tls = require "tls"
local tlshello = require "tlshello"

local target = { ip = "192.0.2.1", targetname = "a.b", registry = {} }
local port = { number = 443, protocol = "tcp", state = "open", version = {} }
local function record (kind, ...)
  local body = {}
  for i, message in ipairs({ ... }) do body[i] = message end
  return string.pack(">BI2s2", kind, 0x0303, table.concat(body))
end
local function message (kind, body) return string.pack(">Bs3", kind, body) end
local hello = message(2, string.pack(">I2I4", 0x0303, 7) .. string.rep("R", 28) .. "\0\0\x2F\0")

local function answer (...)
  local pieces = { ... }
  stub.peer = function () return table.move(pieces, 1, #pieces, 1, {}) end
  stub.sent = {}
  return tlshello.ask(target, port, { protocol = "TLSv1.2" })
end

local got = answer(record(22, hello, message(11, string.pack(">s3", string.pack(">s3", "der")))),
  record(22, message(12, "kex"), message(14, "")))
check("an answer", '"TLS_RSA_WITH_AES_128_CBC_SHA" {1="der"} "kex" true 7', got.hello.cipher, got.certificates,
  got.key_exchange, got.is_done, got.hello.time)
check("the name is sent", "true", stub.sent[1]:find("\0\3a.b", 1, true) ~= nil)
check("an alert", '"handshake_failure" nil', answer(record(21, "\2\40")).alert, answer(record(21, "\2\40")).hello)
check("a warning before", '"kex"', answer(record(21, "\1\112"), record(22, hello, message(12, "kex"), message(14, ""))).key_exchange)
check("cut off after the hello", "7", answer(record(22, hello)).hello.time)
check("no TLS", 'nil "this is no TLS"', answer("HTTP/1.0 400 Bad Request\r\n\r\n"))
check("silence", 'nil "EOF"', answer())
local endless = {}
for i = 1, 100 do endless[i] = record(22, message(4, "")) end
check("no end", 'nil "the answer has no end"', answer(table.unpack(endless)))
stub.peer = nil
check("nobody there", 'nil "ERROR"', tlshello.ask(target, port, {}))
check("suites", "true true", #tlshello.ciphers_of("TLSv1.2") > 300, #tlshello.ciphers_of("TLSv1.3") < 20)
stub.peer = function () return { "\x15\3\1\0\2\2\40" } end
local other = { number = 7000, protocol = "tcp", state = "open", version = { name_confidence = 3 } }
check("answers", "true", tlshello.answers(target, other))
stub.peer = nil
check("asked once", "true false false", tlshello.answers(target, other),
  tlshello.answers(target, { number = 7001, protocol = "tcp", state = "open", version = {} }),
  tlshello.answers(target, { number = 7000, protocol = "tcp", state = "open", version = { name_confidence = 10 } }))
check("rule", "true", tlshello.portrule(target, port))

fuzz("answers", {
  record(22, hello, message(11, string.pack(">s3", string.pack(">s3", "der")))) .. record(22, message(12, "kex"), message(14, "")),
}, answer)
