local datetime = require "datetime"
local rdp = require "rdp"
local smbauth = require "smbauth"
local ntlminfo = require "ntlminfo"
local shortport = require "shortport"
local string = require "string"

description = [[
Shows the names and the version that a Windows server tells before anybody logs in with NTLM, by RDP, and the system's time.
]]

---
-- @usage
-- perilune -p 3389 --script rdp-ntlm-info TARGET
--
-- @output
-- | rdp-ntlm-info:
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

portrule = shortport.port_or_service({ 3389 }, { "ms-wbt-server" })

-- TSRequest (MS-CSSP 2.2.1): version 2 and one message of NTLM, with lengths of one byte.
local function request ()
  local function der (tag, content) return string.char(tag, #content) .. content end
  local token = der(0x30, der(0x30, der(0xa0, der(0x04, ntlminfo.NEGOTIATE))))
  return der(0x30, der(0xa0, der(0x02, "\2")) .. der(0xa1, token))
end

-- The time in the message, where there is one: kind 7, hundreds of nanoseconds since 1601.
local function system_time (blob)
  local ok, info = pcall(smbauth.get_host_info_from_security_blob, blob)
  local stamp = ok and type(info) == "table" and info.timestamp
  if not stamp or stamp <= 0 then return nil end
  return datetime.format_timestamp(stamp // 10000000 - 11644473600, 0)
end

action = function (host, port)
  local comm = rdp.Comm:new(host, port)
  if not comm:connect() then return nil end
  local status, response = comm:exch(rdp.Request.ConnectionRequest:new(rdp.PROTOCOL_SSL | rdp.PROTOCOL_HYBRID))
  if not status or response.protocol ~= rdp.PROTOCOL_HYBRID then
    comm:close()
    return nil
  end
  local answer
  if comm.socket:reconnect_ssl() and comm.socket:send(request()) then
    status, answer = comm.socket:receive()
  end
  comm:close()
  if not status or not answer then return nil end
  local result = ntlminfo.describe(answer)
  local start = string.find(answer, "NTLMSSP", 1, true)
  if result and start then result["System_Time"] = system_time(string.sub(answer, start)) end
  return result
end
