---
-- Server service (MS-SRVS): shares, sessions, statistics. Scripts reach it through library <code>msrpc</code>.
--
-- @copyright MIT OR Apache-2.0

local rpc = require "msrpc.call"
local msrpctypes = require "msrpctypes"
local os = require "os"
local stdnse = require "stdnse"
local table = require "table"
_ENV = stdnse.module("msrpc.server", stdnse.seeall)

local call, with_interface, server_name =
  rpc.call, rpc.with_interface, rpc.server_name
local REFERENT_ID, SRVSVC_PATH, SRVSVC_UUID, SRVSVC_VERSION =
  rpc.REFERENT_ID, rpc.SRVSVC_PATH, rpc.SRVSVC_UUID, rpc.SRVSVC_VERSION
local wide_ptr, wide, int32 =
  msrpctypes.marshall_unicode_ptr, msrpctypes.marshall_unicode, msrpctypes.marshall_int32

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

--- Makes a path canonical (NetprPathCanonicalize, 3.1.4.30).
-- @param smbstate The connection.
-- @param server The server's name.
-- @param path The path.
-- @return True and a table with <code>can_path</code> and <code>type</code>, or false and an error.
function srvsvc_netpathcanonicalize (smbstate, server, path)
  local arguments = server_name(server) .. wide(path, true) .. int32(2 * #path + 2) .. wide("", true) .. int32(1) .. int32(0)
  return call(smbstate, 31, arguments, function (reader, results)
    results.max_count = reader:u32()
    results.can_path = reader:raw(results.max_count)
    reader:align(4)
    results.type = reader:u32()
    results["return"] = reader:u32()
  end)
end

--- Compares two paths (NetprPathCompare, 3.1.4.31).
-- @param smbstate The connection.
-- @param server The server's name.
-- @param path1 A path.
-- @param path2 Another one.
-- @param pathtype What they are.
-- @param pathflags 1 if they are canonical.
-- @return True and a table, or false and an error; the error is a name of a result, or a message.
function srvsvc_netpathcompare (smbstate, server, path1, path2, pathtype, pathflags)
  local arguments = server_name(server) .. wide(path1, true) .. wide(path2, true) .. int32(pathtype or 0)
    .. int32(pathflags or 0)
  return call(smbstate, 32, arguments, function (reader, results) results["return"] = reader:u32() end)
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

return _ENV
