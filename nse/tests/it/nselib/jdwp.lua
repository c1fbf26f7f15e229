local jdwp = require "jdwp"

-- "Java Debug Wire Protocol", the form of packets: length, number, flags, set, command.
equal(jdwp.JDWPCommandPacket:new(1, 1, 7, "x"):pack(), "\0\0\0\x0c\0\0\0\1\0\1\7x")
equal(jdwp.toUTF8("moon"), "\0\0\0\4moon")
local function reply (id, code, data) return string.pack(">I4I4BI2", 11 + #data, id, 0x80, code) .. data end
local status, parsed = jdwp.JDWPReplyPacket:parse_reply(reply(7, 0, "abc"))
check("reply", 'true 7 "abc"', status, parsed.id, parsed.data)
equal({ jdwp.JDWPReplyPacket:parse_reply(reply(7, 20, "")) }, { false, jdwp.ERROR_CODES[20] })
check("bad", "false false false", (jdwp.JDWPReplyPacket:parse_reply("")), (jdwp.JDWPReplyPacket:parse_reply(reply(1, 0, "a") .. "b")),
  (jdwp.JDWPReplyPacket:parse_reply("\0\0\0\x0b\0\0\0\1\0\1\1")))

local function socket (data)
  return {
    send = function () return true end,
    receive_buf = function (_, delimiter)
      local _, to = delimiter(data)
      if not to then return nil, "EOF" end
      local piece = data:sub(1, to)
      data = data:sub(to + 1)
      return true, piece
    end,
  }
end
local version = string.pack(">s4I4I4s4s4", "Moon VM", 1, 8, "1.8", "Moon")
local event = "\0\0\0\x0c\0\0\0\5\0\64\100x"
equal({ jdwp.getVersion(socket(event .. reply(3, 0, version)), 3) }, { true, "Moon VM", { major = 1, minor = 8, version = "1.8", name = "Moon" } })
equal({ jdwp.getVersion(socket(reply(3, 0, version:sub(1, 20))), 3) }, { false, "the answer is malformed" })
equal({ jdwp.getVersion(socket(event:rep(101)), 3) }, { false, "there is no answer between the events" })
equal({ jdwp.getVersion(socket("\xff\xff\xff\xff\0\0\0\3\x80\0\0"), 3) }, { false, "the packet's length is out of bounds" })
equal({ jdwp.getAllThreads(socket(reply(3, 0, "\0\0\0\2aaaaaaaabbbbbbbb")), 3) }, { true, { "aaaaaaaa", "bbbbbbbb" } })
equal({ jdwp.readString(socket(reply(3, 0, "\0\0\0\2hi")), 3, "aaaaaaaa") }, { true, "hi" })
