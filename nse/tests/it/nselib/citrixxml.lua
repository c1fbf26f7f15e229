local stub = require "stub"
local citrixxml = require "citrixxml"
local slaxml = require "slaxml"

local HOST, PORT = { ip = "10.0.0.1" }, { number = 80, protocol = "tcp", version = {} }

-- The document that a request posts, and what the function returned.
local function posted (name, ...)
  stub.sent = {}
  stub.peer = function () return { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" } end
  local result = citrixxml[name](HOST, PORT, ...)
  local head, body = stub.sent[1]:match("^(.-)\r\n\r\n(.*)$")
  assert(head:find("^POST /scripts/WPnBr%.dll ") and head:find("Content%-Type: text/xml"))
  local document = slaxml.parseDOM(body)
  assert(document.root.name == "NFuseProtocol")
  return document.root.el[1], result
end

local request, result = posted("request_server_data")
check("servers", '"RequestServerData" "all" "ok"', request.name, request.el[1].kids[1].value, result)
request = posted("request_appdata", { ServerType = { "win32", "x" }, Credentials = { UserName = "a&b", Domain = "D" } })
check("applications", '"RequestAppData" "win32" "x" "ica30" "a&b"', request.name, request.el[2].kids[1].value,
  request.el[3].kids[1].value, request.el[4].kids[1].value, request.el[6].el[1].kids[1].value)
for _, name in ipairs({ "server_farm_data", "capabilities", "protocol_info", "validate_credentials",
  "reconnect_session_data", "address" }) do
  check(name, '"ok"', select(2, posted("request_" .. name)))
end
stub.peer = function () return { "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" } end
check("no such service", "false", citrixxml.request_capabilities(HOST, PORT))

check("names of servers", '{1="S1",2="S2"}', citrixxml.parse_server_data_response(
  "<NFuseProtocol><ResponseServerData><ServerName>S1</ServerName><ServerName>S2</ServerName></ResponseServerData>"))
check("farm", '{1="F"}', citrixxml.parse_server_farm_data_response("<a><ServerFarmName>F</ServerFarmName></a>"))
check("capabilities", '{1="b"}', citrixxml.parse_capabilities_response("<a><CapabilityId>b</CapabilityId></a>"))
check("credentials", '{} {"ErrorId"="bad"}', citrixxml.parse_validate_credentials_response("<a/>"),
  citrixxml.parse_validate_credentials_response("<a><ErrorId>bad</ErrorId></a>"))
check("applications read", '{1={"AccessList"={"Group"={1="D\\\\G"},"User"={1="D\\\\u",2="v"}},"FName"="N",'
  .. '"Settings"={"AppOnDesktop"="false","Encryption"="basic","EncryptionEnforced"="true","appisdisabled"="false"}},'
  .. '2={"AccessList"={},"FName"="","Settings"={}}}', citrixxml.parse_appdata_response(
    "<NFuseProtocol><AppData><FName>N</FName><Details><Settings appisdisabled='false'><AppOnDesktop value='false'/>"
    .. "<Encryption minimum='true'>basic</Encryption></Settings><AccessList><User><Domain>D</Domain>"
    .. "<UserName>u</UserName></User><User><UserName>v</UserName></User><Group><Domain>D</Domain>"
    .. "<GroupName>G</GroupName></Group></AccessList></Details></AppData><AppData/>"))
check("nothing", "{} {}", citrixxml.parse_appdata_response(nil), citrixxml.parse_appdata_response("<html>"))
check("character references", '"&x&amp;&#999;"', citrixxml.decode_xml_document("&#38;x&amp;&#999;"))
