local membase = require "membase"

-- "SASL Authentication", the example of a list and of a login with the name and password "foo" and "bar".
equal(tostring(membase.TAP.Request:new(0x20)), "\x80\x20" .. ("\0"):rep(22))
equal(tostring(membase.TAP.Request:new(0x21, "PLAIN", "foo\0foo\0bar")),
  "\x80\x21\0\5\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0PLAINfoo\0foo\0bar")

local function helper (...)
  local one, data = membase.Helper:new(host, port), table.concat({ ... })
  one.socket = {
    sent = {},
    send = function (self, bytes)
      self.sent[#self.sent + 1] = bytes
      return true
    end,
    receive_buf = function (_, delimiter)
      local _, to = delimiter(data)
      if not to then return nil, "EOF" end
      local piece = data:sub(1, to)
      data = data:sub(to + 1)
      return true, piece
    end,
  }
  return one
end
local function answer (op, status, value) return string.pack(">BBI2BBI2I4I4I8", 0x81, op, 0, 0, 0, status, #value, 0, 0) .. value end
equal({ helper(answer(0x20, 0, "CRAM-MD5 PLAIN")):getSASLMechList() }, { true, "CRAM-MD5 PLAIN" })
equal({ helper(answer(0x20, 0, "PLAIN"), answer(0x21, 0, "Authenticated")):login("a", "b") }, { true })
equal({ helper(answer(0x21, 0x20, "Auth failure")):login("a", "b", "PLAIN") }, { false, "Authentication failed" })
local one = helper(answer(0x21, 0x21, "<1896.697170952@postoffice.reston.mci.net>"), answer(0x22, 0, ""))
equal({ one:login("tim", "tanstaaftanstaaf", "CRAM-MD5") }, { true })
equal(one.socket.sent[2]:sub(25), "CRAM-MD5tim b913a602c7eda7a495b4e6e7334d3890")
equal({ helper("ERROR\r\n" .. ("x"):rep(20)):getSASLMechList() }, { false, "not an answer of memcached" })
equal({ helper(string.pack(">BBI2BBI2I4I4I8", 0x81, 0x20, 9, 0, 0, 0, 2, 0, 0)):getSASLMechList() }, { false, "the length is out of bounds" })
equal({ helper(""):getSASLMechList() }, { false, "Failed to receive data" })
