local msrpc = require "msrpc"
local smb = require "smb"
local stdnse = require "stdnse"

local hex = stdnse.tohex

-- C706, appendix I: the identifier of NDR, and that of the server service (MS-SRVS 1.9) as they go over the wire.
check("identifiers", '"045d888aeb1cc9119fe808002b104860" "c84f324b7016d30112785a47bf6ee188"', hex(msrpc.TRANSFER_SYNTAX),
  hex(msrpc.SRVSVC_UUID))

-- A pipe whose other end is a function of what was sent.
local sent, answer
smb.send_transaction_named_pipe = function (state, parameters, data)
  sent = data
  return true, { status = 0, parameters = "", data = answer:sub(1, 4000) }
end
smb.read_file = function ()
  answer = answer:sub(4001)
  return true, { data = answer:sub(1, 4000) }
end
local function packet (kind, flags, body) return string.pack("<BBBBI4I2I2I4", 5, 0, kind, flags, 0x10, 16 + #body, 0, 1) .. body end
local function response (flags, stub) return packet(2, flags, "\0\0\0\0\0\0\0\0" .. stub) end

local state = {}
answer = packet(12, 3, string.pack("<I2I2I4s2", 4280, 4280, 7, "\\x\0") .. "\0\0\0" .. string.pack("<I4I2I2", 1, 0, 0) .. msrpc.TRANSFER_SYNTAX
  .. "\2\0\0\0")
check("bind", 'true {"ack_result"=0,"assoc_group_id"=7,"max_receive_fragment"=4280,"max_transmit_fragment"=4280}',
  msrpc.bind(state, msrpc.SRVSVC_UUID, 3))
check("its octets", '"05000b03100000004800000041414141b810b8100000000001000000000001' .. '00"', hex(sent):sub(1, 64))
answer = packet(12, 3, string.pack("<I2I2I4s2", 4280, 4280, 7, "\\x\0") .. "\0\0\0" .. string.pack("<I4I2I2", 1, 2, 1))
check("no such interface", "false", (msrpc.bind(state, msrpc.SRVSVC_UUID, 9)))
answer = packet(13, 3, "\0\0\0\0")
check("refused", 'false "MSRPC: the server refuses to bind"', msrpc.bind(state, msrpc.SRVSVC_UUID, 3))

answer = response(1, "abc") .. response(2, "def")
check("fragments", 'true {"arguments"="abcdef"}', msrpc.call_function(state, 15, "xy"))
check("request", '"0500000310000000' .. '1a000000' .. '42414141' .. '02000000' .. '00000f00' .. '7879"', hex(sent))
answer = packet(3, 3, "\0\0\0\0\0\0\0\0\5\0\0\0")
check("fault", 'false "NT_STATUS_ACCESS_DENIED"', msrpc.call_function(state, 15, ""))
answer = "junk that is no packet"
check("junk", 'false "MSRPC: the answer is none"', msrpc.call_function(state, 15, ""))

-- NetrShareEnum, MS-SRVS 3.1.4.8: one share with a comment.
local function wide (text) return string.pack("<I4I4I4", #text + 1, 0, #text + 1) .. (text:gsub(".", "%0\0")) .. "\0\0" end
local function pad (data) return data .. ("\0"):rep(-#data % 4) end
local shares = string.pack("<I4I4I4I4I4I4", 1, 1, 1, 1, 1, 1) .. string.pack("<I4I4I4", 1, 0x80000003, 1) .. pad(wide("IPC$"))
  .. pad(wide("pipes")) .. string.pack("<I4I4I4", 1, 0, 0)
answer = response(3, shares)
check("shares", 'true {"ctr"={"array"={1={"comment"="pipes","name"="IPC$","sharetype"=2147483651}}},"return"=0,"totalentries"=1}',
  msrpc.srvsvc_netshareenumall(state, "192.0.2.1"))
for size = 1, #shares - 1 do
  answer = response(3, shares:sub(1, size))
  assert(not msrpc.srvsvc_netshareenumall(state, "192.0.2.1"), "cut off at " .. size)
end
answer = response(3, string.pack("<I4I4I4I4I4I4I4I4", 1, 1, 1, 0x7fffffff, 1, 0x7fffffff, 0, 0))
check("too many", "false", (msrpc.srvsvc_netshareenumall(state, "192.0.2.1")))

-- Services (MS-SCMR): an answer is given to each call in its turn.
local function call_with (stub, f, ...)
  answer = response(3, stub)
  return f({}, ...)
end
local handle = ("h"):rep(20)
check("services", "true true", (function (status, results) return status, results.handle == handle end)(
  call_with(handle .. "\0\0\0\0", msrpc.svcctl_openscmanagerw, "srv")))
check("refused", 'false "NT_STATUS_WERR_ACCESS_DENIED"', (function (status, err) return status, err end)(
  call_with(("\0"):rep(20) .. "\5\0\0\0", msrpc.svcctl_openservicew, handle, "Spooler")))
local function wide (text) return (text:gsub(".", "%0\0")) .. "\0\0" end
local texts = wide("Spooler") .. wide("Print Spooler")
local list = string.pack("<I4I4I4I4I4I4I4I4I4", 36, 36 + 16, 0x110, 4, 5, 0, 0, 0, 0) .. texts
local listed = string.pack("<s4", list) .. ("\0"):rep(-#list % 4) .. string.pack("<I4I4I4I4I4", 0, 1, 1, 0, 0)
local status, services = call_with(listed, msrpc.svcctl_enumservicesstatusw, handle, 0x30, 3)
check("list of services", 'true "Print Spooler" {1="SERVICE_RUNNING"} {1="SERVICE_TYPE_WIN32_OWN_PROCESS",2="SERVICE_TYPE_INTERACTIVE_PROCESS"} {1="SERVICE_CONTROL_STOP",2="SERVICE_CONTROL_SHUTDOWN"}',
  status, services.Spooler.display_name, services.Spooler.state, services.Spooler.type, services.Spooler.controls_accepted)
fuzz("services", { listed }, function (bytes) call_with(bytes, msrpc.svcctl_enumservicesstatusw, handle, 0x30, 3) end)
check("status", "true 4", (function (done, results) return done, results.service_status.state end)(
  call_with(string.pack("<I4I4I4I4I4I4I4I4", 16, 4, 1, 0, 0, 0, 0, 0), msrpc.svcctl_queryservicestatus, handle)))
check("started", "true", (call_with("\0\0\0\0", msrpc.svcctl_startservicew, handle, { "a", "b" })))
check("deleted", 'false "NT_STATUS_WERR_ACCESS_DENIED" 5', call_with("\5\0\0\0", msrpc.svcctl_deleteservice, handle))

-- Printers (MS-RPRN) and paths (MS-SRVS 3.1.4.30).
local _, printer = call_with(handle .. "\0\0\0\0", msrpc.spoolss_open_printer, "\\\\srv\\p")
check("printer as it came", "true", printer.data:sub(25) == handle .. "\0\0\0\0")
check("no LAN Manager in SMB 2", 'true {"data"="","parameters"="2\\0\\0\\0\\0\\0\\0\\0"}',
  msrpc.call_lanmanapi({ commands = {} }, 21, "WrLeh", "B13", ""))
check("printer", "true", (call_with(handle .. "\0\0\0\0", msrpc.spoolss_open_printer, "\\\\srv\\p")))
check("document", "true 7", (function (done, results) return done, results.print_job_id end)(
  call_with("\7\0\0\0\0\0\0\0", msrpc.spoolss_start_doc_printer, handle, "file")))
check("printed", "true 3", (function (done, results) return done, results.bytes_written end)(
  call_with("\3\0\0\0\0\0\0\0", msrpc.spoolss_write_printer, handle, "abc")))
check("path", "true 1", (function (done, results) return done, results.type end)(
  call_with(string.pack("<I4I4I4I4", 4, 0, 1, 0), msrpc.srvsvc_netpathcanonicalize, "srv", "a\\..")))

-- Members of an alias (MS-SAMR 3.1.5.8.3): S-1-5-32-544.
local members = string.pack("<I4I4I4I4", 1, 1, 1, 1) .. string.pack("<I4BB", 2, 1, 2) .. "\0\0\0\0\0\5" .. string.pack("<I4I4I4", 32, 544, 0)
check("members", 'true {1="S-1-5-32-544"}', (function (done, results) return done, results.sids end)(
  call_with(members, msrpc.samr_getmembersinalias, handle)))
fuzz("members", { members }, function (bytes) call_with(bytes, msrpc.samr_getmembersinalias, handle) end)

-- A question to the DNS server (MS-DNSP 3.1.4.2) and a request to remote access (MS-RRASM 2.2.1.2.18, 3.3.4.5).
local answered = string.pack("<I4I4I4I4", 1, 1, 0x00020000, 0)
check("DNS", 'true {"data"="\\1\\0\\0\\0\\0\\0\\2\\0","return"=0,"type_id"=1}', call_with(answered, msrpc.DNSSERVER_Query, "srv", nil, "ServerInfo"))
check("its octets", '"00000000' .. hex(string.pack("<I4I4I4I4", msrpc.REFERENT_ID, 11, 0, 11)) .. hex("ServerInfo") .. '0000"', hex(sent):sub(-64))
check("refused", "false", (call_with(string.pack("<I4I4I4", 0, 0, 5), msrpc.DNSSERVER_Query, "srv", "zone", "ZoneInfo")))
fuzz("DNS", { answered }, function (bytes) call_with(bytes, msrpc.DNSSERVER_Query, "srv", "zone", "ZoneInfo") end)
check("request", '"0100000049000000' .. '0000000000000000' .. '0000000000000000' .. '61"',
  hex(msrpc.RRAS_marshall_RequestBuffer(1, msrpc.RRAS_RegTypes.GETDEVCONFIG, "a")))
local changed = string.pack("<I4I4", 1, 4) .. "abcd" .. "\0\0\0\0"
check("remote access", 'true {"buffer"="abcd","return"=0}', call_with(changed, msrpc.RRAS_SubmitRequest, "abcd"))
check("its octets", '"' .. hex(string.pack("<I4I4", msrpc.REFERENT_ID, 4)) .. '6162636404000000"', hex(sent):sub(-32))
fuzz("remote access", { changed }, function (bytes) call_with(bytes, msrpc.RRAS_SubmitRequest, "abcd", 4) end)
