local drda = require "drda"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows what a server of DRDA (Db2, Informix, Derby) tells about itself: version, platform, names.
]]

---
-- @usage
-- perilune -p 50000,1527 --script drda-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 1527/tcp open  drda
-- | drda-info:
-- |   Derby Version: 10.14.2.0
-- |   Server Platform: Apache Derby
-- |   Instance Name: NetworkServerControl
-- |_  External Name: NetworkServerControl main

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "discovery", "version" }

portrule = shortport.version_port_or_service({ 50000, 60000, 1526, 1527, 9088, 9089 }, { "drda", "ibm-db2" }, "tcp")

-- The first letters of a release name the product.
local PRODUCTS = {
  { "^SQL(%d%d)(%d%d)(%d)", "IBM DB2 Database Server", "DB2 Version", function (a, b, c)
    return ("%d.%d.%d"):format(tonumber(a), tonumber(b), tonumber(c))
  end },
  { "^IFX", "IBM Informix Dynamic Server", "Informix Version", function () return nil end },
  { "^CSS%d+/(.*)$", "Apache Derby Server", "Derby Version", function (a) return a end },
}

action = function (host, port)
  local helper = drda.Helper:new()
  local status, info = helper:connect(host, port)
  if not status then
    stdnse.debug1("could not connect: %s", info)
    return nil
  end
  status, info = helper:getServerInfo()
  helper:close()
  if not status then
    stdnse.debug1("no answer: %s", info)
    return nil
  end

  local result = stdnse.output_table()
  port.version.name = "drda"
  for _, product in ipairs(PRODUCTS) do
    local pattern, name, label, version = product[1], product[2], product[3], product[4]
    local parts = { string.match(info.prodrel or "", pattern) }
    if parts[1] then
      result[label] = version(table.unpack(parts)) or info.prodrel
      port.version.product = name
    end
  end
  if info.srvclass then
    port.version.extrainfo = info.srvclass
    result["Server Platform"] = info.srvclass
  end
  result["Instance Name"] = info.srvname
  result["External Name"] = info.extname
  nmap.set_port_version(host, port)
  if #result == 0 then return nil end
  return result
end
