description = "Asks 20,000 questions over one connection to an echo service."
categories = { "safe" }

portrule = function() return true end

action = function(host, port)
  local socket = nmap.new_socket()
  assert(socket:connect(host, port))
  for i = 1, 20000 do
    local question = ("question %d\n"):format(i)
    assert(socket:send(question))
    local _, answer = assert(socket:receive_lines(1))
    assert(answer == question)
  end
  socket:close()
  return "20000 answers"
end
