---
-- Remote procedure calls of Windows over named pipes (C706, MS-RPCE): the server service, the accounts of domains and
-- names of security identifiers.
--
-- Each call takes a connection that <code>start_smb</code> made and <code>bind</code> bound to an interface. The
-- results
-- are tables; <code>"return"</code> is the call's own result and 0 in those that succeeded.
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

local math = require "math"
local msrpctypes = require "msrpctypes"
local os = require "os"
local smb = require "smb"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("msrpc", stdnse.seeall)

-- An interface's identifier as octets: the first three parts are little-endian (C706, appendix A).
local function uuid (text)
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
local STATUS_MORE_ENTRIES, STATUS_SOME_NOT_MAPPED, STATUS_NO_MORE_ENTRIES = 0x00000105, 0x00000107, 0x8000001a
local STATUS_NONE_MAPPED = 0xc0000073

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

-- Calls a procedure and reads its results with the function, which gets a reader and a table to fill. Results with one
-- of the accepted numbers are successes.
local function call (smbstate, opnum, arguments, read, accepted)
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

local wide_ptr, wide, int32 = msrpctypes.marshall_unicode_ptr, msrpctypes.marshall_unicode, msrpctypes.marshall_int32

local function server_name (server)
  return wide_ptr("\\\\" .. server, true)
end

-- Server service (MS-SRVS) --------------------------------------------------------------------------------------

srvsvc_ShareType_tostr = msrpctypes.srvsvc_ShareType_tostr
lsa_SidType_tostr = msrpctypes.lsa_SidType_tostr
samr_AcctFlags_tostr = msrpctypes.samr_AcctFlags_tostr
samr_PasswordProperties_tostr = msrpctypes.samr_PasswordProperties_tostr

--- Lists shares (NetrShareEnum, 3.1.4.8), with level 1.
-- @param smbstate The connection.
-- @param server The server's name or address.
-- @return True and a table with <code>ctr</code>, whose <code>array</code> holds a table with <code>name</code>,
--         <code>sharetype</code> and <code>comment</code> for each share; or false and an error.
function srvsvc_netshareenumall (smbstate, server)
  local arguments = server_name(server) .. int32(1) .. int32(1) .. int32(REFERENT_ID) .. int32(0) .. int32(0)
    .. int32(0xffffffff) .. int32(0)
  return call(smbstate, 15, arguments, function (reader, results)
    reader:u32()
    reader:u32()
    local shares = {}
    if reader:u32() ~= 0 then
      reader:u32()
      if reader:u32() ~= 0 then
        local headers = {}
        for i = 1, reader:count() do headers[i] = { reader:u32(), reader:u32(), reader:u32() } end
        for i, header in ipairs(headers) do
          shares[i] = {
            name = reader:wide_at(header[1]),
            sharetype = header[2],
            comment = reader:wide_at(header[3]),
          }
        end
      end
    end
    results.ctr = { array = shares }
    results.totalentries = reader:u32()
    if reader:u32() ~= 0 then reader:u32() end
    results["return"] = reader:u32()
  end)
end

--- Learns about a share (NetrShareGetInfo, 3.1.4.10).
-- @param smbstate The connection.
-- @param server The server's name or address.
-- @param share The share.
-- @param level 0, 1 or 2: how much to learn.
-- @return True and a table with <code>info</code>: <code>name</code>, <code>sharetype</code> (as text),
--         <code>comment</code>,
--         <code>permissions</code>, <code>max_users</code>, <code>current_users</code> and <code>path</code>, as far as
--         the level goes; or false and an error.
function srvsvc_netsharegetinfo (smbstate, server, share, level)
  local arguments = server_name(server) .. wide(share, true) .. int32(level)
  return call(smbstate, 16, arguments, function (reader, results)
    reader:u32()
    if reader:u32() ~= 0 then
      local info = {}
      local name, comment, path, password = reader:u32(), 0, 0, 0
      if level >= 1 then
        info.sharetype = srvsvc_ShareType_tostr(reader:u32())
        comment = reader:u32()
      end
      if level >= 2 then
        info.permissions, info.max_users, info.current_users = reader:u32(), reader:u32(), reader:u32()
        if info.max_users == 0xffffffff then info.max_users = "<unlimited>" end
        path, password = reader:u32(), reader:u32()
      end
      info.name = reader:wide_at(name)
      info.comment = reader:wide_at(comment)
      info.path = reader:wide_at(path)
      reader:wide_at(password)
      results.info = info
    end
    results["return"] = reader:u32()
  end)
end

