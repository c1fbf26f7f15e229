local bjnp = require "bjnp"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Asks Canon's printers and scanners who they are.
]]

---
-- @usage
-- perilune -sU -p 8611,8612 --script bjnp-discover TARGET
--
-- @output
-- 8611/udp open  canon-bjnp1
-- | bjnp-discover:
-- |   Manufacturer: Canon
-- |   Model: MX860 series
-- |   Description: Canon MX860 series
-- |   Firmware version: 1.04
-- |_  Command: BJRaster3

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.portnumber({ 8611, 8612 }, "udp", { "open", "open|filtered" })

action = function (host, port)
  local helper = bjnp.Helper:new(host, port)
  local status, result = helper:connect()
  if not status then return stdnse.format_output(false, result) end
  if port.number == 8612 then
    status, result = helper:getScannerIdentity()
  else
    status, result = helper:getPrinterIdentity()
  end
  helper:close()
  if not status then
    stdnse.debug1("%s", result)
    return nil
  end
  nmap.set_port_state(host, port, "open")
  return stdnse.format_output(true, result)
end
