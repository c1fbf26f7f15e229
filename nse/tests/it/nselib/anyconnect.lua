local stub = require "stub"
local anyconnect = require "anyconnect"

local AnyConnect = anyconnect.Cisco.AnyConnect
check("random", "true", AnyConnect.generate_random(20):find("^[%dA-F]+$") == 1 and #AnyConnect.generate_random(20) == 20)
check("hardware address", "true", anyconnect.Cisco.Util.generate_mac():find("^02%x%x%x%x%x%x%x%x%x%x$") == 1)

local function connect (body)
  stub.sent = {}
  stub.peer = function () return { ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body) } end
  local client = AnyConnect:new({ ip = "10.0.0.1" }, { number = 443, protocol = "tcp", version = {} })
  local status, err = client:connect()
  return status, err or client.conn_attr
end

local ANSWER = '<config-auth client="vpn" type="auth-request"><version who="sg">9.1(5)</version><opaque is-for="sg">'
  .. "<tunnel-group>VPN</tunnel-group><config-hash>145</config-hash></opaque><auth id=\"main\"><banner></banner></auth>"
  .. "</config-auth>"
check("answer", 'true {"banner"="","config-hash"="145","host"="10.0.0.1","tunnel-group"="VPN","version"="9.1(5)"}',
  connect(ANSWER))
check("request", '"config-auth" "10.0.0.1"', (function ()
  local doc = require("slaxml").parseDOM(stub.sent[1]:match("\r\n\r\n(.*)$"))
  return doc.root.name, doc.root.el[5].kids[1].value:match("//([^:]*)")
end)())
check("another page", 'false "Not a Cisco ASA or unsupported version"', connect("<html>"))
check("cut", 'false "Not a Cisco ASA or unsupported version"', connect(ANSWER:sub(1, 60)))
stub.peer = nil
check("nobody", 'false "Failed to connect to SSL VPN server"', AnyConnect:new(host, port):connect())
