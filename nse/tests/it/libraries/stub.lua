-- Stands in for the engine while a library is tested: levels, clock, interfaces and messages are what the test says.
--
-- Sockets are scripted: `stub.peer` is a function that gets what was sent on a new connection and returns a list of
-- pieces to receive, and what ends them ("EOF" or "TIMEOUT"). Without it nobody listens.

local stub = { log = {}, sent = {}, connects = {}, timeouts = {}, debugging = 0, verbosity = 0, peer = nil }

local function new_socket ()
  local socket = {}
  local sent, pieces, ending = "", nil, "EOF"
  function socket:set_timeout (milliseconds)
    stub.timeouts[#stub.timeouts + 1] = milliseconds
    return true
  end
  function socket:connect (host, port, proto)
    stub.connects[#stub.connects + 1] = { host = host, port = port, proto = proto }
    if not stub.peer then return nil, "ERROR" end
    return true
  end
  function socket:send (data)
    sent = sent .. data
    stub.sent[#stub.sent + 1] = data
    return true
  end
  function socket:receive ()
    if not pieces then
      pieces, ending = stub.peer(sent)
      ending = ending or "EOF"
    end
    local piece = table.remove(pieces, 1)
    if piece then return true, piece end
    return nil, ending
  end
  socket.receive_bytes, socket.receive_lines = socket.receive, socket.receive
  local left = ""
  function socket:receive_buf (delimiter, keep)
    local find = type(delimiter) == "function" and delimiter or function (bytes) return bytes:find(delimiter) end
    while true do
      local from, to = find(left)
      if from then
        local found = left:sub(1, keep and to or from - 1)
        left = left:sub(to + 1)
        return true, found
      end
      local status, piece = self:receive()
      if not status then return nil, piece end
      left = left .. piece
    end
  end
  function socket:close () return true end
  return socket
end

local mutexes = {}

local replaced = {
  registry = { args = {} },
  clock = function () return 1700000000.25 end,
  clock_ms = function () return 1700000000250.0 end,
  debugging = function () return stub.debugging end,
  verbosity = function () return stub.verbosity end,
  timing_level = function () return 3 end,
  version_intensity = function () return 7 end,
  port_is_excluded = function () return false end,
  get_interface = function () return stub.interface end,
  list_interfaces = function ()
    return { { device = "lo", shortname = "lo", up = "up" }, { device = "eth0", shortname = "eth0", up = "down" } }
  end,
  log_write = function (where, text) stub.log[#stub.log + 1] = where .. ": " .. text end,
  resolve = function () return false, "Failed to resolve" end,
  new_socket = new_socket,
  -- One thread only: a lock that is held is a bug.
  mutex = function (object)
    return function (operation)
      if operation == "lock" then
        assert(not mutexes[object], "deadlock")
        mutexes[object] = true
      else
        assert(mutexes[object], "do not have a lock on this mutex")
        mutexes[object] = nil
      end
    end
  end,
}
for key, value in pairs(replaced) do nmap[key] = value end

return stub
