local anyconnect = require "anyconnect"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Shows what a Cisco VPN tells a client before it logs in: version and groups.
]]

---
-- @usage
-- perilune -p 443 --script http-cisco-anyconnect TARGET
--
-- @output
-- 443/tcp open  https
-- | http-cisco-anyconnect:
-- |   version: 9.1(5)
-- |   tunnel-group: VPN
-- |   group-alias: vpn
-- |   config-hash: 1457345
-- |_  host: vpn.example.com

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

-- A VPN is inside TLS.
portrule = function (host, port)
  return shortport.ssl(host, port) and shortport.http(host, port)
end

local SHOWN = { "version", "tunnel-group", "group-alias", "config-hash", "host", "banner" }

action = function (host, port)
  local client = anyconnect.Cisco.AnyConnect:new(host, port)
  local status, err = client:connect()
  if not status then
    stdnse.debug1("%s", err)
    return nil
  end
  local result = stdnse.output_table()
  for _, name in ipairs(SHOWN) do
    local value = client.conn_attr[name]
    if value and value ~= "" then result[name] = value end
  end
  return result
end
