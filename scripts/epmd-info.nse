local comm = require "comm"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Lists the nodes that an Erlang port mapper knows, with their ports.
]]

---
-- @usage
-- perilune -p 4369 --script epmd-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 4369/tcp open  epmd
-- | epmd-info:
-- |   epmd_port: 4369
-- |   nodes:
-- |_    rabbit: 25672
--
-- @xmloutput
-- <elem key="epmd_port">4369</elem>
-- <table key="nodes">
--   <elem key="rabbit">25672</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service(4369, "epmd")

-- NAMES_REQ of the distribution protocol: a length of one, then "n".
local REQUEST = "\0\1n"

action = function (host, port)
  local status, answer = comm.exchange(host, port, REQUEST, { bytes = 5 })
  if not status or #answer < 4 then
    stdnse.debug1("no answer: %s", answer)
    return nil
  end
  local number, pos = string.unpack(">I4", answer)
  if number ~= port.number and not string.find(answer, "^name ", pos) then return nil end
  local result, nodes = stdnse.output_table(), stdnse.output_table()
  for name, at in string.gmatch(string.sub(answer, pos), "name (%S+) at port (%d+)\n") do nodes[name] = at end
  result.epmd_port = number
  result.nodes = nodes
  return result
end
