local giop = require "giop"
local peer = require "peer"

-- Replies of GIOP 1.0 (CORBA, part 2, 9.4): no contexts, the request's number, a status, and the results. Values are at
-- places their size divides.
local function padded (data) return data .. ("\0"):rep(-#data % 4) end
local function text (value) return padded(string.pack(">s4", value .. "\0")) end
local function reply (id, status, body, order)
  local data = string.pack((order or ">") .. "I4I4I4", 0, id, status) .. body
  return "GIOP" .. string.pack((order or ">") .. "BBBBI4", 1, 0, order == "<" and 1 or 0, 1, #data) .. data
end
local profile = "\0\1\0\0" .. string.pack(">s4I2", "192.0.2.1\0", 1050) .. string.pack(">s4", "KEY")
local reference = text("IDL:omg.org/CosNaming/NamingContext:1.0") .. string.pack(">I4I4", 1, 0) .. padded(string.pack(">s4", profile))
local bindings = string.pack(">I4I4", 2, 1) .. text("Bank") .. text("Object") .. string.pack(">I4I4", 0, 2) .. text("a") .. text("") .. text("b") .. text("")
  .. string.pack(">I4", 1)

local function connect (...)
  local answers = { ... }
  peer.answer(function () return table.remove(answers, 1) end)
  local helper = giop.Helper:new({ ip = "192.0.2.1" }, { number = 1050, protocol = "tcp" })
  helper:Connect()
  return helper
end
local helper = connect(reply(1, 0, reference), reply(2, 0, bindings))
check("naming service of Java", 'true "KEY"', helper:GetNamingContext())
check("request", '"GIOP\\1\\0\\0\\0" true', peer.sent[1]:sub(1, 8), peer.sent[1]:find("\0\0\0\4INIT\0\0\0\4get\0", 1, true) ~= nil)
check("names", 'true {1={"enum"=0,"id"="Bank","kind"="Object"},2={"enum"=1,"id"="a/b"}}', helper:ListObjects("KEY"))
-- A server that knows no such object, but the usual key; it begins with the last octet.
helper = connect(reply(1, 2, text("IDL:omg.org/CORBA/OBJECT_NOT_EXIST:1.0")), reply(2, 0, "\1", "<"))
check("another one", 'true "NameService"', helper:GetNamingContext())
helper = connect(reply(1, 2, text("IDL:omg.org/CORBA/OBJECT_NOT_EXIST:1.0")), reply(2, 0, "\0"))
check("none", 'false "IDL:omg.org/CORBA/OBJECT_NOT_EXIST:1.0"', helper:GetNamingContext())
check("another request", 'false "the answer is to another request"', connect(reply(7, 0, bindings)):ListObjects("K"))
check("elsewhere", 'false "the object is elsewhere"', connect(reply(1, 3, "")):ListObjects("K"))
check("cut off", 'false "the answer is malformed"', connect(reply(1, 0, bindings:sub(1, 30))):ListObjects("K"))
check("junk", 'false "the answer is none of GIOP"', connect("HTTP/1.1 400 Bad Request\r\n\r\n"):ListObjects("K"))
check("too long", 'false "the answer is too long"', connect("GIOP\1\0\0\1\x7f\xff\xff\xff"):ListObjects("K"))
fuzz("GetNamingContext", { reply(1, 0, reference) }, function (bytes) connect(bytes):GetNamingContext() end)
fuzz("ListObjects", { reply(1, 0, bindings) }, function (bytes) connect(bytes):ListObjects("K") end)
