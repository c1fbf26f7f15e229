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
equal({ jdwp.getAllThreads(socket(reply(3, 0, "\0\0\0\2aaaaaaaabbbbbbbb")), 3) }, { true, { 0x6161616161616161, 0x6262626262626262 } })
equal({ jdwp.readString(socket(reply(3, 0, "\0\0\0\2hi")), 3, "aaaaaaaa") }, { true, "hi" })

-- Lists and values, by the commands of the document.
local class = string.pack(">BI8I4", 1, 7, 3)
check("classes", 'true {1={"id"=7,"refTypeTag"=1,"status"=3}} nil', jdwp.getClassBySignature(socket(reply(0, 0, "\0\0\0\1" .. class)), 0, "LA;"))
local methods = "\0\0\0\2" .. string.pack(">I8s4s4s4I4", 5, "run", "()V", "", 1) .. string.pack(">I8s4s4s4I4", 6, "run", "(I)V", "", 1)
check("methods", "5 6 nil", jdwp.findMethod(socket(reply(0, 0, methods)), 7, "run", false), jdwp.findMethod(socket(reply(0, 0, methods)), 7, "run", true),
  (jdwp.findMethod(socket(reply(0, 0, methods)), 7, "walk", false)))
local function value (data, thrown) return reply(0, 0, data .. string.pack(">c1I8", "L", thrown or 0)) end
check("called", 'true "s\\0\\0\\0\\0\\0\\0\\0\\9"', jdwp.invokeObjectMethod(socket(value("s\0\0\0\0\0\0\0\9")), 0, 1, 2, 3, 4, 0, nil))
check("nothing returned", 'true "V"', jdwp.invokeStaticMethod(socket(value("V")), 0, 1, 2, 0, ""))
check("thrown", 'false "the call threw an exception (object 12)"', jdwp.invokeObjectMethod(socket(value("V", 12)), 0, 1, 2, 3, 4, 0, nil))
check("object", "true 9", jdwp.newClassInstance(socket(value("L\0\0\0\0\0\0\0\9")), 0, 1, 2, 3, 0, ""))
check("array", "true 9 nil", jdwp.newArrayInstance(socket(reply(0, 0, "[\0\0\0\0\0\0\0\9")), 0, 1, 3))
check("thread", "true 4 1", jdwp.threadStatus(socket(reply(0, 0, "\0\0\0\4\0\0\0\1")), 0, 1))
check("no thread", "false", (jdwp.injectClass(socket(reply(0, 0, "\0\0\0\0")), "class")))
local step = string.pack(">I4I4BBB", 29, 1, 0, 64, 100) .. string.pack(">BI4BI4I8", 1, 1, 1, 2, 77)
fuzz("injectClass", { reply(0, 0, "\0\0\0\1\0\0\0\0\0\0\0\7") .. reply(0, 0, "\0\0\0\2") .. reply(0, 0, "") .. step .. reply(0, 0, "")
  .. reply(0, 0, "\0\0\0\1" .. class) .. reply(0, 0, methods) }, function (bytes) jdwp.injectClass(socket(bytes), "class") end)
