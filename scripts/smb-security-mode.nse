local smb = require "smb"
local stdnse = require "stdnse"

description = [[
Shows how a server of version 1 of SMB checks users and whether it signs messages.

The facts are bits of its answer to the negotiation (MS-CIFS, 2.2.4.52.2):
* users are checked, or only passwords of shares;
* passwords go over the network as answers to a challenge, or as they are;
* messages are signed always, if the client wants it, or never. Unsigned ones can be changed on their way.
]]

---
-- @args smbusername, smbpassword, smbdomain See library <code>smbauth</code>.
--
-- @usage
-- perilune -p 445 --script smb-security-mode TARGET
--
-- @output
-- Host script results:
-- | smb-security-mode:
-- |   account_used: guest
-- |   authentication_level: user
-- |   challenge_response: supported
-- |_  message_signing: disabled (dangerous, but default)
--
-- @xmloutput
-- <elem key="account_used">guest</elem>
-- <elem key="authentication_level">user</elem>
-- <elem key="challenge_response">supported</elem>
-- <elem key="message_signing">disabled</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }
dependencies = { "smb-brute" }

hostrule = function (host)
  return smb.get_port(host) ~= nil
end

-- Bits of the security mode.
local USER_LEVEL, CHALLENGE, SIGNING_ENABLED, SIGNING_REQUIRED = 0x01, 0x02, 0x04, 0x08

-- Remarks that people read behind some of the values.
local REMARKS = {
  share = " (dangerous)",
  plaintext = " (dangerous)",
  disabled = " (dangerous, but default)",
}

action = function (host)
  local status, state = smb.start_ex(host, true, true)
  local account
  if status then
    account = state.username ~= "" and state.username or "<blank>"
  else
    -- Nobody gets in: the negotiation is enough.
    status, state = smb.start_ex(host, true)
    if not status then
      stdnse.debug1("%s", tostring(state))
      return nil
    end
  end
  local mode = state.security_mode
  smb.stop(state)

  local result = stdnse.output_table()
  result.account_used = account
  result.authentication_level = mode & USER_LEVEL ~= 0 and "user" or "share"
  result.challenge_response = mode & CHALLENGE ~= 0 and "supported" or "plaintext"
  if mode & SIGNING_REQUIRED ~= 0 then
    result.message_signing = "required"
  else
    result.message_signing = mode & SIGNING_ENABLED ~= 0 and "supported" or "disabled"
  end
  local lines = {}
  for key, value in pairs(result) do
    lines[#lines + 1] = ("%s: %s%s"):format(key, value, key ~= "account_used" and REMARKS[value] or "")
  end
  return result, stdnse.format_output(true, lines)
end
