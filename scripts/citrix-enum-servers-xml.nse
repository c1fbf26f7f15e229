local citrixxml = require "citrixxml"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Lists the servers of a Citrix farm, as its XML service names them to anybody.
]]

---
-- @usage
-- perilune -p 80,443,8080 --script citrix-enum-servers-xml TARGET
--
-- @output
-- 8080/tcp open  http-proxy
-- | citrix-enum-servers-xml:
-- |   CITRIX-SRV01
-- |_  CITRIX-SRV02

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.portnumber({ 8080, 80, 443 }, "tcp")

action = function (host, port)
  local answer = citrixxml.request_server_data(host, port)
  if not answer then return nil end
  local names = citrixxml.parse_server_data_response(answer)
  if #names == 0 then return nil end
  return names, stdnse.format_output(true, names)
end
