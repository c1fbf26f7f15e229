local stub = require "stub"
local shortport = require "shortport"

local function port (number, service, proto, state)
  return { number = number, service = service, protocol = proto or "tcp", state = state or "open", version = {} }
end

local rule = shortport.port_or_service({ 80, "81" }, { "http", "x" })
check("port_or_service", "true true true false false false true", rule({}, port(80)), rule({}, port(81)),
  rule({}, port(1, "x")), rule({}, port(1, "y")), rule({}, port(80, "http", "udp")),
  rule({}, port(80, nil, "tcp", "closed")), rule({}, port(80, nil, "tcp", "open|filtered")))
rule = shortport.portnumber(53, { "tcp", "udp" }, "closed")
check("portnumber", "true false", rule({}, port(53, nil, "udp", "closed")), rule({}, port(53)))
rule = shortport.port_range("1-3,T:7,U:9-")
check("port_range", "true true true false true false", rule({}, port(2)), rule({}, port(3, nil, "udp")), rule({}, port(7)),
  rule({}, port(7, nil, "udp")), rule({}, port(65535, nil, "udp")), rule({}, port(9)))
check("port_range bad", "false", (pcall(shortport.port_range, "x")))
check("http", "true true false false", shortport.http({}, port(8000)), shortport.http({}, port(1, "http-proxy")),
  shortport.http({}, port(81)), shortport.http({}, port(80, "http", "udp")))
local tunnel = port(1)
tunnel.version.service_tunnel = "ssl"
check("ssl", "true true false", shortport.ssl({}, port(443)), shortport.ssl({}, tunnel), shortport.ssl({}, port(80)))
check("version", "true false", shortport.version_port_or_service(80)({}, port(80)),
  shortport.version_port_or_service(80, nil, nil, nil, 8)({}, port(80)))
