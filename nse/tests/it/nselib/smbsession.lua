local peer = require "peer"
local smbsession = require "smbsession"

check("path", 'true "\\\\\\\\192.0.2.1\\\\c$"', smbsession.get_fqpn({ ip = "192.0.2.1" }, "c$"))

-- A server without version 1: it answers no negotiation of that, and one of version 2 (MS-SMB2 2.2.4) with 2.1,
-- signatures required. Logging on ends at once: it is a guest (2.2.6).
nmap.registry.args = { smbport = 445 }
local function answer (data)
  if data:sub(5, 8) ~= "\xfeSMB" then return nil end
  local command, id = data:byte(17), data:sub(29, 36)
  local head = "\xfeSMB" .. string.pack("<I2I2I4I2I2I4I4", 64, 0, 0, command, 1, 1, 0) .. id
    .. string.pack("<I4I4I8", 0, 5, 0x77) .. ("\0"):rep(16)
  local body = ""
  if command == 0 then
    body = string.pack("<I2I2I2I2c16I4I4I4I4I8I8I2I2I4", 65, 3, 0x0210, 0, ("g"):rep(16), 7, 1, 2, 3, 116444736000000000, 0, 128, 0, 0)
  elseif command == 1 then
    body = string.pack("<I2I2I2I2", 9, 1, 0, 0)
  elseif command == 3 then
    body = string.pack("<I2BBI4I4I4", 16, 2, 0, 0, 0, 0)
  end
  return string.pack(">s4", head .. body)
end
peer.answer(answer)
local target = { ip = "192.0.2.1", registry = {} }
local status, state = smbsession.start_ex(target, true, true, "IPC$", nil, nil, { username = "u", password = "p" })
check("the newer version", 'true 528 true 15 "UTC+0" 1 5 "\\\\\\\\192.0.2.1\\\\IPC$"', status, state.dialect, state.signing_required,
  state.security_mode, state.timezone_str, state.is_guest, state.tid, state.share)
check("the end", "true 0 0", smbsession.stop(state), state.tid, state.uid)
check("version 1 only", "false", (smbsession.start_ex(target, true, false, nil, nil, nil, { dialects = { "NT LM 0.12" } })))
fuzz("start_ex", { answer(("\0"):rep(4) .. "\xfeSMB" .. ("\0"):rep(60)), answer(("\0"):rep(4) .. "\xfeSMB" .. ("\0"):rep(8) .. "\1" .. ("\0"):rep(51)) },
  function (bytes)
    peer.answer(function () return bytes end)
    smbsession.start_ex(target, true, true, "IPC$", nil, nil, { username = "u", password = "p" })
  end)
