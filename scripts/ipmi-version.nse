local comm = require "comm"
local ipmi = require "ipmi"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Asks a management controller for its version of IPMI and its ways of authentication (IPMI 2.0, 22.13).
]]

---
-- @usage
-- perilune -sU -p 623 --script ipmi-version TARGET
--
-- @output
-- 623/udp open  asf-rmcp
-- | ipmi-version:
-- |   Version:
-- |     IPMI-2.0
-- |   UserAuth: password, md5, md2, null
-- |   PassAuth: auth_msg, auth_user, non_null_user, null_user
-- |_  Level: 1.5, 2.0
--
-- @xmloutput
-- <table key="Version">
--   <elem>IPMI-2.0</elem>
-- </table>
-- <elem key="UserAuth">password, md5, md2, null</elem>
-- <elem key="PassAuth">auth_msg, auth_user, non_null_user, null_user</elem>
-- <elem key="Level">1.5, 2.0</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(623, "asf-rmcp", "udp", { "open", "open|filtered" })

-- The words for the bits that are set.
local function words (list)
  local set = {}
  for _, pair in ipairs(list) do
    if pair[1] then set[#set + 1] = pair[2] end
  end
  return table.concat(set, ", ")
end

action = function (host, port)
  local status, reply = comm.exchange(host, port, ipmi.channel_auth_request(), { proto = "udp", timeout = 3000 })
  if not status then return nil end
  nmap.set_port_state(host, port, "open")
  local info = ipmi.parse_channel_auth_reply(reply)
  if not info or info.ipmi_completion_code ~= 0 then return "IPMI - Invalid response" end

  local result = stdnse.output_table()
  result.Version = { info.ipmi_compat_20 and "IPMI-2.0" or "IPMI-1.5" }
  result.UserAuth = words({
    { info.ipmi_compat_oem_auth, "oem_auth" }, { info.ipmi_compat_password, "password" },
    { info.ipmi_compat_md5, "md5" }, { info.ipmi_compat_md2, "md2" }, { info.ipmi_compat_none, "null" },
  })
  result.PassAuth = words({
    { info.ipmi_user_kg, "kg_default" }, { not info.ipmi_user_disable_message_auth, "auth_msg" },
    { not info.ipmi_user_disable_user_auth, "auth_user" }, { info.ipmi_user_non_null, "non_null_user" },
    { info.ipmi_user_null, "null_user" }, { info.ipmi_user_anonymous, "anonymous_user" },
  })
  result.Level = words({ { info.ipmi_conn_15, "1.5" }, { info.ipmi_conn_20, "2.0" } })
  if info.ipmi_oem_id ~= 0 then result.OEM = ("%d"):format(info.ipmi_oem_id) end
  return result
end
