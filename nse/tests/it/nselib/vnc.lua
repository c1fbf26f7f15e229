local vnc = require "vnc"
local session = require "pieces"

local VNC = vnc.VNC
-- The bits of each byte are in reverse: "p" is 0x70, 0x0e; the rest is filled up with zero bytes.
equal(VNC:createVNCDESKey("pass"), "\x0e\x86\xce\xce\0\0\0\0")
equal(#VNC:createVNCDESKey("longer than eight"), 8)
-- Recorded from a server with the password "secret".
equal(VNC:encryptVNCDES("secret", require("stdnse").fromhex("74b1111ab78a47c88bf60966e12d7f22")),
  require("stdnse").fromhex("5df8375844c3b56891aefdb1023d86b6"))

local function client (...)
  local one = VNC:new(host, port, session(...))
  return one, one.socket
end
local one, socket = client("RFB 003.008\n", "\2\1\19")
check("handshake", 'true "3.8" true false', (one:handshake()), one:getProtocolVersion(), one:supportsSecType(19), one:supportsSecType(2))
equal(one:getSecTypesAsTable(), { { name = "None", type = 1 }, { name = "VeNCrypt", type = 19 } })
equal(socket.sent, { "RFB 003.008\n" })
one = client("RFB 003.003\n", "\0\0\0\2")
check("3.3", 'true "3.3" true', (one:handshake()), one:getProtocolVersion(), one:supportsSecType(2))
one, socket = client("RFB 004.001\n", "\1\2")
check("newer", 'true "004.001" "RFB 003.008\\\n"', (one:handshake()), one:getProtocolVersion(), socket.sent[1])
one = client("RFB 003.008\n", "\0\0\0\0\9too many!")
equal({ one:handshake() }, { false, "VNC server refused the connection: too many!" })
check("bad", "false false", (client("SSH-2.0-OpenS\n"):handshake()), (client("RFB 003.008\n", "\5\1"):handshake()))

one, socket = client("RFB 003.008\n\1\2", ("\7"):rep(16), "\0\0\0\0", "\4\0\3\0\32\24\0\1\0\255\0\255\0\255\16\8\0\0\0\0\0\0\0\4moon")
one:handshake()
check("login", "true", (one:login("", "secret")))
equal(socket.sent[2], "\2")
local status, init = one:client_init(true)
check("init", 'true 1024 768 24 "moon"', status, init.width, init.height, init.depth, init.name)
one = client("RFB 003.008\n\1\2", ("\7"):rep(16), "\0\0\0\1\0\0\0\3no!")
one:handshake()
equal({ one:login("", "x") }, { false, "no!" })
equal({ one:login("", "x", 30) }, { false, "The server does not support a matching security type" })

one = client("RFB 003.008\n\1\19", "\0\2", "\0\2\0\0\1\2\0\0\1\5")
one:handshake()
check("vencrypt", "true", (one:handshake_vencrypt()))
equal(one:getVencryptTypesAsTable(), { { name = "VNC auth, Anonymous TLS", type = 258 }, { name = "VNC auth, Server-authenticated TLS", type = 261 } })
one = client("RFB 003.008\n\1\16", "\0\0\0\0", "\0\0\0\1\0\0\0\2STDVVNCAUTH_")
one:handshake()
check("tight", 'true "STDVVNCAUTH_"', (one:handshake_tight()), one.tight.auths[1].string)
one = client("RFB 003.008\n\1\16", "\255\255\255\255")
one:handshake()
check("too many", "false", (one:handshake_tight()))
