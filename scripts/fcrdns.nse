local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local tableaux = require "tableaux"

description = [[
Checks that the name found for an address leads back to it ("forward confirmed reverse DNS").

Mail servers take hosts without such a name for senders of spam.
]]

---
-- @usage
-- perilune --script fcrdns TARGET
--
-- @output
-- Host script results:
-- |_fcrdns: PASS (host.example.com)
--
-- @output
-- Host script results:
-- |_fcrdns: FAIL (No PTR record)
--
-- @xmloutput
-- <table key="host.example.com">
--   <elem key="status">pass</elem>
--   <table key="addresses">
--     <elem>192.0.2.1</elem>
--   </table>
-- </table>

author = "Perilune developers"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

hostrule = function (host) return true end

action = function (host)
  local out, result = stdnse.output_table(), stdnse.output_table()
  local name = host.name
  if not name or name == "" then
    result.status = "fail"
    result.reason = "No PTR record"
    out["<none>"] = result
    return out, "FAIL (No PTR record)"
  end
  local family = string.find(host.ip, ":", 1, true) and "inet6" or "inet"
  local status, addresses = nmap.resolve(name, family)
  if status and tableaux.contains(addresses, host.ip) then
    result.status = "pass"
    result.addresses = addresses
    out[name] = result
    return out, string.format("PASS (%s)", name)
  end
  result.status = "fail"
  result.reason = status and #addresses > 0 and "Name leads to other addresses" or "No A record"
  if status then result.addresses = addresses end
  out[name] = result
  return out, string.format("FAIL (%s: %s)", name, result.reason)
end
