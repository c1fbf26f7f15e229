---
-- MSRPC over named pipes (C706, MS-RPCE): interfaces, connections, calls of procedures. Scripts reach them through
-- library <code>msrpc</code>.
--
-- @copyright MIT OR Apache-2.0

local msrpctypes = require "msrpctypes"
local smb = require "smb"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("msrpc.call", stdnse.seeall)

--- An interface's identifier as octets: the first three parts are little-endian (C706, appendix A).
-- @param text The identifier as people write it.
-- @return Octets.
function uuid (text)
  local bytes = stdnse.fromhex((string.gsub(text, "-", "")))
  local a, b, c, rest = string.unpack(">I4I2I2c8", bytes)
  return string.pack("<I4I2I2c8", a, b, c, rest)
end

-- Interfaces: the pipe, the identifier and the version of each, from its document.

SRVSVC_PATH, SRVSVC_UUID, SRVSVC_VERSION = "\\srvsvc", uuid("4b324fc8-1670-01d3-1278-5a47bf6ee188"), 3
SAMR_PATH, SAMR_UUID, SAMR_VERSION = "\\samr", uuid("12345778-1234-abcd-ef00-0123456789ac"), 1
LSA_PATH, LSA_UUID, LSA_VERSION = "\\lsarpc", uuid("12345778-1234-abcd-ef00-0123456789ab"), 0
WINREG_PATH, WINREG_UUID, WINREG_VERSION = "\\winreg", uuid("338cd001-2244-31f1-aaaa-900038001003"), 1
SVCCTL_PATH, SVCCTL_UUID, SVCCTL_VERSION = "\\svcctl", uuid("367abb81-9844-35f1-ad32-98f038001003"), 2
ATSVC_PATH, ATSVC_UUID, ATSVC_VERSION = "\\atsvc", uuid("1ff70682-0a51-30e8-076d-740be8cee98b"), 1
SPOOLSS_PATH, SPOOLSS_UUID, SPOOLSS_VERSION = "\\spoolss", uuid("12345678-1234-abcd-ef00-0123456789ab"), 1
EPMAPPER_PATH, EPMAPPER_UUID, EPMAPPER_VERSION = "\\epmapper", uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa"), 3
DNSSERVER_PATH, DNSSERVER_UUID, DNSSERVER_VERSION = "\\dnsserver", uuid("50abc2a4-574d-40b3-9d66-ee4fd5fba076"), 5
DNSSERVER_UUID_STR = "50abc2a4-574d-40b3-9d66-ee4fd5fba076"
ROUTER_PATH, RASRPC_UUID, RASRPC_VERSION = "\\router", uuid("8f09f000-b7ed-11ce-bbd2-00001a181cad"), 0

--- NDR, how parameters are encoded (C706, appendix I).
TRANSFER_SYNTAX = uuid("8a885d04-1ceb-11c9-9fe8-08002b104860")
--- A pointer that leads somewhere.
REFERENT_ID = 0x50414d4e
--- The longest fragment we take.
MAX_FRAGMENT = 4280

-- An answer longer than this is cut off.
local ANSWER_LEN_MAX = 4 * 1024 * 1024
local PACKET_REQUEST, PACKET_RESPONSE, PACKET_FAULT, PACKET_BIND, PACKET_BIND_ACK = 0, 2, 3, 11, 12
local FLAG_FIRST, FLAG_LAST = 0x01, 0x02

-- Connections ---------------------------------------------------------------------------------------------------

--- Connects to a host's pipe.
-- @param host The host table.
-- @param path The pipe, one of those above.
-- @param disable_extended True to log on without security blobs.
-- @param overrides Values for the connection, such as an account.
-- @return True and the connection, or false and an error.
function start_smb (host, path, disable_extended, overrides)
  overrides = overrides or {}
  -- Reading, writing and attributes: what pipes allow to everybody.
  overrides.file_create_access_mask = overrides.file_create_access_mask or 0x0002019f
  return smb.start_ex(host, true, true, "IPC$", path, disable_extended, overrides)
end

--- Ends a connection.
-- @param state The connection.
function stop_smb (state)
  smb.stop(state)
end

