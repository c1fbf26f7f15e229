local cassandra = require "cassandra"

-- Gives out pieces one after the other and keeps what is sent.
local function session (...)
  local socket = { sent = {}, pieces = { ... }, left = "" }
  function socket:send (data)
    self.sent[#self.sent + 1] = data
    return true
  end
  function socket:receive ()
    local piece = table.remove(self.pieces, 1)
    if piece then return true, piece end
    return nil, "EOF"
  end
  socket.receive_bytes, socket.receive_lines = socket.receive, socket.receive
  function socket:receive_buf (delimiter, keep)
    while true do
      local from, to
      if type(delimiter) == "string" then from, to = self.left:find(delimiter) else from, to = delimiter(self.left) end
      if from then
        local data = self.left:sub(1, keep and to or from - 1)
        self.left = self.left:sub(to + 1)
        return true, data
      end
      local status, more = self:receive()
      if not status then return nil, more end
      self.left = self.left .. more
    end
  end
  function socket:set_timeout () return true end
  function socket:close () return true end
  function socket:connect () return true end
  function socket:get_info () return true, "127.0.0.1", 40000, "127.0.0.1", 1 end
  return socket
end

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
