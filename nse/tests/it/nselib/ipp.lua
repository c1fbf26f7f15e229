local stub = require "stub"
local ipp = require "ipp"
local stdnse = require "stdnse"

local A = ipp.IPP.Attribute

-- RFC 8010, A.1 begins like this: version, operation, number, group, two attributes.
local request = ipp.IPP.Request:new(ipp.IPP.OperationID.IPP_GET_JOBS, 1)
request:addAttributeGroup(ipp.IPP.AttributeGroup:new(A.IPP_TAG_OPERATION, {
  A:new(A.IPP_TAG_CHARSET, "attributes-charset", "utf-8"),
  A:new(A.IPP_TAG_KEYWORD, "requested-attributes", { "a", "b" }),
}))
check("request", string.format("%q", table.concat({ "0101000a00000001", "01",
  "47" .. "0012" .. stdnse.tohex("attributes-charset") .. "0005" .. stdnse.tohex("utf-8"),
  "44" .. "0014" .. stdnse.tohex("requested-attributes") .. "0001" .. "61", "44" .. "0000" .. "0001" .. "62", "03",
})), stdnse.tohex(tostring(request)))
check("numbers", '"21000161000400000007" "23000162000400000003" "22000163000101"',
  stdnse.tohex(tostring(A:new(A.IPP_TAG_INTEGER, "a", 7))), stdnse.tohex(tostring(A:new(A.IPP_TAG_ENUM, "b", 3))),
  stdnse.tohex(tostring(A:new(A.IPP_TAG_BOOLEAN, "c", true))))

local function attribute (tag, name, value) return string.pack(">Bs2s2", tag, name, value) end
local printer = "\4" .. attribute(0x42, "printer-name", "lab") .. attribute(0x23, "printer-state", "\0\0\0\3")
  .. attribute(0x35, "printer-location", string.pack(">s2s2", "en", "Room 5"))
  .. attribute(0x21, "queued-job-count", "\0\0\0\2") .. attribute(0x44, "kinds", "x") .. attribute(0x44, "", "y")
local message = "\1\1\0\0\0\0\0\1" .. "\1" .. attribute(0x47, "attributes-charset", "utf-8") .. printer .. "\3"
local response = ipp.IPP.Response.parse(message)
check("response", '"1.1" 0 1 2', response.version, response.status, response.request_id, #response.groups)
local group = response:getAttributeGroups(A.IPP_TAG_PRINTER)[1]
check("values", '"lab" 3 "Room 5" {1="x",2="y"} nil', group:getAttributeValue("printer-name"),
  group:getAttributeValue("printer-state"), group:getAttributeValue("printer-location"),
  group:getAttribute("kinds").value, group:getAttributeValue("none"))

check("too short", 'nil "IPP response is too short"', ipp.IPP.Response.parse("\1\1\0"))
for cut = 9, #message - 2 do
  local ok = pcall(ipp.IPP.Response.parse, message:sub(1, cut))
  check("cut at " .. cut, "true", ok)
end
check("attribute outside of a group", 'nil "IPP response is cut or out of order"',
  ipp.IPP.Response.parse("\1\1\0\0\0\0\0\1" .. attribute(0x42, "a", "b")))
check("endless", 'nil "too many attributes in the IPP response"',
  ipp.IPP.Response.parse("\1\1\0\0\0\0\0\1" .. ("\4"):rep(30000)))

local function answer (body)
  stub.peer = function () return { ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body) } end
  return ipp.Helper:new({ ip = "10.0.0.1" }, { number = 631, protocol = "tcp", version = {} })
end
check("printers", 'true {1={"location"="Room 5","name"="lab","queue_count"=2,"state"=3}}', answer(message):getPrinters())
check("refused", 'false "IPP status 0x0403"', answer("\1\1\4\3\0\0\0\1\3"):getPrinters())
local job = "\2" .. attribute(0x21, "job-id", "\0\0\0\14") .. attribute(0x23, "job-state", "\0\0\0\4")
  .. attribute(0x21, "job-k-octets", "\0\0\0\1") .. attribute(0x21, "time-at-creation", "\x4f\x99\xc9\xbf")
  .. attribute(0x45, "job-printer-uri", "ipp://h/printers/lab") .. attribute(0x42, "job-name", "report")
check("jobs", [[{1={"name"="lab",1="id  time                 state  size (kb)  owner    jobname\]] .. "\n"
  .. [[14  2012-04-26T22:18:39  Held   1k         Unknown  report\]] .. "\n" .. '"}}',
  answer("\1\1\0\0\0\0\0\1" .. job .. "\3"):getQueueInfo())

for _, damaged in ipairs(mutants(message, 2000)) do
  local ran, err = pcall(ipp.IPP.Response.parse, damaged)
  if not ran then check("damaged: " .. stdnse.tohex(damaged), "true", ran, err) end
end
