-- Sockets whose other side is a function of the test: `peer.answer(f)` makes every new socket hand what is sent on it to
-- `f`, which returns what to receive: octets, or nil for silence. `peer.sent` lists what was sent. For libraries that read
-- with `receive_buf` or send datagrams without a connection.

local peer = { sent = {} }

local function new_socket (answer)
  local socket, buffer = {}, ""
  local function take (data)
    peer.sent[#peer.sent + 1] = data
    buffer = buffer .. (answer(data) or "")
    return true
  end
  function socket:set_timeout () return true end
  function socket:bind () return true end
  function socket:connect ()
    -- What the other side says before it is asked.
    buffer = buffer .. (peer.greeting or "")
    return true
  end
  function socket:send (data) return take(data) end
  function socket:sendto (host, port, data) return take(data) end
  function socket:receive ()
    if buffer == "" then return nil, "TIMEOUT" end
    local data = buffer
    buffer = ""
    return true, data
  end
  socket.receive_bytes, socket.receive_lines = socket.receive, socket.receive
  function socket:receive_buf (delimiter, keep)
    local left, right
    if type(delimiter) == "string" then left, right = buffer:find(delimiter) else left, right = delimiter(buffer) end
    if not left then return nil, "EOF" end
    local data = buffer:sub(1, keep and right or left - 1)
    buffer = buffer:sub(right + 1)
    return true, data
  end
  function socket:get_info () return true, "127.0.0.1", 1024, "192.0.2.1", 53 end
  function socket:close () return true end
  return socket
end

function peer.answer (answer)
  peer.sent = {}
  nmap.new_socket = function () return new_socket(answer) end
end

return peer