--- Lists who is connected (NetrSessionEnum, 3.1.4.5), with level 10.
-- @param smbstate The connection.
-- @param server The server's name or address.
-- @return True and a table with <code>ctr</code>, whose <code>array</code> holds a table with <code>client</code>,
--         <code>user</code>, <code>time</code> and <code>idle_time</code> (seconds) for each session; or false and an
--         error.
function srvsvc_netsessenum (smbstate, server)
  local arguments = server_name(server) .. int32(0) .. int32(0) .. int32(10) .. int32(10) .. int32(REFERENT_ID)
    .. int32(0) .. int32(0) .. int32(0xffffffff) .. int32(0)
  return call(smbstate, 12, arguments, function (reader, results)
    reader:u32()
    reader:u32()
    local sessions = {}
    if reader:u32() ~= 0 then
      reader:u32()
      if reader:u32() ~= 0 then
        local headers = {}
        for i = 1, reader:count() do headers[i] = { reader:u32(), reader:u32(), reader:u32(), reader:u32() } end
        for i, header in ipairs(headers) do
          sessions[i] = {
            client = reader:wide_at(header[1]),
            user = reader:wide_at(header[2]),
            time = header[3],
            idle_time = header[4],
          }
        end
      end
    end
    results.ctr = { array = sessions }
    reader:u32()
    if reader:u32() ~= 0 then reader:u32() end
    results["return"] = reader:u32()
  end)
end

local STATISTICS = { "start", "fopens", "devopens", "jobsqueued", "sopens", "stimedout", "serrorout", "pwerrors",
  "permerrors", "syserrors", "bytessent_low", "bytessent_high", "bytesrcvd_low", "bytesrcvd_high", "avresponse",
  "reqbufneed", "bigbufneed" }

--- Learns a server's statistics (NetrServerStatisticsGet, 3.1.4.27). Administrators only.
-- @param smbstate The connection.
-- @param server The server's name or address.
-- @return True and a table with <code>stat</code>; or false and an error.
function srvsvc_netservergetstatistics (smbstate, server)
  local arguments = server_name(server) .. wide_ptr("SERVICE_SERVER", true) .. int32(0) .. int32(0)
  return call(smbstate, 24, arguments, function (reader, results)
    if reader:u32() ~= 0 then
      local stat = {}
      for _, name in ipairs(STATISTICS) do stat[name] = reader:u32() end
      stat.bytessent = stat.bytessent_high << 32 | stat.bytessent_low
      stat.bytesrcvd = stat.bytesrcvd_high << 32 | stat.bytesrcvd_low
      stat.start_str = os.date("!%Y-%m-%d %H:%M:%S", stat.start)
      results.stat = stat
    end
    results["return"] = reader:u32()
  end)
end

-- Opens a pipe, binds it, calls the function with the connection and ends the connection.
local function with_interface (host, path, interface_uuid, version, func)
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

--- Lists the names of a host's shares.
-- @param host The host table.
-- @return True and a list of names, or false and an error.
function enum_shares (host)
  return with_interface(host, SRVSVC_PATH, SRVSVC_UUID, SRVSVC_VERSION, function (state)
    local status, results = srvsvc_netshareenumall(state, host.ip)
    if not status then return false, results end
    local names = {}
    for i, share in ipairs(results.ctr.array) do names[i] = share.name end
    return true, names
  end)
end

--- Learns as much about a share as the server tells.
-- @param host The host table.
-- @param name The share.
-- @return True and a table, see <code>srvsvc_netsharegetinfo</code>; or false and an error.
function get_share_info (host, name)
  return with_interface(host, SRVSVC_PATH, SRVSVC_UUID, SRVSVC_VERSION, function (state)
    local why
    for level = 2, 0, -1 do
      local status, results = srvsvc_netsharegetinfo(state, host.ip, name, level)
      if status then return true, results.info end
      why = why or results
    end
    return false, why
  end)
end

--- Learns a server's statistics.
-- @param host The host table.
-- @return True and a table, see <code>srvsvc_netservergetstatistics</code>; or false and an error.
function get_server_stats (host)
  return with_interface(host, SRVSVC_PATH, SRVSVC_UUID, SRVSVC_VERSION, function (state)
    local status, results = srvsvc_netservergetstatistics(state, host.ip)
    if not status then return false, results end
    return true, results.stat
  end)
end

-- Accounts (MS-SAMR) --------------------------------------------------------------------------------------------

-- A handle and the call's result.
local function read_handle (name)
  return function (reader, results)
    results[name] = reader:raw(20)
    results["return"] = reader:u32()
  end
end

local function read_return (reader, results)
  reader:raw(20)
  results["return"] = reader:u32()
end

--- Opens the accounts of a server (SamrConnect4, 3.1.5.1.3).
-- @param smbstate The connection.
-- @param server The server's name or address.
-- @return True and a table with <code>connect_handle</code>; or false and an error.
function samr_connect4 (smbstate, server)
  -- Enumerate and look up domains.
  return call(smbstate, 62, server_name(server) .. int32(2) .. int32(0x30), read_handle("connect_handle"))
end

