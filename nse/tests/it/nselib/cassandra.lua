local cassandra = require "cassandra"
local session = require "pieces"

-- Thrift's binary protocol: version and kind, name, number, fields.
equal(cassandra.cmdstr("describe_version", 2), "\x80\1\0\1\0\0\0\x10describe_version\0\0\0\2\0")
equal(cassandra.loginstr("a", "b"), "\x80\1\0\1\0\0\0\5login\0\0\0\1\x0c\0\1\x0d\0\1\x0b\x0b\0\0\0\2\0\0\0\8username\0\0\0\1a\0\0\0\8password\0\0\0\1b\0\0")
local function reply (name, number, rest) return string.pack(">s4", "\x80\1\0\2" .. string.pack(">s4I4", name, number) .. rest) end
local answer = reply("describe_version", 2, "\x0b\0\0\0\0\0\00619.1.0\0")
equal({ cassandra.describe_version(session(answer:sub(1, 9), answer:sub(10)), 2) }, { true, "19.1.0" })
check("another number", "false", (cassandra.describe_version(session(answer), 3)))
check("no text", "false false", (cassandra.describe_version(session(reply("describe_version", 2, "\0")), 2)),
  (cassandra.describe_version(session(reply("describe_version", 2, "\x0b\0\0\0\0\1\0x")), 2)))
equal({ cassandra.login(session(reply("login", 1, "\0")), "a", "b") }, { true })
equal({ cassandra.login(session(reply("login", 1, "\x0c\0\1\x0b\0\1\0\0\0\0\0\0")), "a", "b") }, { false, "Login failed." })
equal({ cassandra.login(session("\x7f\0\0\0"), "a", "b") }, { false, "the frame is too long" })
