local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local upnp = require "upnp"

description = [[
Shows what a UPnP device says of itself: the server's name in its answer to a search, and maker, model and version from
the description that the answer points to.
]]

---
-- @args upnp-info.override Fetch the description from the target even if its address names another host. Default: true.
--
-- @usage
-- perilune -sU -p 1900 --script upnp-info TARGET
--
-- @output
-- 1900/udp open  upnp
-- | upnp-info:
-- | 192.0.2.1
-- |     Server: Linux/5.10 UPnP/1.1 MiniUPnPd/2.3.1
-- |     Location: http://192.0.2.1:5000/rootDesc.xml
-- |       Webserver: Linux/5.10 UPnP/1.1 MiniUPnPd/2.3.1
-- |       Name: Home router
-- |       Manufacturer: Example
-- |       Model Name: E-1
-- |_      Model Version: 7

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 1900 }, { "upnp" }, "udp", { "open", "open|filtered" })

action = function (host, port)
  local override = stdnse.get_script_args(SCRIPT_NAME .. ".override")
  local helper = upnp.Helper:new(host, port)
  helper:setOverride(override ~= "false" and override ~= "0")
  local status, result = helper:queryServices()
  if not status then
    stdnse.debug1("%s", result)
    return nil
  end
  nmap.set_port_state(host, port, "open")
  return stdnse.format_output(true, result)
end
