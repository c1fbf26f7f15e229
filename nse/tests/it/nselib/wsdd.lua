local wsdd = require "wsdd"

check("UUID", "true", wsdd.Util.generateUUID():find("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x+$") ~= nil)
-- FIPS 180-4.
check("SHA-1", '"a9993e364706816aba3e25717850c26c9cd0d89d"', require("stdnse").tohex(wsdd.Util.sha1sum("abc")))
check("probes", '"Devices" "WCF Services" nil', wsdd.Util.getProbeByName("general").desc,
  wsdd.Util.getProbeByName("wcf").desc, wsdd.Util.getProbeByName("x"))
local document = require("slaxml").parseDOM(wsdd.Util.getProbes()[1].data)
check("well-formed", '"Envelope" "http://www.w3.org/2003/05/soap-envelope"', document.root.name, document.root.nsURI)

-- After the example of WS-Discovery, 1.2.
local MATCH = "<s:Envelope xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing' "
  .. "xmlns:d='http://schemas.xmlsoap.org/ws/2005/04/discovery' xmlns:s='http://www.w3.org/2003/05/soap-envelope'>"
  .. "<s:Header><a:MessageID>uuid:e32e6863-ea5e-4ee4-997e-69539d1ff2cc</a:MessageID></s:Header><s:Body>"
  .. "<d:ProbeMatches><d:ProbeMatch><d:Types>i:PrintBasic i:PrintAdvanced</d:Types>"
  .. "<d:XAddrs>http://prn-example/PRN42/b42-1668-a</d:XAddrs></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
check("device", 'true {1="Message id: e32e6863-ea5e-4ee4-997e-69539d1ff2cc",'
  .. '2="Address: http://prn-example/PRN42/b42-1668-a",3="Type: PrintBasic i:PrintAdvanced"}',
  wsdd.Decoders.general(MATCH))
check("service", 'true {1="Message id: e32e6863-ea5e-4ee4-997e-69539d1ff2cc",'
  .. '2="Address: http://prn-example/PRN42/b42-1668-a"}', wsdd.Decoders.wcf(MATCH))
check("nothing", 'false "No message id was found"', wsdd.Decoders.general("<x/>"))
check("cut", 'false "No message id was found"', wsdd.Decoders.general(MATCH:sub(1, 235)))
check("fault", 'true "Failed to decode response from device: no"', wsdd.Decoders.error("<f><Text>no</Text></f>"))
check("unknown probe", 'false "No such probe"', wsdd.Helper:new(host, port):discoverServices("x"))