local function encode_packet (kind, call_id, body)
  return string.pack("<BBBBI4I2I2I4", 5, 0, kind, FLAG_FIRST | FLAG_LAST, 0x10, 16 + #body, 0, call_id) .. body
end

-- The first fragment in what has been received, and what follows it; nil if it is not whole yet, false if it is none.
local function split_fragment (data)
  if #data < 16 then return nil end
  local version, _, kind, flags, _, len, auth_len, call_id = string.unpack("<BBBBI4I2I2I4", data)
  if version ~= 5 or len < 16 then return false end
  if #data < len then return nil end
  return { kind = kind, flags = flags, call_id = call_id, auth_len = auth_len, body = string.sub(data, 17, len) },
    string.sub(data, len + 1)
end

-- Sends a packet and collects the fragments of the answer: the first one with their bodies put together.
local function exchange (smbstate, packet)
  local status, result = smb.send_transaction_named_pipe(smbstate, "", packet)
  if not status then return nil, result end
  local data, bodies, size, first = result.data, {}, 0, nil
  while size < ANSWER_LEN_MAX do
    local fragment, rest = split_fragment(data)
    if fragment == false then return nil, "MSRPC: the answer is none" end
    if not fragment then
      status, result = smb.read_file(smbstate, 0, MAX_FRAGMENT)
      if not status then return nil, result end
      if #result.data == 0 then return nil, "MSRPC: the answer ends too early" end
      data = data .. result.data
    else
      first = first or fragment
      -- The parts of a response have a header of their own: hint, context and count.
      bodies[#bodies + 1] = fragment.kind == PACKET_RESPONSE and string.sub(fragment.body, 9) or fragment.body
      size = size + #fragment.body
      data = rest
      if fragment.flags & FLAG_LAST ~= 0 then
        first.body = table.concat(bodies)
        return first
      end
    end
  end
  return nil, "MSRPC: the answer is too long"
end

--- Binds a connection to an interface (C706, 12.6.4.3).
-- @param smbstate The connection, with a pipe open.
-- @param interface_uuid The interface.
-- @param interface_version Its version.
-- @param transfer_syntax How parameters are encoded. Default: NDR.
-- @return True and a table with <code>max_transmit_fragment</code>, <code>max_receive_fragment</code>,
--         <code>assoc_group_id</code> and <code>ack_result</code>; or false and an error.
function bind (smbstate, interface_uuid, interface_version, transfer_syntax)
  local body = string.pack("<I2I2I4I4I2Bx", MAX_FRAGMENT, MAX_FRAGMENT, 0, 1, 0, 1)
    .. interface_uuid .. string.pack("<I2I2", interface_version, 0)
    .. (transfer_syntax or TRANSFER_SYNTAX) .. string.pack("<I4", 2)
  smbstate.call_id = 0x41414141
  local answer, err = exchange(smbstate, encode_packet(PACKET_BIND, smbstate.call_id, body))
  if not answer then return false, err end
  if answer.kind ~= PACKET_BIND_ACK or #answer.body < 10 then return false, "MSRPC: the server refuses to bind" end
  local max_transmit, max_receive, group, address_len = string.unpack("<I2I2I4I2", answer.body)
  local at = 11 + address_len
  at = at + -(at - 1) % 4
  if at + 5 > #answer.body then return false, "MSRPC: the server's answer is cut off" end
  local _, result = string.unpack("<I4I2", answer.body, at)
  if result ~= 0 then return false, ("MSRPC: the server does not have that interface (%d)"):format(result) end
  return true, {
    max_transmit_fragment = max_transmit,
    max_receive_fragment = max_receive,
    assoc_group_id = group,
    ack_result = result,
  }
end

--- Calls a procedure.
-- @param smbstate The connection, bound.
-- @param opnum The procedure's number.
-- @param arguments Its parameters' octets.
-- @return True and a table with <code>arguments</code>, the results' octets; or false and an error.
function call_function (smbstate, opnum, arguments)
  smbstate.call_id = (smbstate.call_id or 0) + 1 & 0xffffffff
  local body = string.pack("<I4I2I2", #arguments, 0, opnum) .. arguments
  local answer, err = exchange(smbstate, encode_packet(PACKET_REQUEST, smbstate.call_id, body))
  if not answer then return false, err end
  if answer.kind == PACKET_FAULT then
    local fault = #answer.body >= 12 and string.unpack("<I4", answer.body, 9) or 0
    if fault == 0x00000005 then return false, "NT_STATUS_ACCESS_DENIED" end
    return false, ("MSRPC call returned a fault (0x%08x)"):format(fault)
  end
  if answer.kind ~= PACKET_RESPONSE then return false, "MSRPC: the answer is none" end
  return true, { arguments = answer.body }
end

--- Calls a procedure and reads its results.
-- @param smbstate The connection, bound.
-- @param opnum The procedure's number.
-- @param arguments Its parameters' octets.
-- @param read A function that gets a reader and a table to fill, and may raise.
-- @param accepted A table of numbers of results that are successes, too.
-- @return True and the table, or false and an error.
function call (smbstate, opnum, arguments, read, accepted)
  local status, answer = call_function(smbstate, opnum, arguments)
  if not status then return false, answer end
  local results = {}
  local reader = msrpctypes.Reader.new(answer.arguments)
  local ok, err = pcall(read, reader, results)
  if not ok then
    -- A failed call may leave out what it would have returned: its result is the last word.
    local last = #answer.arguments >= 4 and string.unpack("<I4", answer.arguments, #answer.arguments - 3)
    if last and last ~= 0 then return false, smb.get_status_name(last), last end
    return false, "MSRPC: " .. tostring(err)
  end
  local code = results["return"]
  if code and code ~= 0 and not (accepted and accepted[code]) then return false, smb.get_status_name(code), code end
  return true, results
end

--- Opens a pipe, binds it, calls the function with the connection and ends the connection.
-- @param host The host table.
-- @param path The pipe.
-- @param interface_uuid The interface.
-- @param version Its version.
-- @param func The function.
-- @return What the function returns, or false and an error.
function with_interface (host, path, interface_uuid, version, func)
  local status, state = start_smb(host, path)
  if not status then return false, state end
  local err
  status, err = bind(state, interface_uuid, version, nil)
  if not status then
    stop_smb(state)
    return false, err
  end
  local results = table.pack(func(state))
  stop_smb(state)
  return table.unpack(results, 1, results.n)
end

--- Makes a reader of a handle and the call's result.
-- @param name What the handle is to be called.
-- @return A function for <code>call</code>.
function read_handle (name)
  return function (reader, results)
    results[name] = reader:raw(20)
    results["return"] = reader:u32()
  end
end

--- Reads a handle that is closed and the call's result.
-- @param reader The reader.
-- @param results The table to put it in.
function read_return (reader, results)
  reader:raw(20)
  results["return"] = reader:u32()
end
--- A server's name as a parameter.
-- @param server The name.
-- @return Octets.
function server_name (server)
  return msrpctypes.marshall_unicode_ptr("\\\\" .. server, true)
end

return _ENV
