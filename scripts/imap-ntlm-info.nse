local base64 = require "base64"
local comm = require "comm"
local ntlminfo = require "ntlminfo"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the names and the version that a Windows server tells before anybody logs in with NTLM, by IMAP.
]]

---
-- @usage
-- perilune -p 143 --script imap-ntlm-info TARGET
--
-- @output
-- | imap-ntlm-info:
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

portrule = shortport.port_or_service({ 143, 993 }, { "imap", "imaps" })

action = function (host, port)
  local socket, greeting = comm.tryssl(host, port, nil, { recv_before = true, lines = 1 })
  if not socket then
    stdnse.debug1("could not connect: %s", greeting)
    return nil
  end
  local function ask (line)
    if not socket:send(line .. "\r\n") then return nil end
    local status, reply = socket:receive_lines(1)
    return status and reply or nil
  end
  local reply = ask("A001 AUTHENTICATE NTLM")
  if reply and string.find(reply, "^%+") then reply = ask(base64.enc(ntlminfo.NEGOTIATE)) end
  socket:close()
  local challenge = reply and string.match(reply, "^%+ ([%w+/=]+)")
  local is_base64, bytes = pcall(base64.dec, challenge or "")
  return is_base64 and ntlminfo.describe(bytes) or nil
end