--- Closes a handle (SamrCloseHandle).
-- @param smbstate The connection.
-- @param handle The handle.
-- @return True, or false and an error.
function samr_close (smbstate, handle)
  return call(smbstate, 1, handle, read_return)
end

-- An array of numbers, each with a name (SAMPR_ENUMERATION_BUFFER, 2.2.7.7).
local function read_enumeration (reader)
  local entries = {}
  if reader:u32() == 0 then return entries end
  reader:u32()
  if reader:u32() == 0 then return entries end
  local headers = {}
  for i = 1, reader:count() do headers[i] = { reader:u32(), reader:string_header() } end
  for i, header in ipairs(headers) do
    entries[i] = { idx = header[1], name = reader:wide_at(header[2]) }
  end
  return entries
end

local function enumerate (smbstate, opnum, arguments)
  return call(smbstate, opnum, arguments, function (reader, results)
    results.resume_handle = reader:u32()
    results.sam = { entries = read_enumeration(reader) }
    results.num_entries = reader:u32()
    results["return"] = reader:u32()
  end, { [STATUS_MORE_ENTRIES] = true, [STATUS_NO_MORE_ENTRIES] = true })
end

--- Lists domains (SamrEnumerateDomainsInSamServer).
-- @param smbstate The connection.
-- @param connect_handle What <code>samr_connect4</code> gave.
-- @return True and a table whose <code>sam.entries</code> have <code>name</code> and <code>idx</code>; or false and an
--         error.
function samr_enumdomains (smbstate, connect_handle)
  return enumerate(smbstate, 6, connect_handle .. int32(0) .. int32(8192))
end

--- Lists the users of a domain (SamrEnumerateUsersInDomain).
-- @param smbstate The connection.
-- @param domain_handle What <code>samr_opendomain</code> gave.
-- @return True and a table whose <code>sam.entries</code> have <code>name</code> and <code>idx</code>; or false and an
--         error.
function samr_enumdomainusers (smbstate, domain_handle)
  return enumerate(smbstate, 13, domain_handle .. int32(0) .. int32(0) .. int32(0x10000))
end

--- Lists the aliases of a domain (SamrEnumerateAliasesInDomain).
-- @param smbstate The connection.
-- @param domain_handle What <code>samr_opendomain</code> gave.
-- @return True and a table whose <code>sam.entries</code> have <code>name</code> and <code>idx</code>; or false and an
--         error.
function samr_enumdomainaliases (smbstate, domain_handle)
  return enumerate(smbstate, 15, domain_handle .. int32(0) .. int32(0x10000))
end

--- Looks up a domain's security identifier (SamrLookupDomainInSamServer).
-- @param smbstate The connection.
-- @param connect_handle What <code>samr_connect4</code> gave.
-- @param domain The domain.
-- @return True and a table with <code>sid</code>; or false and an error.
function samr_lookupdomain (smbstate, connect_handle, domain)
  return call(smbstate, 5, connect_handle .. msrpctypes.marshall_lsa_String(domain), function (reader, results)
    if reader:u32() ~= 0 then results.sid = reader:sid() end
    results["return"] = reader:u32()
  end)
end

--- Opens a domain (SamrOpenDomain).
-- @param smbstate The connection.
-- @param connect_handle What <code>samr_connect4</code> gave.
-- @param sid The domain's security identifier.
-- @return True and a table with <code>domain_handle</code>; or false and an error.
function samr_opendomain (smbstate, connect_handle, sid)
  -- Read the rules for passwords and others, list accounts, look them up, get an alias' members.
  local arguments = connect_handle .. int32(0x00000385) .. msrpctypes.marshall_dom_sid2(sid)
  return call(smbstate, 7, arguments, read_handle("domain_handle"))
end

--- Lists users with what there is to show of them (SamrQueryDisplayInformation).
-- @param smbstate The connection.
-- @param domain_handle What <code>samr_opendomain</code> gave.
-- @param index The first one, from 0.
-- @param count How many.
-- @return True and a table whose <code>entries</code> have <code>rid</code>, <code>acct_flags</code>,
--         <code>account_name</code>, <code>description</code> and <code>full_name</code>; or false and an error.
function samr_querydisplayinfo (smbstate, domain_handle, index, count)
  local arguments = domain_handle .. msrpctypes.marshall_int16(1) .. int32(index) .. int32(count or 1) .. int32(0xffff)
  return call(smbstate, 40, arguments, function (reader, results)
    results.total_size, results.returned_size = reader:u32(), reader:u32()
    reader:u16()
    local entries = {}
    reader:align(4)
    reader:u32()
    if reader:u32() ~= 0 then
      local headers = {}
      for i = 1, reader:count() do
        headers[i] = { reader:u32(), reader:u32(), reader:u32(), reader:string_header(), reader:string_header(),
          reader:string_header() }
      end
      for i, header in ipairs(headers) do
        entries[i] = {
          rid = header[2],
          acct_flags = header[3],
          account_name = reader:wide_at(header[4]) or "",
          description = reader:wide_at(header[5]) or "",
          full_name = reader:wide_at(header[6]) or "",
        }
      end
    end
    results.entries = entries
    results["return"] = reader:u32()
  end, { [STATUS_MORE_ENTRIES] = true, [STATUS_NO_MORE_ENTRIES] = true })
