-- A server of SMB version 1 that answers each command of `answers` with a result, parameters and data, or with the
-- octets that stand there: `require "smb1server"`. `state()` is a connection to it, as the libraries want it.

local peer = require "peer"

local server = { answers = {} }

local function message (command, result, parameters, data)
  return string.pack(">s4", "\xffSMB" .. string.pack("<BI4BI2", command, result, 0x98, 0xc001) .. ("\0"):rep(12)
    .. string.pack("<I2I2I2I2", 7, 1, 9, 1) .. string.pack("B", #parameters // 2) .. parameters .. string.pack("<s2", data))
end

function server.state ()
  peer.answer(function (data)
    local command = data:byte(9)
    local answer = server.answers[command]
    return answer and (type(answer) == "string" and answer or message(command, table.unpack(answer)))
  end)
  return { socket = nmap.new_socket(), ip = "192.0.2.1", host = "192.0.2.1", uid = 0, tid = 0, mid = 1, pid = 1, sequence = -1 }
end

return server
