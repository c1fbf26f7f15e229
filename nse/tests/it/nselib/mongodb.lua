local mongodb = require "mongodb"

-- bsonspec.org, "Examples".
equal({ mongodb.toBson({ hello = "world" }) }, { true, "\x16\0\0\0\2hello\0\6\0\0\0world\0\0" })
local array = "\x31\0\0\0\4BSON\0\x26\0\0\0\2\x30\0\8\0\0\0awesome\0\1\x31\0\x33\x33\x33\x33\x33\x33\x14\x40\x10\x32\0\xc2\7\0\0\0\0"
equal({ mongodb.toBson({ BSON = { "awesome", 5.05, 1986 } }) }, { true, array })
equal({ mongodb.fromBson(array .. "rest") }, { { BSON = { "awesome", 5.05, 1986 } }, "rest" })
local everything = { a = 1, b = "x", c = true, d = { e = 2.5 }, f = 0x123456789 }
equal(mongodb.fromBson(select(2, mongodb.toBson(everything))), everything)
check("no form", "false", (mongodb.toBson({ a = print })))

check("cut off", "nil nil nil", (mongodb.fromBson("\x16\0\0\0\2hello\0\6\0\0\0wor")), (mongodb.fromBson("")), (mongodb.fromBson("\4\0\0\0")))
check("a lying length", "nil", (mongodb.fromBson("\x16\0\0\0\2hello\0\xff\xff\xff\x7fworld\0\0")))
local deep = "\5\0\0\0\0"
for _ = 1, 100 do deep = string.pack("<I4", #deep + 8) .. "\3a\0" .. deep .. "\0" end
check("too deep", "nil", (mongodb.fromBson(deep)))
local loop = {}
loop.loop = loop
check("a loop", "false", (mongodb.toBson(loop)))

local status, packet = mongodb.listDbQuery(1)
check("query", 'true 63 2004', status, (string.unpack("<I4", packet)), (string.unpack("<I4", packet, 13)))
equal(packet:sub(17), "\0\0\0\0admin.$cmd\0\0\0\0\0\xff\xff\xff\xff\x18\0\0\0\x10listDatabases\0\1\0\0\0\0")
check("complete", "true false false", mongodb.isPacketComplete(packet), mongodb.isPacketComplete(packet:sub(1, 20)), mongodb.isPacketComplete("a"))

local function peer (answer)
  local socket = { answer = answer }
  function socket:send () return true end
  function socket:receive ()
    local piece = self.answer:sub(1, 10)
    self.answer = self.answer:sub(11)
    if piece == "" then return nil, "EOF" end
    return true, piece
  end
  return socket
end
local document = select(2, mongodb.toBson({ ok = 1 }))
local function reply (flags, body) return string.pack("<I4I4I4I4I4I8I4I4", 36 + #body, 1, 1, 1, flags, 0, 0, 1) .. body end
equal({ mongodb.query(peer(reply(8, document)), packet) }, { true, { ok = 1 } })
equal({ mongodb.query(peer(reply(2, (select(2, mongodb.toBson({ ["$err"] = "no" }))))), packet) }, { false, "no" })
equal({ mongodb.query(peer(string.pack("<I4I4I4I4I4B", 21 + #document, 1, 1, 2013, 0, 0) .. document), packet) }, { true, { ok = 1 } })
equal({ mongodb.query(peer("\x10\0\0\0aaaabbbbcccc"), packet) }, { false, "the answer is not understood" })
equal({ mongodb.query(peer("\xff\xff\xff\x7f"), packet) }, { false, "the answer is too long" })
equal({ mongodb.query(peer(""), packet) }, { false, "EOF" })
equal(mongodb.queryResultToTable({ a = "1", b = { c = 2 } }), { "a = 1", "b", { "c = 2" } })
