local base64 = require "base64"
local smtp = require "smtp"
local ntlminfo = require "ntlminfo"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the names and the version that a Windows server tells before anybody logs in with NTLM, by SMTP.
]]

---
-- @usage
-- perilune -p 25 --script smtp-ntlm-info TARGET
--
-- @output
-- | smtp-ntlm-info:
-- |   Target_Name: MOON
-- |   NetBIOS_Domain_Name: MOON
-- |   NetBIOS_Computer_Name: HOST1
-- |   DNS_Domain_Name: moon.example
-- |   DNS_Computer_Name: host1.moon.example
-- |   DNS_Tree_Name: moon.example
-- |_  Product_Version: 10.0.17763
--
-- @xmloutput
-- <elem key="Target_Name">MOON</elem>
-- <elem key="Product_Version">10.0.17763</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 25, 465, 587 }, { "smtp", "smtps", "submission" })

action = function (host, port)
  local socket, greeting = smtp.connect(host, port, { ssl = true, recv_before = true, lines = 1 })
  if not socket then
    stdnse.debug1("could not connect: %s", greeting)
    return nil
  end
  local status, reply = smtp.ehlo(socket, smtp.get_domain(host))
  -- Some servers offer it only inside of TLS.
  if status and not string.find(reply, "AUTH[^\r\n]*NTLM") and string.find(reply, "STARTTLS", 1, true) then
    status, reply = smtp.starttls(socket)
    if status then status, reply = smtp.ehlo(socket, smtp.get_domain(host)) end
  end
  if status then status, reply = smtp.query(socket, "AUTH NTLM") end
  if status and string.find(reply, "^334") then
    status, reply = smtp.query(socket, base64.enc(ntlminfo.NEGOTIATE))
  end
  socket:close()
  local challenge = status and string.match(reply, "^334 ([%w+/=]+)")
  return challenge and ntlminfo.describe(base64.dec(challenge))
end
