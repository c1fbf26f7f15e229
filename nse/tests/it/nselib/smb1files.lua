local peer = require "peer"
local smb = require "smb"
local smb1files = require "smb1files"

-- A server: each command gets a result, parameters and data.
local answers
local function message (command, result, parameters, data)
  return string.pack(">s4", "\xffSMB" .. string.pack("<BI4BI2", command, result, 0x98, 0xc001) .. ("\0"):rep(12)
    .. string.pack("<I2I2I2I2", 7, 1, 9, 1) .. string.pack("B", #parameters // 2) .. parameters .. string.pack("<s2", data))
end
local function state ()
  peer.answer(function (data)
    local command = data:byte(9)
    local answer = answers[command]
    return answer and (type(answer) == "string" and answer or message(command, table.unpack(answer)))
  end)
  return { socket = nmap.new_socket(), ip = "192.0.2.1", host = "192.0.2.1", uid = 0, tid = 0, mid = 1, pid = 1, sequence = -1 }
end

answers = {
  [0x75] = { 0, "\xff\0\0\0\1\0", "IPC\0" },
  [0xa2] = { 0, "\xff\0\0\0\0\x22\x11" .. ("\0"):rep(27), "" },
  [0x71] = { 0xc0000022, "", "" },
}
one = state()
check("share", 'true 7 "\\\\\\\\192.0.2.1\\\\IPC$"', smb1files.tree_connect(one, "IPC$"), one.tid, one.share)
check("file", "true 4386", smb1files.create_file(one, "\\srvsvc"), one.fid)
check("disconnect", 'false "NT_STATUS_ACCESS_DENIED"', smb1files.tree_disconnect(one))

-- 2.2.4.42.2: the data's place is counted from the header.
answers = { [0x2e] = { 0, "\xff\0\0\0" .. string.pack("<I2I2I2I2I2", 0, 0, 0, 3, 59) .. ("\0"):rep(10), "abc" } }
one = state()
one.fid = 1
check("read", '"abc"', select(2, smb1files.read_file(one, 0, 100)).data)
answers = { [0x2e] = { 0xc0000011, "", "" } }
one = state()
one.fid = 1
check("end of file", 'false "NT_STATUS_END_OF_FILE" 3221225489', smb1files.read_file(one, 0, 100))

-- What is none of SMB.
for _, junk in ipairs({ "\0\0\0\4junk", "\0\xff\xff\xff", "HTTP/1.1 400 Bad\r\n\r\n", "\0\0\0\x21\xffSMB" .. ("\0"):rep(28) .. "\xff" }) do
  answers = { [0x72] = junk, [0x25] = junk, [0x2e] = junk }
  assert(not smb.negotiate_v1(state()))
  one = state()
  one.fid = 1
  assert(not smb1files.read_file(one, 0, 1))
  assert(not smb1files.send_transaction_named_pipe(one, "", "x"))
end
-- A transaction whose pieces never come to an end.
answers = { [0x25] = { 0, string.pack("<I2I2I2I2I2I2I2I2I2BB", 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0), "" } }
one = state()
one.fid = 1
check("standing still", 'false "SMB: the answer stands still" nil', smb1files.send_transaction_named_pipe(one, "", "x"))

