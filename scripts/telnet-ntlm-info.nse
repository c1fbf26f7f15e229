local nmap = require "nmap"
local ntlminfo = require "ntlminfo"
local shortport = require "shortport"
local string = require "string"

description = [[
Shows the names and the version that a Windows server tells before anybody logs in with NTLM, by telnet.
]]

---
-- @usage
-- perilune -p 23 --script telnet-ntlm-info TARGET
--
-- @output
-- | telnet-ntlm-info:
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

portrule = shortport.port_or_service({ 23 }, { "telnet" })

-- RFC 854, RFC 2941: option 37, then IS with NTLM (15), any way, and a message of kind 0 with its length.
local function sub_negotiation ()
  local message = string.pack("<I4I4", #ntlminfo.NEGOTIATE, 2) .. ntlminfo.NEGOTIATE
  return "\xff\xfa\x25\0\x0f\0\0" .. string.gsub(message, "\xff", "\xff\xff") .. "\xff\xf0"
end

local ANSWER_LEN_MAX = 65536

action = function (host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(5000)
  if not socket:connect(host, port) then return nil end
  -- "Will authenticate", then the message.
  local answer = ""
  if socket:send("\xff\xfb\x25" .. sub_negotiation()) then
    while #answer < ANSWER_LEN_MAX do
      local from = string.find(answer, "NTLMSSP\0\2", 1, true)
      if from and string.find(answer, "\xff\xf0", from, true) then break end
      local status, data = socket:receive()
      if not status then break end
      answer = answer .. data
    end
  end
  socket:close()
  return ntlminfo.describe((string.gsub(answer, "\xff\xff", "\xff")))
end