end

-- Times that last, in 100 ns and negative; those without an end are the smallest number there is.
local function seconds_of (interval)
  -- Some servers mean "without end" by 32 bits of seconds.
  local seconds = interval ~= math.mininteger and -interval // 10000000 or 0
  return seconds ~= 0 and seconds < 0xffffffff and seconds or nil
end

--- Learns the rules of a domain (SamrQueryInformationDomain2).
-- @param smbstate The connection.
-- @param domain_handle What <code>samr_opendomain</code> gave.
-- @param level 1 for passwords, 8 for its creation, 12 for lockouts.
-- @return True and a table with <code>info</code>; or false and an error.
function samr_querydomaininfo2 (smbstate, domain_handle, level)
  return call(smbstate, 46, domain_handle .. msrpctypes.marshall_int16(level, false), function (reader, results)
    if reader:u32() ~= 0 then
      reader:u16()
      reader:align(8)
      local info = {}
      if level == 1 then
        info.min_password_length, info.password_history_length = reader:u16(), reader:u16()
        info.password_properties = reader:u32()
        info.max_password_age, info.min_password_age = seconds_of(reader:u64()), seconds_of(reader:u64())
      elseif level == 8 then
        info.sequence_num = reader:u64()
        local created = reader:u64()
        info.create_time = created > 0 and created // 10000000 - 11644473600 or nil
      elseif level == 12 then
        info.lockout_duration, info.lockout_window = seconds_of(reader:u64()), seconds_of(reader:u64())
        info.lockout_threshold = reader:u16()
      end
      results.info = info
      reader:align(4)
    end
    results["return"] = reader:u32()
  end)
end

-- Opens the accounts of a server, calls the function with the handle, closes it.
local function with_accounts (host, func)
  return with_interface(host, SAMR_PATH, SAMR_UUID, SAMR_VERSION, function (state)
    local status, results = samr_connect4(state, host.ip)
    if not status then return false, results end
    local handle = results.connect_handle
    local list
    status, list = samr_enumdomains(state, handle)
    if not status then return false, list end
    for _, entry in ipairs(list.sam.entries) do
      local found, domain = samr_lookupdomain(state, handle, entry.name)
      if found then
        local opened, answer = samr_opendomain(state, handle, domain.sid)
        if opened then
          func(state, entry.name, domain.sid, answer.domain_handle)
          samr_close(state, answer.domain_handle)
        else
          stdnse.debug1("MSRPC: domain %s does not open: %s", entry.name, answer)
        end
      end
    end
    samr_close(state, handle)
    return true
  end)
end

-- How many users are asked for at a time, and listed altogether.
local USERS_AT_A_TIME, USERS_MAX = 100, 20000

--- Lists a host's users, from its accounts.
-- @param host The host table.
-- @return True and a list of tables with <code>name</code>, <code>domain</code>, <code>fullname</code>,
--         <code>description</code>, <code>rid</code>, <code>flags</code> and <code>typestr</code>; or false and an
--         error.
function samr_enum_users (host)
  local users = {}
  local status, err = with_accounts(host, function (state, name, _, handle)
    if name == "Builtin" then return end
    local index = 0
    while index < USERS_MAX do
      local ok, page = samr_querydisplayinfo(state, handle, index, USERS_AT_A_TIME)
      if not ok or #page.entries == 0 then break end
      for _, entry in ipairs(page.entries) do
        users[#users + 1] = {
          name = entry.account_name,
          domain = name,
          fullname = entry.full_name,
          description = entry.description,
          rid = entry.rid,
          flags = samr_AcctFlags_tostr(entry.acct_flags),
          typestr = "User",
          source = "SAMR Enumeration",
        }
      end
      index = index + #page.entries
      if page["return"] ~= STATUS_MORE_ENTRIES then break end
    end
  end)
  if not status then return false, err end
  return true, users
end

