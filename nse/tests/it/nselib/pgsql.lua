local pgsql = require "pgsql"
local session = require "pieces"

-- The manual, "Password Authentication": md5(md5(password + user) + salt).
equal(pgsql.createMD5LoginHash("postgres", "secret", "\1\2\3\4"),
  require("stdnse").tohex(require("openssl").md5(require("stdnse").tohex(require("openssl").md5("secretpostgres")) .. "\1\2\3\4")))

local function message (kind, body) return string.pack(">BI4", kind, #body + 4) .. body end
local v3 = pgsql.detectVersion(host, port)
check("ssl", "true false", pgsql.requestSSL(session("S")), pgsql.requestSSL(session("N")))

local socket = session(message(0x52, "\0\0\0\5salt"))
local status, response = v3.sendStartup(socket, "moon", "db")
check("startup", 'true 5 "salt"', status, response.authtype, response.salt)
equal(socket.sent[1], "\0\0\0\31\0\3\0\0user\0moon\0database\0db\0\0")
local rest = message(0x52, "\0\0\0\0") .. message(0x53, "server_version\00015.1\0") .. message(0x4b, "\0\0\0\1\0\0\0\2") .. message(0x5a, "I")
socket = session(rest:sub(1, 7), rest:sub(8))
equal({ v3.loginRequest(socket, response, "moon", "secret", response.salt) }, { true, { { { name = "server_version", value = "15.1" } } } })
equal(socket.sent[1], message(0x70, "md5" .. pgsql.createMD5LoginHash("moon", "secret", "salt") .. "\0"))
equal({ v3.loginRequest(session(message(0x45, "SFATAL\0C28P01\0Mno\0\0")), response, "a", "b", "salt") }, { false, "no" })
equal({ v3.sendStartup(session(message(0x45, "SFATAL\0Mno database\0\0")), "a", "b") },
  { false, "no database", { type = 0x45, error = { severity = "FATAL", message = "no database" } } })
equal({ v3.sendStartup(session("HTTP/1.1 400 Bad"), "a", "b") }, { false, "the message's length is out of bounds" })
equal({ v3.sendStartup(session("R\0\0\0\1x"), "a", "b") }, { false, "the message's length is out of bounds" })
check("unknown", "false", (v3.loginRequest(session(), { authtype = 7 }, "a", "b")))

-- SCRAM-SHA-256 (RFC 7677).
socket = session(message(0x52, "\0\0\0\11r=other"))
check("a nonce that is not ours", "false", (v3.loginRequest(socket, { authtype = 10, data = "SCRAM-SHA-256\0\0" }, "user", "pencil")))
check("first message", "true", socket.sent[1]:find("^p....SCRAM%-SHA%-256%z%z%z%z.n,,n=,r=[%w+/]+$") ~= nil)
