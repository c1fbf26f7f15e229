local peer = require "peer"
local srvloc = require "srvloc"
local stdnse = require "stdnse"

-- RFC 2608, 8 and 8.1.
local request = srvloc.Request.Service:new("default", "service:printer")
request.xid = 7
check("request", '"0201000030000000000000070002656e0000000f736572766963653a7072696e746572000764656661756c7400000000"',
  stdnse.tohex(tostring(request)))
check("its length", "48", #tostring(request))

local function reply (number, xid, body) return string.pack(">BBI3I2I3I2s2", 2, number, 16 + #body, 0, 0, xid, "en") .. body end
local function url (text) return string.pack(">BI2s2B", 0, 60, text, 0) end
local services = reply(2, 7, string.pack(">I2I2", 0, 2) .. url("service:printer:lpr://a") .. url("service:printer:lpr://b"))
check("services", '0 7 {1={"lifetime"=60,"url"="service:printer:lpr://a"},2={"lifetime"=60,"url"="service:printer:lpr://b"}}',
  srvloc.Reply.Service.parse(services).error_code, srvloc.Reply.Service.parse(services).xid, srvloc.Reply.Service.parse(services).urls)
for size = 0, #services - 1 do srvloc.Reply.Service.parse(services:sub(1, size)) end
check("something else", "nil nil", srvloc.Reply.Service.parse("HTTP/1.1 400 Bad Request"), srvloc.Reply.Attributes.parse(services))

local function serve (make)
  peer.answer(function (data) return make(string.unpack(">I2", data, 11)) end)
  return srvloc.Helper:new("192.0.2.1", 427)
end
check("helper", 'true {1="service:x"}', serve(function (xid)
  return reply(2, xid, string.pack(">I2I2", 0, 1) .. url("service:x"))
end):ServiceRequest("service:x"))
check("attributes", 'true "(a=b)"', serve(function (xid) return reply(7, xid, "\0\0" .. string.pack(">s2", "(a=b)") .. "\0") end):AttributeRequest("u"))
check("none", 'false "no services"', serve(function (xid) return reply(2, xid, "\0\0\0\0") end):ServiceRequest("x"))
check("another's answer", 'false "no answer"', serve(function () return services end):ServiceRequest("x"))