--- Learns about a host's domains.
-- @param host The host table.
-- @return True and a table by name: <code>sid</code>, <code>users</code> and <code>groups</code> (lists of names),
--         <code>created</code>, <code>min_password_length</code>, <code>max_password_age</code>,
--         <code>min_password_age</code>, <code>password_history</code>, <code>lockout_threshold</code>,
--         <code>lockout_duration</code>, <code>lockout_window</code> (ages in days, the other times in minutes) and
--         <code>password_properties</code>, a list of words; or false and an error.
function get_domains (host)
  local domains = {}
  local status, err = with_accounts(host, function (state, name, sid, handle)
    local domain = { name = name, sid = sid, users = {}, groups = {} }
    local function fill (list, ok, results)
      for _, entry in ipairs(ok and results.sam.entries or {}) do list[#list + 1] = entry.name end
    end
    fill(domain.users, samr_enumdomainusers(state, handle))
    fill(domain.groups, samr_enumdomainaliases(state, handle))
    local function info (level)
      local ok, results = samr_querydomaininfo2(state, handle, level)
      return ok and results.info or {}
    end
    local passwords, creation, lockout = info(1), info(8), info(12)
    local function in_units (seconds, unit) return seconds and seconds // unit end
    domain.created = creation.create_time and os.date("!%Y-%m-%d %H:%M:%S", creation.create_time) or "unknown"
    domain.min_password_length = passwords.min_password_length
    domain.max_password_age = in_units(passwords.max_password_age, 86400)
    domain.min_password_age = in_units(passwords.min_password_age, 86400)
    local function unless_zero (number) return number ~= 0 and number or nil end
    domain.password_history = unless_zero(passwords.password_history_length)
    local properties = samr_PasswordProperties_tostr(passwords.password_properties or 0)
    domain.password_properties = #properties > 0 and properties or nil
    domain.lockout_threshold = unless_zero(lockout.lockout_threshold)
    domain.lockout_duration = in_units(lockout.lockout_duration, 60)
    domain.lockout_window = in_units(lockout.lockout_window, 60)
    domains[name] = domain
  end)
  if not status then return false, err end
  return true, domains
end

-- Names (MS-LSAT, MS-LSAD) --------------------------------------------------------------------------------------

--- Opens a server's policy (LsarOpenPolicy2, MS-LSAD 3.1.4.4.1).
-- @param smbstate The connection.
-- @param server The server's name or address.
-- @return True and a table with <code>policy_handle</code>; or false and an error.
function lsa_openpolicy2 (smbstate, server)
  -- Object attributes: a length, then pointers that lead nowhere; look up names.
  local attributes = int32(24) .. string.rep("\0", 20)
  return call(smbstate, 44, server_name(server) .. attributes .. int32(0x00000800), read_handle("policy_handle"))
end

--- Closes a handle (LsarClose).
-- @param smbstate The connection.
-- @param handle The handle.
-- @return True, or false and an error.
function lsa_close (smbstate, handle)
  return call(smbstate, 0, handle, read_return)
end

-- Domains that names refer to (LSAPR_REFERENCED_DOMAIN_LIST).
local function read_domains (reader)
  local domains = {}
  if reader:u32() == 0 then return domains end
  reader:u32()
  local array = reader:u32()
  reader:u32()
  if array == 0 then return domains end
  local headers = {}
  for i = 1, reader:count() do headers[i] = { reader:string_header(), reader:u32() } end
  for i, header in ipairs(headers) do
    domains[i] = { name = reader:wide_at(header[1]) }
    if header[2] ~= 0 then domains[i].sid = reader:sid() end
  end
  return domains
end

local NAMES_ACCEPTED = { [STATUS_SOME_NOT_MAPPED] = true, [STATUS_NONE_MAPPED] = true }

--- Looks up the names of security identifiers (LsarLookupSids2, MS-LSAT 3.1.4.10).
-- @param smbstate The connection.
-- @param policy_handle What <code>lsa_openpolicy2</code> gave.
-- @param sids A list of identifiers as text.
-- @return True and a table with <code>domains</code> (<code>name</code>, <code>sid</code>) and <code>names</code>
--         (<code>name</code>, <code>sid_type</code>, <code>sid_index</code> from 0); or false and an error.
function lsa_lookupsids2 (smbstate, policy_handle, sids)
  local pointers, bodies = {}, {}
  for i, sid in ipairs(sids) do
    pointers[i], bodies[i] = int32(REFERENT_ID + i), msrpctypes.marshall_dom_sid2(sid)
  end
  local arguments = policy_handle .. int32(#sids) .. int32(REFERENT_ID) .. int32(#sids) .. table.concat(pointers)
    .. table.concat(bodies) .. int32(0) .. int32(0) .. int32(1) .. int32(0) .. int32(0) .. int32(2)
  return call(smbstate, 57, arguments, function (reader, results)
    results.domains = read_domains(reader)
    reader:u32()
    local names = {}
    if reader:u32() ~= 0 then
      local headers = {}
      for i = 1, reader:count() do
        local kind = reader:u16()
        headers[i] = { kind, reader:string_header(), reader:u32(), reader:u32() }
      end
      for i, header in ipairs(headers) do
        names[i] = { sid_type = header[1], name = reader:wide_at(header[2]), sid_index = header[3] }
      end
    end
    results.names = names
    reader:u32()
    results["return"] = reader:u32()
  end, NAMES_ACCEPTED)
end

--- Looks up the security identifiers of names (LsarLookupNames2, MS-LSAT 3.1.4.7).
-- @param smbstate The connection.
-- @param policy_handle What <code>lsa_openpolicy2</code> gave.
-- @param names A list of names.
-- @return True and a table with <code>domains</code> (<code>name</code>, <code>sid</code>) and <code>rids</code>
--         (<code>rid</code>, <code>type</code>, <code>domain_index</code> from 0); or false and an error.
function lsa_lookupnames2 (smbstate, policy_handle, names)
  local headers, bodies = {}, {}
  for i, name in ipairs(names) do
    local whole = msrpctypes.marshall_lsa_String(name)
    headers[i], bodies[i] = string.sub(whole, 1, 8), string.sub(whole, 9)
  end
  local arguments = policy_handle .. int32(#names) .. int32(#names) .. table.concat(headers) .. table.concat(bodies)
    .. int32(0) .. int32(0) .. int32(1) .. int32(0) .. int32(0) .. int32(2)
  return call(smbstate, 58, arguments, function (reader, results)
    results.domains = read_domains(reader)
    reader:u32()
    local rids = {}
    if reader:u32() ~= 0 then
      for i = 1, reader:count() do
        local kind = reader:u16()
        rids[i] = { type = kind, rid = reader:u32(), domain_index = reader:u32() }
        reader:u32()
      end
    end
    results.rids = rids
    reader:u32()
    results["return"] = reader:u32()
  end, NAMES_ACCEPTED)
end

-- Relative identifiers to look up for each domain: those that systems make by themselves and the first that follow.
local RID_RANGES = { { 500, 512 }, { 1000, 1050 } }

--- Lists a host's users and groups, by looking up identifiers one after the other.
-- @param host The host table.
-- @return True and a list of tables with <code>name</code>, <code>domain</code>, <code>rid</code>, <code>type</code>
--         and
--         <code>typestr</code>; or false and an error.
function lsa_enum_users (host)
  return with_interface(host, LSA_PATH, LSA_UUID, LSA_VERSION, function (state)
    local status, opened = lsa_openpolicy2(state, host.ip)
    if not status then return false, opened end
    local handle = opened.policy_handle
    local _, info = smb.get_os(host)
    local names = { "administrator", "guest", "test" }
    if type(info) == "table" and info.server then names[#names + 1] = info.server end
    local found
    status, found = lsa_lookupnames2(state, handle, names)
    if not status then return false, found end
    local users = {}
    for _, domain in ipairs(found.domains) do
      for _, range in ipairs(domain.sid and RID_RANGES or {}) do
        local sids = {}
        for rid = range[1], range[2] do sids[#sids + 1] = domain.sid .. "-" .. rid end
        local ok, results = lsa_lookupsids2(state, handle, sids)
        for i, entry in ipairs(ok and results.names or {}) do
          if entry.name and entry.sid_type ~= 8 then
            users[#users + 1] = {
              name = entry.name,
              domain = domain.name,
              rid = range[1] + i - 1,
              type = entry.sid_type,
              typestr = lsa_SidType_tostr(entry.sid_type),
              source = "LSA Bruteforce",
            }
          end
        end
      end
    end
    lsa_close(state, handle)
    return true, users
  end)
end

--- Lists the names of a host's users, in whichever way works.
-- @param host The host table.
-- @return True and a list of names, or false and an error.
function get_user_list (host)
  local status, users = samr_enum_users(host)
  if not status then status, users = lsa_enum_users(host) end
  if not status then return false, users end
  local names = {}
  for _, user in ipairs(users) do
    if user.typestr == "User" then names[#names + 1] = user.name end
  end
  return true, names
end

-- Endpoint mapper (C706, appendix O) ----------------------------------------------------------------------------

-- The result of a lookup that has come to its end.
local ENDPOINTS_NOT_FOUND = 0x16c9a0d6
-- Protocols of a tower's floors (C706, appendix I) and what their addresses are called.
local FLOORS = {
  [0x07] = { "tcp_port", function (data) return #data == 2 and string.unpack(">I2", data) or nil end },
  [0x08] = { "udp_port", function (data) return #data == 2 and string.unpack(">I2", data) or nil end },
  [0x09] = { "ip_addr", function (data)
    return #data == 4 and ("%d.%d.%d.%d"):format(string.byte(data, 1, 4)) or nil
  end },
  [0x0f] = { "ncacn_np", function (data) return string.match(data, "^%Z*") end },
  [0x10] = { "ncalrpc", function (data) return string.match(data, "^%Z*") end },
  [0x11] = { "netbios", function (data) return string.match(data, "^%Z*") end },
  [0x1f] = { "http_port", function (data) return #data == 2 and string.unpack(">I2", data) or nil end },
}

--- Shows an interface's identifier.
-- @param uuid Its sixteen octets.
-- @return The usual text.
function uuid_to_string (uuid)
  local a, b, c = string.unpack("<I4I2I2", uuid)
  return ("%08x-%04x-%04x-%s-%s"):format(a, b, c, stdnse.tohex(string.sub(uuid, 9, 10)),
    stdnse.tohex(string.sub(uuid, 11)))
end

-- A tower: floors, each with what it is and where. The first names the interface.
local function read_tower (tower, entry)
  if #tower < 2 then return end
  local count, pos = string.unpack("<I2", tower)
  for floor = 1, math.min(count, 10) do
    if pos + 1 > #tower then return end
    local left_len = string.unpack("<I2", tower, pos)
    if pos + 3 + left_len > #tower then return end
    local left, right_at = string.sub(tower, pos + 2, pos + 1 + left_len), pos + 2 + left_len
    local right_len = string.unpack("<I2", tower, right_at)
    local right = string.sub(tower, right_at + 2, right_at + 1 + right_len)
    pos = right_at + 2 + right_len
    local protocol = string.byte(left, 1)
    if floor == 1 and protocol == 0x0d and #left >= 19 then
      entry.uuid = uuid_to_string(string.sub(left, 2, 17))
      entry.version = string.unpack("<I2", left, 18)
    elseif FLOORS[protocol] then
      entry[FLOORS[protocol][1] ] = FLOORS[protocol][2](right)
    end
  end
end

--- Asks for the next endpoint (ept_lookup).
-- @param smbstate The connection.
-- @param handle What the call before gave as <code>new_handle</code>, nil for the first one.
-- @return True and a table with <code>new_handle</code> and <code>lookup_response</code>: <code>uuid</code>,
--         <code>version</code>, <code>annotation</code> and the address, as <code>tcp_port</code>,
--         <code>udp_port</code>, <code>ip_addr</code>, <code>ncacn_np</code>, <code>ncalrpc</code> or
--         <code>netbios</code>; or false and an error, at the end <code>"not_found"</code>.
function epmapper_lookup (smbstate, handle)
  -- All elements, no object, no interface, any version, one at a time.
  local arguments = int32(0) .. int32(0) .. int32(0) .. int32(1) .. (handle or string.rep("\0", 20)) .. int32(1)
  local status, results, code = call(smbstate, 2, arguments, function (reader, answer)
    answer.new_handle = reader:raw(20)
    local count = reader:u32()
    reader:u32()
    reader:u32()
    reader:u32()
    local entry = {}
    if count > 0 then
      entry.object = reader:raw(16)
      local tower = reader:u32()
      reader:u32()
      entry.annotation = string.match(reader:raw(reader:count()), "^%Z*")
      if tower ~= 0 then
        reader:u32()
        read_tower(reader:raw(reader:count()), entry)
        reader:align(4)
      end
      answer.lookup_response = entry
    end
    answer["return"] = reader:u32()
  end)
  if not status then return false, code == ENDPOINTS_NOT_FOUND and "not_found" or results end
  if not results.lookup_response then return false, "not_found" end
  return true, results
end

-- Registry (MS-RRP) ---------------------------------------------------------------------------------------------

-- A string with its lengths and a pointer to it; the lengths count the zero at its end.
local function registry_string (text)
  if not text then return int32(0) .. int32(0) end
  local bytes = 2 * (#msrpctypes.string_to_unicode(text, true) // 2)
  return string.pack("<I2I2", bytes, bytes) .. wide_ptr(text, true)
end

-- Room for a string that the server fills.
local function registry_buffer (characters)
  return string.pack("<I2I2I4I4I4I4", 0, 2 * characters, REFERENT_ID, characters, 0, 0)
end

-- Opens one of the roots. The machine's name is one character that servers pass over.
local function open_root (opnum)
  return function (smbstate)
    return call(smbstate, opnum, int32(REFERENT_ID) .. int32(0x3f) .. int32(0x02000000), read_handle("handle"))
  end
end

--- Opens the settings of the present user.
-- @class function
-- @name winreg_openhkcu
-- @param smbstate The connection.
-- @return True and a table with <code>handle</code>; or false and an error.
winreg_openhkcu = open_root(1)

--- Opens the settings of the machine.
-- @class function
-- @name winreg_openhklm
-- @param smbstate The connection.
-- @return True and a table with <code>handle</code>; or false and an error.
winreg_openhklm = open_root(2)

--- Opens the performance data.
-- @class function
-- @name winreg_openhkpd
-- @param smbstate The connection.
-- @return True and a table with <code>handle</code>; or false and an error.
winreg_openhkpd = open_root(3)

--- Opens the settings of all users.
-- @class function
-- @name winreg_openhku
-- @param smbstate The connection.
-- @return True and a table with <code>handle</code>; or false and an error.
winreg_openhku = open_root(4)

--- Closes a key.
-- @param smbstate The connection.
-- @param handle The key.
-- @return True, or false and an error.
function winreg_closekey (smbstate, handle)
  return call(smbstate, 5, handle, read_return)
end

--- Gets the name of a key below another.
-- @param smbstate The connection.
-- @param handle The other key.
-- @param index Which one, from 0.
-- @param name Unused.
-- @return True and a table with <code>name</code>; or false and an error: there are no more.
function winreg_enumkey (smbstate, handle, index, name)
  local arguments = handle .. int32(index) .. registry_buffer(260)
    .. int32(REFERENT_ID) .. registry_buffer(260) .. int32(REFERENT_ID) .. string.rep("\0", 8)
  return call(smbstate, 9, arguments, function (reader, results)
    local pointer = reader:string_header()
    results.name = reader:wide_at(pointer)
    if reader:u32() ~= 0 then reader:wide_at(reader:string_header()) end
    reader:align(4)
    if reader:u32() ~= 0 then results.changed_time = reader:u64() end
    results["return"] = reader:u32()
  end)
end

--- Opens a key below another.
-- @param smbstate The connection.
-- @param handle The other key.
-- @param keyname Its path.
-- @return True and a table with <code>handle</code>; or false and an error.
function winreg_openkey (smbstate, handle, keyname)
  return call(smbstate, 15, handle .. registry_string(keyname) .. int32(0) .. int32(0x02000000), read_handle("handle"))
end

--- Learns about a key.
-- @param smbstate The connection.
-- @param handle The key.
-- @return True and a table with <code>subkeys</code>, <code>values</code> and <code>last_changed_time</code> (seconds);
--         or false and an error.
function winreg_queryinfokey (smbstate, handle)
  return call(smbstate, 16, handle .. registry_buffer(260), function (reader, results)
    reader:wide_at(reader:string_header())
    reader:align(4)
    results.subkeys, results.subkeymax, results.subkeysize = reader:u32(), reader:u32(), reader:u32()
    results.values, results.valnamemax, results.valbufmax, results.secdescsize =
      reader:u32(), reader:u32(), reader:u32(), reader:u32()
    results.last_changed_time = reader:u64() // 10000000 - 11644473600
    results.last_changed_date = os.date("!%Y-%m-%d %H:%M:%S", results.last_changed_time)
    results["return"] = reader:u32()
  end)
end

-- Kinds of values (MS-RRP 2.2.9, MS-DTYP).
local REG_SZ, REG_EXPAND_SZ, REG_DWORD, REG_MULTI_SZ = 1, 2, 4, 7
-- The longest value that is asked for: performance data are long.
local VALUE_LEN_MAX = 1024 * 1024

--- Gets a value of a key.
-- @param smbstate The connection.
-- @param handle The key.
-- @param value The value's name.
-- @return True and a table with <code>type</code>, <code>data</code> (octets) and <code>value</code> (a text or a
--         number,
--         or the octets); or false and an error.
function winreg_queryvalue (smbstate, handle, value)
  local size = 0x10000
  while true do
    local pointer = int32(REFERENT_ID)
    local arguments = handle .. registry_string(value) .. pointer .. int32(0)
      .. pointer .. int32(size) .. int32(0) .. int32(0) .. pointer .. int32(size) .. pointer .. int32(0)
    local status, results, code = call(smbstate, 17, arguments, function (reader, answer)
      if reader:u32() ~= 0 then answer.type = reader:u32() end
      if reader:u32() ~= 0 then
        reader:u32()
        reader:u32()
        answer.data = reader:raw(reader:u32())
        reader:align(4)
      end
      if reader:u32() ~= 0 then answer.size = reader:u32() end
      if reader:u32() ~= 0 then answer.length = reader:u32() end
      answer["return"] = reader:u32()
    end)
    if status then
      local data = results.data or ""
      if results.type == REG_SZ or results.type == REG_EXPAND_SZ or results.type == REG_MULTI_SZ then
        local _, text = msrpctypes.unicode_to_string(data, 1, #data // 2)
        results.value = (string.gsub(text or "", "%z+$", ""))
      elseif results.type == REG_DWORD and #data >= 4 then
        results.value = string.unpack("<I4", data)
      else
        results.value = data
      end
      return true, results
    end
    -- More data than there was room for.
    if code ~= 0xea or size >= VALUE_LEN_MAX then return false, results end
    size = size * 4
  end
end

-- Remote administration of LAN Manager (MS-RAP) -----------------------------------------------------------------

--- Calls a function of LAN Manager.
-- @param smbstate The connection, with share <code>IPC$</code>.
-- @param opnum The function's number.
-- @param paramdesc What its parameters are.
-- @param datadesc What its data are.
-- @param data The parameters' octets.
-- @return True and a table with <code>parameters</code> and <code>data</code>; or false and an error.
function call_lanmanapi (smbstate, opnum, paramdesc, datadesc, data)
  local parameters = string.pack("<I2zz", opnum, paramdesc, datadesc) .. data
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
