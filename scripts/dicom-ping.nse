local dicom = require "dicom"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Recognises a server of medical images by asking for an association as DICOM has it (PS3.8), and shows whether it minds
by which name it is called.
]]

---
-- @args dicom.called_aet The name of the called application. Default: <code>ANY-SCP</code>.
-- @args dicom.calling_aet The name of the calling one. Default: <code>ECHOSCU</code>.
--
-- @usage
-- perilune -p 11112 --script dicom-ping TARGET
--
-- @output
-- 11112/tcp open  dicom
-- | dicom-ping:
-- |   dicom: DICOM Service Provider discovered!
-- |   config: Any AET is accepted (Insecure)
-- |_  version: OFFIS_DCMTK_367

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe", "auth" }

portrule = shortport.port_or_service({ 104, 2345, 2761, 2762, 4242, 11112 }, "dicom", "tcp")

action = function (host, port)
  local accepted, err, version = dicom.associate(host, port)
  local rejected = accepted == false and err == "ASSOCIATE REJECT received"
  if not accepted and not rejected then
    stdnse.debug1("no association: %s", err)
    return nil
  end

  port.version.name = "dicom"
  if version then
    local product, number = string.match(version, "^OFFIS_(DCMTK)_(%d%d%d)$")
    port.version.product = product or version
    port.version.version = number and string.gsub(number, "(%d)(%d)(%d)", "%1.%2.%3") or nil
  end
  nmap.set_port_version(host, port)

  local result = stdnse.output_table()
  result.dicom = "DICOM Service Provider discovered!"
  result.config = rejected and "Called AET check enabled" or "Any AET is accepted (Insecure)"
  result.version = version
  return result
end
