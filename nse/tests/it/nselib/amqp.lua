local amqp = require "amqp"
local session = require "pieces"

local function short (s) return string.pack("s1", s) end
local function long (s) return string.pack(">s4", s) end
local function frame (body) return "\1\0\0" .. long(body) .. "\xce" end
local properties = short("capabilities") .. "F" .. long(short("x") .. "t\1") .. short("product") .. "S" .. long("Moon")
  .. short("version") .. "S" .. long("1.2") .. short("n") .. "I\xff\xff\xff\xff" .. short("list") .. "A" .. long("b\1S" .. long("z"))
local start = "\0\10\0\10\0\9" .. long(properties) .. long("PLAIN") .. long("en_US")

local client = amqp.AMQP:new(host, port)
client.amqpsocket = session(frame(start))
check("handshake", "true", (client:handshake()))
equal(client.amqpsocket.sent[1], "AMQP\0\0\9\1")
check("server", '"Moon" "1.2" "0-9"', client:getServerProduct(), client:getServerVersion(), client:getProtocolVersion())
equal(client:getServerProperties()[1], { name = "capabilities: ", "x: YES" })
equal(client:getServerProperties()[4], "n: -1")
equal(client:getServerProperties()[6], "mechanisms: PLAIN")

-- The server names another version and the session begins anew.
client = amqp.AMQP:new(host, port)
client.amqpsocket = session("AMQP\1\1\8\0", frame("\0\10\0\10\8\0" .. long("") .. long("PLAIN") .. long("en_US")))
check("older", 'true "0-8"', (client:handshake()), client:getProtocolVersion())
equal(client.amqpsocket.sent[2], "AMQP\1\1\8\0")

local function failure (bytes)
  local one = amqp.AMQP:new(host, port)
  one.amqpsocket = session(bytes)
  return (one:handshake())
end
check("bad", "false false false false", failure("HTTP/1.1 400 Bad Request"), failure(frame(start):sub(1, -2) .. "x"),
  failure(frame(start:sub(1, 40))), failure(frame("\0\10\0\10\0\9" .. long(short("a") .. "F" .. string.pack(">I4", 4000)) .. long("") .. long(""))))
local nested = ""
for _ = 1, 60 do nested = short("a") .. "F" .. long(nested) end
check("too deep", "false", failure(frame("\0\10\0\10\0\9" .. long(nested) .. long("") .. long(""))))
