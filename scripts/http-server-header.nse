local http = require "http"
local nmap = require "nmap"
local shortport = require "shortport"
local string = require "string"

description = [[
Shows what a web server's Server header field says, and uses it as the service's product when nothing better is known.
]]

---
-- @usage
-- perilune -p 80 --script http-server-header TARGET
--
-- @output
-- 80/tcp open  http
-- |_http-server-header: nginx/1.27.0
--
-- @xmloutput
-- <elem>nginx/1.27.0</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "version" }

-- Scripts that find out more about the service than its header says run first.
dependencies = { "https-redirect" }

-- The probe is an ordinary request, sent at the intensity where version detection would send one of its own.
local INTENSITY_MIN = 7

portrule = function (host, port)
  return nmap.version_intensity() >= INTENSITY_MIN
    and shortport.http(host, port)
    and not shortport.port_is_excluded(port.number, port.protocol)
end

action = function (host, port)
  -- The first page as it is: where it redirects to may be another server's.
  local response = http.get(host, port, "/", { redirect_ok = false })
  local server = response.status and response.header.server
  if not server or server == "" then return nil end

  local version = port.version
  if version and not version.product then
    if not version.name or version.service_dtype == "table" and not string.find(version.name, "http", 1, true) then
      version.name = "http"
    end
    version.product = server
    nmap.set_port_version(host, port, "hardmatched")
  end

  return { server }, server
end
