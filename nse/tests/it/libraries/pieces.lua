-- A socket that gives out pieces one after the other, and keeps what is sent: `require "pieces" (piece, ...)`. For
-- protocols in which the library asks for each answer; see `peer` for those that must hear the question.

return function (...)
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
