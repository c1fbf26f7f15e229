local coap = require "coap"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Lists the resources of a CoAP server with their attributes (RFC 6690).
]]

---
-- @args coap-resources.uri The path to ask for. Default: <code>/.well-known/core</code>.
--
-- @usage
-- perilune -sU -p 5683 --script coap-resources TARGET
--
-- @output
-- 5683/udp open  coap
-- | coap-resources:
-- |   /time:
-- |     ct: 0
-- |     if: clock
-- |_    title: Internal Clock
--
-- @xmloutput
-- <table key="/time">
--   <elem key="ct">0</elem>
--   <elem key="if">clock</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "discovery" }

portrule = shortport.port_or_service(5683, "coap", "udp")

action = function (host, port)
  local uri = stdnse.get_script_args(SCRIPT_NAME .. ".uri") or "/.well-known/core"
  local helper = coap.Helper:new(host, port)
  local status, response = helper:connect({ uri = uri })
  helper:close()
  if not status then
    stdnse.debug1("%s", tostring(response))
    return nil
  end
  nmap.set_port_state(host, port, "open")
  if response.code ~= "content" then return ("Server answers with %s"):format(response.code) end
  if type(response.payload) ~= "table" then return response.payload end
  local links = {}
  for _, link in ipairs(response.payload) do links[#links + 1] = link end
  table.sort(links, function (a, b) return a.name < b.name end)
  local result = stdnse.output_table()
  for _, link in ipairs(links) do
    local attributes = stdnse.output_table()
    table.sort(link.parameters, function (a, b) return a.name < b.name end)
    for _, parameter in ipairs(link.parameters) do attributes[parameter.name] = parameter.value end
    result[link.name] = attributes
  end
  return result
end
