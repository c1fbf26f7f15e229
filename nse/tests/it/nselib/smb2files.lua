local peer = require "peer"
local smb2files = require "smb2files"
local stdnse = require "stdnse"

local hex = stdnse.tohex

-- A server: each command has its answers' results and bodies, one after the other.
local answers
local function message (data)
  local command = data:byte(17)
  local answer = table.remove(answers[command] or {}, 1)
  if not answer then return nil end
  return string.pack(">s4", "\xfeSMB" .. string.pack("<I2I2I4I2I2I4I4", 64, 0, answer[1], command, 1, 1, 0) .. data:sub(29, 36)
    .. string.pack("<I4I4I8", 0, 5, 0x77) .. ("\0"):rep(16) .. answer[2])
end
local function connect (list, serve)
  answers = list
  peer.answer(serve or message)
  return { socket = nmap.new_socket(), ip = "192.0.2.1", dialect = 0x0210, fid = ("f"):rep(16), MessageId = 0 }
end

-- MS-SMB2 2.2.9, 2.2.10.
local state = connect({ [3] = { { 0, string.pack("<I2BBI4I4I4", 16, 2, 0, 0, 0, 0) } }, [4] = { { 0xc0000022, "" } } })
check("share", 'true 5 2 "\\\\\\\\192.0.2.1\\\\IPC$"', smb2files.tree_connect(state, "IPC$"), state.tid, state.share_type, state.share)
check("its octets", '"0900000048002000" "5c005c00"', hex(peer.sent[1]):sub(137, 152), hex(peer.sent[1]):sub(153, 160))
check("disconnect", 'false "NT_STATUS_ACCESS_DENIED" 3221225506', smb2files.tree_disconnect(state))

-- 2.2.13, 2.2.14.
local created = string.pack("<I2BBI4I8I8I8I8I8I8I4I4", 89, 0, 0, 1, 1, 2, 3, 4, 4096, 6, 32, 0) .. ("F"):rep(16) .. ("\0"):rep(8)
state = connect({ [5] = { { 0, created }, { 0xc0000034, "" } }, [6] = { { 0, "" } } })
check("file", "true 6 32", smb2files.create_file(state, "\\a"), state.end_of_file, state.file_attributes)
check("its name has no backslash in front", '"78000200" "6100"', hex(peer.sent[1]):sub(225, 232), hex(peer.sent[1]):sub(249))
check("no file", 'false "NT_STATUS_OBJECT_NAME_NOT_FOUND" 3221225524', smb2files.create_file(state, "b"))
check("close", "true", smb2files.close_file(state))

-- 2.2.20, 2.2.22.
state = connect({ [8] = { { 0, string.pack("<I2BBI4I4I4", 17, 80, 0, 3, 0, 0) .. "abc" }, { 0xc0000011, "" }, { 0, string.pack("<I2BBI4I4I4", 17, 80, 0, 9, 0, 0) .. "abc" } },
  [9] = { { 0, string.pack("<I2I2I4I4I2I2", 17, 0, 3, 0, 0, 0) } } })
check("read", '"abc"', select(2, smb2files.read_file(state, 0, 100)).data)
check("end of file", 'false "NT_STATUS_END_OF_FILE" 3221225489', smb2files.read_file(state, 0, 100))
check("cut off", 'false "SMB2: the server\'s answer is cut off"', smb2files.read_file(state, 0, 100))
check("write", 'true {"count_low"=3,"remaining"=0}', smb2files.write_file(state, "abc", 0))

-- 2.2.31, 2.2.32: FSCTL_PIPE_TRANSCEIVE.
local function controlled (output)
  return string.pack("<I2I2I4c16I4I4I4I4I4I4", 49, 0, 0x0011c017, ("f"):rep(16), 112, 0, 112, #output, 0, 0) .. output
end
state = connect({ [11] = { { 0x80000005, controlled("answer") }, { 0xc00000b0, "" } } })
check("pipe", 'true {"data"="answer","parameters"="","status"=2147483653}', smb2files.send_transaction_named_pipe(state, "", "question"))
check("its control", '"17c01100"', hex(peer.sent[1]):sub(145, 152))
check("pipe closed", 'false "NT_STATUS_PIPE_DISCONNECTED" 3221225648', smb2files.send_transaction_named_pipe(state, "", "question"))
check("mailslot", "false", (smb2files.send_transaction_named_pipe(state, "p", "d", "\\PIPE\\LANMAN", true)))

-- 2.2.34 and MS-FSCC 2.4.8: two files, then the end.
local function entry (name, following)
  local wide = name:gsub(".", "%0\0")
  return string.pack("<I4I4i8i8i8i8i8i8I4I4I4BB", following, 0, 116444736000000000, 0, 0, 0, 7, 4096, 32, #wide, 0, 0, 0)
    .. ("\0"):rep(24) .. wide
end
local one = entry("a.txt", 112)
local list = one .. ("\0"):rep(112 - #one) .. entry("b", 0)
local listed = string.pack("<I2I2I4", 9, 72, #list) .. list
local function files (limit)
  local names = {}
  for file in smb2files.find_files(state, "\\sub\\*", limit) do names[#names + 1] = file.fname end
  return names
end
local function folder () return { [5] = { { 0, created } }, [14] = { { 0, listed }, { 0x80000006, "" } }, [6] = { { 0, "" } } } end
state = connect(folder())
check("list", '{1="a.txt",2="b"}', files())
check("the folder's name", '"730075006200"', hex(peer.sent[1]):sub(249))
state = connect(folder())
check("a limit", '{1="a.txt"}', files({ maxfiles = 1 }))
state = connect({ [5] = { { 0xc0000022, "" } } })
check("closed folder", "{}", files())
fuzz("find_files", { listed }, function (bytes)
  state = connect({ [5] = { { 0, created } }, [14] = { { 0, bytes } } })
  files()
end)
