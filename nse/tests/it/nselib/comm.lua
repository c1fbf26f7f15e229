local stub = require "stub"
local comm = require "comm"

local port = { number = 7, protocol = "tcp", state = "open" }

stub.peer = function (sent) return { sent == "" and "hello" or "got " .. sent } end
check("get_banner", 'true "hello"', comm.get_banner("127.0.0.1", port))
check("exchange", 'true "got x"', comm.exchange("127.0.0.1", port, "x"))
check("exchange without data reads", 'true "hello"', comm.exchange("127.0.0.1", port, ""))

local socket, reply, early = comm.opencon("127.0.0.1", port, "x")
check("opencon", 'true "got x" nil', socket ~= nil, reply, early)
check("protocol of the port table", '"tcp"', stub.connects[#stub.connects].proto)

-- The likelier of the two comes first, the other one when it fails.
stub.connects = {}
stub.peer = nil
check("tryssl fails", 'nil "ERROR"', comm.tryssl("127.0.0.1", { number = 443, protocol = "tcp", state = "open" }, "x"))
check("tryssl order", '"ssl" "tcp"', stub.connects[1].proto, stub.connects[2].proto)
check("nobody listens", 'false "ERROR"', comm.exchange("127.0.0.1", port, "x"))

-- A reply has its own time on top of what connecting may take.
stub.peer = function () return { "hello" } end
local function times (opts)
  stub.timeouts = {}
  comm.exchange("127.0.0.1", port, "x", opts)
  return table.concat(stub.timeouts, " ")
end
check("timeouts", '"2000 4000" "2000 8000" "3000 5000"', times { timeout = 2000 }, times { connect_timeout = 2000 },
  times { connect_timeout = 3000, request_timeout = 2000 })
