local shortport = require "shortport"
local sip = require "sip"
local stdnse = require "stdnse"

description = [[
Shows the methods that a SIP server allows (<code>OPTIONS</code>).
]]

---
-- @args sip.timeout How long to wait, in seconds. Default: 5.
--
-- @usage
-- perilune -sU -p 5060 --script sip-methods TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 5060/udp open  sip
-- |_sip-methods: INVITE,ACK,CANCEL,OPTIONS,BYE,REFER,SUBSCRIBE,NOTIFY,INFO

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe", "discovery" }

portrule = shortport.port_or_service(5060, { "sip", "sips" }, { "tcp", "udp" })

action = function (host, port)
  local session = sip.Session:new(host, port)
  local status, err = session:connect()
  if not status then
    stdnse.debug1("%s", err)
    return nil
  end
  local answered, response = session:options()
  session:close()
  if not answered then
    stdnse.debug1("no answer: %s", response)
    return nil
  end
  if response:getErrorCode() ~= sip.Error.OK then return nil end
  return response:getHeader("Allow")
end
