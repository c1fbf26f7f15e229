local dns = require "dns"
local dnssd = require "dnssd"
local peer = require "peer"

-- RFC 6763: what a host with two services answers, and a third kind without any.
local records = {
  ["_services._dns-sd._udp.local"] = { { "PTR", "_http._tcp.local" }, { "PTR", "_device-info._tcp.local" }, { "PTR", "_http._tcp.local" } },
  ["_http._tcp.local"] = { { "PTR", "Web server._http._tcp.local" } },
  ["_device-info._tcp.local"] = { { "PTR", "box._device-info._tcp.local" } },
  ["Web server._http._tcp.local"] = { { "SRV", "\0\0\0\0\x1f\x90\3box\5local\0" }, { "TXT", "\6path=/\3v=2" } },
  ["box._device-info._tcp.local"] = { { "TXT", "\7model=X" } },
  ["box.local"] = { { "A", "\192\0\2\50" } },
}
peer.answer(function (data)
  local question = dns.decode(data).questions[1]
  local answers = {}
  for _, record in ipairs(records[question.dname] or {}) do
    if dns.types[record[1]] == question.dtype then
      local rdata = record[1] == "PTR" and dns.encodeFQDN(record[2]) or record[2]
      answers[#answers + 1] = dns.encodeFQDN(question.dname) .. string.pack(">I2I2I4s2", question.dtype, 1, 10, rdata)
    end
  end
  return data:sub(1, 2) .. string.pack(">I2I2I2I2I2", 0x8400, 0, #answers, 0, 0) .. table.concat(answers)
end)
local helper = dnssd.Helper:new({ ip = "192.0.2.50" }, { number = 5353, protocol = "udp" })
check("services", 'true {1={"name"="8080/tcp http",1="path=/",2="v=2",3="Address=192.0.2.50"},2={"name"="Device Information",1="model=X"}}',
  helper:queryServices())
check("one kind", "1", #select(2, helper:queryServices("_http._tcp.local")))
check("none", 'false "no services"', helper:queryServices("_ssh._tcp.local"))
peer.answer(function () return nil end)
check("silence", "false", (helper:queryServices()))
check("orders", "true false true false", dnssd.Util.ipCompare("192.0.2.9", "192.0.2.10"), dnssd.Util.ipCompare("192.0.2.9", "192.0.2.9"),
  dnssd.Util.serviceCompare({ name = "22/tcp ssh" }, { name = "8080/tcp http" }),
  dnssd.Util.serviceCompare({ name = "Device Information" }, { name = "8080/tcp http" }))
