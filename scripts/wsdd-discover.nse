local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local wsdd = require "wsdd"

description = [[
Asks a host for the devices and services that it offers by Web Services Dynamic Discovery, as printers and machines with
Windows do.
]]

---
-- @usage
-- perilune -sU -p 3702 --script wsdd-discover TARGET
--
-- @output
-- 3702/udp open  ws-discovery
-- | wsdd-discover:
-- |   Devices
-- |     Message id: 39a2b7f2-fdbd-690c-c7c9-deadbeefceb3
-- |     Address: http://192.0.2.1:5357/device/
-- |_    Type: Device pub:Computer

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.portnumber(3702, "udp", { "open", "open|filtered" })

action = function (host, port)
  local results = {}
  local helper = wsdd.Helper:new(host, port)
  for _, name in ipairs({ "discoverDevices", "discoverWCFServices" }) do
    local status, result = helper[name](helper)
    if status then
      results[#results + 1] = result
    else
      stdnse.debug1("%s: %s", name, result)
    end
  end
  if #results == 0 then return nil end
  nmap.set_port_state(host, port, "open")
  return stdnse.format_output(true, results)
end
