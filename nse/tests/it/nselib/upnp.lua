local stub = require "stub"
local upnp = require "upnp"

local ANSWER = "HTTP/1.1 200 OK\r\nCache-Control: max-age=1800\r\nST: upnp:rootdevice\r\nUSN: uuid:1::upnp:rootdevice\r\n"
  .. "Server: OS/1 UPnP/1.1 P/1\r\nLocation: http://192.0.2.9:80/d.xml\r\n\r\n"
-- UPnP Device Architecture 2.0, 2.3.
local XML = "<root xmlns='urn:schemas-upnp-org:device-1-0'><device><friendlyName>N</friendlyName>"
  .. "<manufacturer>M</manufacturer><modelName>X &amp; Y</modelName><deviceList><device><friendlyName>I</friendlyName>"
  .. "</device></deviceList></device></root>"

local function query (answer, xml)
  stub.connects = {}
  stub.peer = function (sent)
    if sent:find("^M%-SEARCH") then return { answer } end
    return { ("HTTP/1.1 200 OK\r\nServer: W\r\nContent-Length: %d\r\n\r\n%s"):format(#xml, xml) }
  end
  return upnp.Helper:new({ ip = "10.0.0.1" }, { number = 1900, protocol = "udp" })
end

check("device", 'true {"name"="10.0.0.1",1={1="Server: OS/1 UPnP/1.1 P/1",2="Location: http://192.0.2.9:80/d.xml",'
  .. '3={1="Webserver: W",2="Name: N",3="Manufacturer: M",4="Model Name: X & Y",5="Name: I"}}}',
  query(ANSWER, XML):queryServices())
check("the one that answered is asked", '"udp" "10.0.0.1"', stub.connects[1].proto, stub.connects[2].host)
check("search", "true", stub.sent[1]:find("^M%-SEARCH %* HTTP/1%.1\r\n.*\r\nST: upnp:rootdevice\r\n\r\n$") ~= nil)
check("no description", 'true {"name"="10.0.0.1",1={1="Server: OS/1 UPnP/1.1 P/1",2="Location: http://192.0.2.9:80/e.xml",'
  .. '3={1="Webserver: W"}}}', query(ANSWER:gsub("d%.xml", "e.xml"), "<"):queryServices())
check("other answers", 'false "No answer to the search"', query("NOTIFY * HTTP/1.1\r\n\r\n", ""):queryServices())
local silent = query(ANSWER, XML)
stub.peer = nil
check("nobody", 'false "ERROR"', silent:queryServices())

check("order of addresses", "true false", upnp.Util.ipCompare("10.0.0.9", "10.0.0.10"),
  upnp.Util.ipCompare("10.0.0.10", "10.0.0.9"))

for _, xml in ipairs(mutants(XML, 100)) do
  local comm = upnp.Comm:new({ ip = "10.0.0.1" }, { number = 1900, protocol = "udp" })
  stub.peer = function () return { ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#xml, xml) } end
  local ran, err = pcall(comm.retrieveXML, comm, "http://10.0.0.1/" .. #xml)
  if not ran then check("damaged: " .. xml, "true", ran, err) end
end
for _, text in ipairs(mutants(ANSWER, 300)) do
  local ran, err = pcall(function () return query(text, ""):queryServices() end)
  if not ran then check("damaged: " .. text, "true", ran, err) end
end
