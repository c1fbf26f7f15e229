---
-- Remote procedure calls of Windows over named pipes (C706, MS-RPCE): the server service, the accounts of domains and
-- names of security identifiers.
--
-- Each call takes a connection that <code>start_smb</code> made and <code>bind</code> bound to an interface. The
-- results are tables; <code>"return"</code> is the call's own result and 0 in those that succeeded.
--
-- @usage
-- local status, state = msrpc.start_smb(host, msrpc.SRVSVC_PATH)
-- if status then status = msrpc.bind(state, msrpc.SRVSVC_UUID, msrpc.SRVSVC_VERSION, nil) end
-- if status then
--   local ok, shares = msrpc.srvsvc_netshareenumall(state, host.ip)
-- end
-- msrpc.stop_smb(state)
--
-- @copyright MIT OR Apache-2.0

local smb = require "smb"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("msrpc", stdnse.seeall)

-- What the parts share with each other only.
local SHARED = { call = true, read_handle = true, read_return = true, server_name = true, uuid = true,
  with_interface = true }
for _, name in ipairs({ "call", "server", "accounts", "epmapper", "registry", "routing", "services" }) do
  for key, value in pairs(require("msrpc." .. name)) do
    if not SHARED[key] and string.sub(key, 1, 1) ~= "_" then _ENV[key] = value end
  end
end

-- Remote administration of LAN Manager (MS-RAP) -----------------------------------------------------------------

-- What a server without these functions answers: ERROR_NOT_SUPPORTED, no converter, no entries.
local RAP_NOT_SUPPORTED = string.pack("<I2I2I2I2", 50, 0, 0, 0)

--- Calls a function of LAN Manager. There are none in SMB 2: the answer is one that says so.
-- @param smbstate The connection, with share <code>IPC$</code>.
-- @param opnum The function's number.
-- @param paramdesc What its parameters are.
-- @param datadesc What its data are.
-- @param data The parameters' octets.
-- @return True and a table with <code>parameters</code> and <code>data</code>; or false and an error.
function call_lanmanapi (smbstate, opnum, paramdesc, datadesc, data)
  local parameters = string.pack("<I2zz", opnum, paramdesc, datadesc) .. data
  if smbstate.commands then return true, { parameters = RAP_NOT_SUPPORTED, data = "" } end
  return smb.send_transaction_named_pipe(smbstate, parameters, "", "\\PIPE\\LANMAN", true)
end

--- Lists servers that a host knows of (NetServerEnum2, MS-RAP 2.5.5.3).
-- @param smbstate The connection, with share <code>IPC$</code>.
-- @param domain The domain to list. Default: the host's own.
-- @param server_type Which servers, a set of bits. Default: all.
-- @param detail_level 0 for names alone, 1 for more. Default: 1.
-- @return True and a list of tables with <code>name</code>, <code>version</code> (<code>major</code>,
--         <code>minor</code>), <code>type</code> and <code>comment</code>; or false and an error.
function rap_netserverenum2 (smbstate, domain, server_type, detail_level)
  detail_level = detail_level or 1
  local datadesc = detail_level == 0 and "B16" or "B16BBDz"
  local arguments = string.pack("<I2I2I4", detail_level, 0xffff - 1100, server_type or 0xffffffff)
    .. (domain or "") .. "\0"
  local status, answer = call_lanmanapi(smbstate, 104, domain and "WrLehDz" or "WrLehDO", datadesc,
    domain and arguments or string.sub(arguments, 1, 8))
  if not status then return false, answer end
  if #answer.parameters < 8 then return false, "MSRPC: the server's answer is cut off" end
  local result, converter, count = string.unpack("<I2I2I2", answer.parameters)
  -- 234: there is more than went into the answer.
  if result ~= 0 and result ~= 234 then return false, ("NetServerEnum2 failed with %d"):format(result) end
  local entries, pos, data = {}, 1, answer.data
  local size = detail_level == 0 and 16 or 26
  for i = 1, count do
    if pos + size - 1 > #data then break end
    local entry = { name = string.match(string.sub(data, pos, pos + 15), "^%Z*") }
    if detail_level ~= 0 then
      local comment_at
      entry.version = {}
      entry.version.major, entry.version.minor, entry.type, comment_at = string.unpack("<BBI4I4", data, pos + 16)
      comment_at = (comment_at & 0xffff) - converter
      entry.comment = comment_at >= 0 and string.match(data, "^%Z*", comment_at + 1) or nil
    end
    entries[i] = entry
    pos = pos + size
  end
  return true, entries
end

return _ENV
