local http = require "http"
local nmap = require "nmap"
local shortport = require "shortport"
local string = require "string"

description = [[
Finds ports of web servers that speak TLS although they were taken for plain HTTP: servers there answer a plain request
with a redirect to the same port over HTTPS, or with a remark that a plain request was sent.

The port is marked as one inside TLS, so that scripts that run later use it.
]]

---
-- @usage
-- perilune -sV -p 8443 --script https-redirect TARGET
--
-- @output
-- 8443/tcp open  ssl/http

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "version" }

portrule = function (host, port)
  local tunnel = port.version and port.version.service_tunnel
  return tunnel ~= "ssl" and nmap.version_intensity() >= 7 and shortport.http(host, port)
    and not shortport.port_is_excluded(port.number, port.protocol)
end

local function wants_tls (response, port)
  local location = response.header and response.header.location
  if location and response.status >= 300 and response.status < 400 then
    local number = tonumber(string.match(location, "^https://[^/]-:(%d+)%f[/?#\0]"))
    return number == port.number
  end
  return response.status == 400 and response.body ~= nil
    and string.find(string.lower(response.body), "plain http request was sent to", 1, true) ~= nil
end

action = function (host, port)
  local response = http.get(host, port, "/", { scheme = "http", redirect_ok = false, bypass_cache = true, no_cache = true })
  if not response.status or not wants_tls(response, port) then return nil end
  port.version.service_tunnel = "ssl"
  nmap.set_port_version(host, port, "softmatched")
  return nil
end
