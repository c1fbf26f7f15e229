local server = require "smb1server"
local smb = require "smb"
local smb1files = require "smb1files"

server.answers = {
  [0x75] = { 0, "\xff\0\0\0\1\0", "IPC\0" },
  [0xa2] = { 0, "\xff\0\0\0\0\x22\x11" .. ("\0"):rep(27), "" },
  [0x71] = { 0xc0000022, "", "" },
}
one = server.state()
check("share", 'true 7 "\\\\\\\\192.0.2.1\\\\IPC$"', smb1files.tree_connect(one, "IPC$"), one.tid, one.share)
check("file", "true 4386", smb1files.create_file(one, "\\srvsvc"), one.fid)
check("disconnect", 'false "NT_STATUS_ACCESS_DENIED"', smb1files.tree_disconnect(one))

-- 2.2.4.42.2: the data's place is counted from the header.
server.answers = { [0x2e] = { 0, "\xff\0\0\0" .. string.pack("<I2I2I2I2I2", 0, 0, 0, 3, 59) .. ("\0"):rep(10), "abc" } }
one = server.state()
one.fid = 1
check("read", '"abc"', select(2, smb1files.read_file(one, 0, 100)).data)
server.answers = { [0x2e] = { 0xc0000011, "", "" } }
one = server.state()
one.fid = 1
check("end of file", 'false "NT_STATUS_END_OF_FILE" 3221225489', smb1files.read_file(one, 0, 100))

-- What is none of SMB.
for _, junk in ipairs({ "\0\0\0\4junk", "\0\xff\xff\xff", "HTTP/1.1 400 Bad\r\n\r\n", "\0\0\0\x21\xffSMB" .. ("\0"):rep(28) .. "\xff" }) do
  server.answers = { [0x72] = junk, [0x25] = junk, [0x2e] = junk }
  assert(not smb.negotiate_v1(server.state()))
  one = server.state()
  one.fid = 1
  assert(not smb1files.read_file(one, 0, 1))
  assert(not smb1files.send_transaction_named_pipe(one, "", "x"))
end
-- A transaction whose pieces never come to an end.
server.answers = { [0x25] = { 0, string.pack("<I2I2I2I2I2I2I2I2I2BB", 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0), "" } }
one = server.state()
one.fid = 1
check("standing still", 'false "SMB: the answer stands still" nil', smb1files.send_transaction_named_pipe(one, "", "x"))

