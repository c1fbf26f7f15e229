local afp = require "afp"
local peer = require "peer"

-- A server with one share, which holds a folder (17) with a file in it, and a file.
local function file (name, size) return string.pack(">I4i4i4I2I4I8I4I4I4I4", 2, 86400, 86400, 42, 18, size, 501, 20, 0x81a4, 0x03030307) .. string.pack("s1", name) end
local function folder (name, id) return string.pack(">I4i4i4I2I4I2I4I4I4I4", 2, 86400, 86400, 36, id, 1, 501, 20, 0x41ed, 0x03030307) .. string.pack("s1", name) end
local function entry (kind, data) return string.pack(">I2BB", #data + 4, kind, 0) .. data end
local function entries (...)
  local list = { ... }
  return string.pack(">I2I2I2", 0x894e, 0x834e, #list) .. table.concat(list)
end
local STATUS = string.pack(">I2I2I2I2I2", 14, 19, 27, 0, 0) .. "\3srv" .. "\4Test" .. "\1\6AFP3.1" .. "\2\15No User Authent\16Cleartxt Passwrd"
local function serve (data)
  local kind, body = data:byte(2), data:sub(17)
  local command, code, out = body:byte(1), 0, ""
  if kind == 3 then
    out = STATUS
  elseif kind == 2 then
    if command == 18 then
      code = (body:find("No User", 1, true) or body:find("secret", 1, true)) and 0 or -5023
    elseif command == 16 then
      out = string.pack(">iB", 0, 1) .. "\0\5share"
    elseif command == 24 then
      out = "\0\x20\0\7"
      code = body:find("share", 1, true) and 0 or -5018
    elseif command == 34 then
      local did, file_bitmap, dir_bitmap = string.unpack(">I4I2I2", body, 5)
      if dir_bitmap == 0x1000 then
        out = string.pack(">I2I2BBI4", 0, dir_bitmap, 0x80, 0, 0x87070303)
      elseif file_bitmap == 0x800 then
        out = string.pack(">I2I2BBI8", file_bitmap, 0, 0, 0, 6)
      else
        code = -5018
      end
    elseif command == 68 then
      local did, _, _, _, start = string.unpack(">I4I2I2I2I4", body, 5)
      if start > 1 then
        code = -5018
      elseif did == 2 then
        out = entries(entry(0x80, folder("sub", 17)), entry(0, file("a.txt", 6)))
      else
        out = entries(entry(0, file("in.txt", 9)))
      end
    elseif command == 26 then
      out = "\0\0\0\5"
    elseif command == 60 then
      code = string.unpack(">I8", body, 5) == 0 and 0 or -5009
      out = code == 0 and "hello" or ""
    elseif command == 21 then
      out = "\3ann"
    end
  end
  return string.pack(">BBI2i4I4I4", 1, kind, 1, code, #out, 0) .. out
end

local function connect (other)
  peer.answer(other or serve)
  local helper = afp.Helper:new()
  local status, err = helper:OpenSession({ ip = "192.0.2.1" }, { number = 548, protocol = "tcp" })
  return helper, status, err
end
local helper = connect()
check("nobody in particular", 'true ""', helper:Login())
check("shares", 'true {1="share"}', helper:ListShares())
local function names (path, options)
  local status, list = helper:Dir(path, options)
  if not status then return list end
  local all = {}
  local function add (node, prefix)
    for _, one in ipairs(node) do
      all[#all + 1] = prefix .. one.name
      add(one, prefix .. one.name .. "/")
    end
  end
  add(list[1], "")
  return all
end
check("folder", '{1="sub",2="a.txt"}', names("share"))
-- All folders hold the same number of files here, so that the list ends only where told.
check("two levels", '{1="sub",2="sub/in.txt",3="a.txt"}', names("share", { max_depth = 2 }))
check("no share", '"Object not found"', names("other"))
check("rights", 'true {1="Owner: Search,Read",2="Group: Search,Read",3="Everyone: Search,Read,Write",4="User: Search,Read,Write",5="Options: IsOwner"}',
  helper:GetSharePermissions("share"))
check("file", 'true "hello"', helper:ReadFile("share/a.txt"))
check("size", "true 6", helper:GetFileSize("share", "a.txt"))
check("name", 'true "ann"', helper:UIDToName(501))
check("write", "true", helper:WriteFile("share/b.txt", "text"))
check("log off", "true", helper:Logout())
check("right password", 'true ""', connect():Login("ann", "secret"))
check("wrong password", 'false "User not authenticated"', connect():Login("ann", "wrong"))
check("all names are here", "true", afp.Proto == require("afpproto").Proto)
local _, status = connect(function () return "HTTP/1.1 400 Bad Request\r\n\r\n" end)
check("junk", "false", status)
fuzz("Dir", { serve(("\0\2"):rep(8) .. "\x44\0\0\7\0\0\0\2" .. ("\0"):rep(6) .. "\0\0\0\1") }, function (bytes)
  local one = connect(function (data) return data:byte(17) == 68 and bytes or serve(data) end)
  one:Dir("share", { max_depth = 2 })
end)
