local ndmp = require "ndmp"
local peer = require "peer"
local stdnse = require "stdnse"

local hex = stdnse.tohex

local function text (value) return string.pack(">s4", value) .. ("\0"):rep(-#value % 4) end
local function message (kind, code, err, body)
  local data = string.pack(">I4I4I4I4I4I4", 9, 0, kind, code, 1, err) .. body
  return string.pack(">I4", #data | 0x80000000) .. data
end
local notice = message(0, 0x502, 0, string.pack(">I4I4", 0, 4) .. text(""))
local function connect (...)
  local answers = table.concat({ ... })
  peer.answer(function () return answers end)
  local helper = ndmp.Helper:new({ ip = "192.0.2.1" }, { number = 10000, protocol = "tcp" })
  helper:connect()
  return helper
end
local host = string.pack(">I4", 0) .. text("filer") .. text("Linux") .. text("6.1") .. text("id")
local status, answer = connect(notice, message(1, 0x100, 0, host)):getHostInfo()
check("host", 'true {"hostid"="id","hostname"="filer","ostype"="Linux","osver"="6.1"}', status, answer.hostinfo)
check("question", '"80000018" "00000001" "00000000000001000000000000000000"', hex(peer.sent[1]:sub(1, 4)), hex(peer.sent[1]:sub(5, 8)), hex(peer.sent[1]:sub(13)))
status, answer = connect(message(1, 0x108, 0, string.pack(">I4", 0) .. text("V") .. text("P") .. text("1.0"))):getServerInfo()
check("server", '{"product"="P","vendor"="V","version"="1.0"}', answer.serverinfo)
local fs = string.pack(">I4I4I4", 0, 1, 0) .. text("NTFS") .. text("C:") .. text("disk0") .. string.pack(">I8I8I8I8I8I4", 10, 4, 6, 2, 1, 1)
  .. text("A") .. text("B") .. text("online")
status, answer = connect(message(1, 0x105, 0, fs)):getFsInfo()
check("file systems", '1 "NTFS" "C:" "disk0" 10 "online" {1={"name"="A","value"="B"}}', #answer.fsinfo, answer.fsinfo[1].fs_type,
  answer.fsinfo[1].fs_logical_device, answer.fsinfo[1].fs_physical_device, answer.fsinfo[1].total_size, answer.fsinfo[1].status, answer.fsinfo[1].env)
status, answer = connect(message(1, 0x105, 4, "")):getFsInfo()
check("not for everybody", "true true nil", status, answer.header.error == ndmp.NDMP.ErrorType.NOT_AUTHORIZED_ERROR, answer.fsinfo)
status, answer = connect(message(1, 0x105, 0, string.pack(">I4", 4))):getFsInfo()
check("an error of the call's", "true 4", status, answer.header.error)
check("cut off", 'false "the answer is malformed"', connect(message(1, 0x100, 0, host:sub(1, 20))):getHostInfo())
check("out of bounds", "false", (connect("\xff\xff\xff\xff"):getHostInfo()))
check("notices only", 'false "the server sends no answer"', connect(notice:rep(30)):getHostInfo())
check("pieces", '"filer"', (function ()
  local whole = message(1, 0x100, 0, host):sub(5)
  local _, pieced = connect(string.pack(">I4", 30) .. whole:sub(1, 30) .. string.pack(">I4", #whole - 30 | 0x80000000) .. whole:sub(31)):getHostInfo()
  return pieced.hostinfo.hostname
end)())
fuzz("getFsInfo", { message(1, 0x105, 0, fs) }, function (bytes) connect(bytes):getFsInfo() end)
