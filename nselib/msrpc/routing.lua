---
-- Names and routes: management of the DNS server (MS-DNSP) and of remote access (MS-RRASM). Scripts reach them through
-- library <code>msrpc</code>.
--
-- @copyright MIT OR Apache-2.0

local msrpctypes = require "msrpctypes"
local rpc = require "msrpc.call"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("msrpc.routing", stdnse.seeall)

local call, REFERENT_ID = rpc.call, rpc.REFERENT_ID
local int32, wide_ptr = msrpctypes.marshall_int32, msrpctypes.marshall_unicode_ptr

-- What a request to the service of remote access holds before its data.
local REQUEST_HEAD = "<I4I4I4I4I8"

--- Numbers of procedures of the DNS server (MS-DNSP 3.1.4).
-- @class table
-- @name DNSSERVER_Opnums
DNSSERVER_Opnums = { R_DnssrvOperation = 0, R_DnssrvQuery = 1, R_DnssrvComplexOperation = 2, R_DnssrvEnumRecords = 3,
  R_DnssrvUpdateRecord = 4, R_DnssrvOperation2 = 5, R_DnssrvQuery2 = 6, R_DnssrvComplexOperation2 = 7,
  R_DnssrvEnumRecords2 = 8, R_DnssrvUpdateRecord2 = 9 }

--- Questions about the DNS server and its zones (MS-DNSP 3.1.4.2), and the kind of answer each has (2.2.1.1.1).
-- @class table
-- @name DNSSERVER_ConfInfo
DNSSERVER_ConfInfo = { ServerInfo = 0x00000001, Zone = 0x00000004, ZoneInfo = 0x00000006 }

--- Numbers of procedures of remote access (MS-RRASM 3.3.4).
-- @class table
-- @name RRAS_Opnums
RRAS_Opnums = { RasRpcDeleteEntry = 5, RasRpcGetUserPreferences = 9, RasRpcSetUserPreferences = 10,
  RasRpcGetSystemDirectory = 11, RasRpcSubmitRequest = 12, RasRpcGetInstalledProtocolsEx = 14, RasRpcGetVersion = 15 }

--- Kinds of requests to the service of remote access (MS-RRASM 2.2.1.1.18, without <code>REQTYPE_</code>).
-- @class table
-- @name RRAS_RegTypes
RRAS_RegTypes = { PORTENUM = 21, GETINFO = 22, GETDEVCONFIG = 73, SETDEVICECONFIGINFO = 94, GETDEVICECONFIGINFO = 95,
  GETCALLEDID = 105, SETCALLEDID = 106, GETNDISWANDRIVERCAPS = 111 }

-- A text of octets that a pointer leads to, with its counts and a zero.
local function narrow_ptr (text)
  if not text then return int32(0) end
  local data = text .. "\0"
  return int32(REFERENT_ID) .. string.pack("<I4I4I4", #data, 0, #data) .. data .. string.rep("\0", -#data % 4)
end

--- Asks the DNS server about itself or a zone (R_DnssrvQuery, MS-DNSP 3.1.4.2).
-- @param smbstate The connection, bound.
-- @param server_name The server's name.
-- @param zone The zone, nil to ask about the server.
-- @param operation What is asked, a key of <code>DNSSERVER_ConfInfo</code> or the name of a property.
-- @return True and a table with <code>type_id</code>, the kind of answer, and <code>data</code>, its octets; or false
--         and an error.
function DNSSERVER_Query (smbstate, server_name, zone, operation)
  local arguments = wide_ptr(server_name, true) .. narrow_ptr(zone) .. narrow_ptr(operation)
  return call(smbstate, DNSSERVER_Opnums.R_DnssrvQuery, arguments, function (reader, results)
    results.type_id = reader:u32()
    -- What lies between the kind and the result.
    local len = #reader.data - reader.pos - 3
    if len < 0 then error("the answer ends too early", 0) end
    results.data = reader:raw(len)
    results["return"] = reader:u32()
  end)
end

--- Packs a request to the service of remote access (RequestBuffer, MS-RRASM 2.2.1.2.18).
-- @param RB_PCBIndex The port's number.
-- @param RB_ReqType The kind of request, one of <code>RRAS_RegTypes</code>.
-- @param RB_Buffer Its data.
-- @return Octets.
function RRAS_marshall_RequestBuffer (RB_PCBIndex, RB_ReqType, RB_Buffer)
  return string.pack(REQUEST_HEAD, RB_PCBIndex, RB_ReqType, 0, 0, 0) .. RB_Buffer
end

--- Hands a request to the service of remote access (RasRpcSubmitRequest, MS-RRASM 3.3.4.5).
-- @param smbstate The connection, bound.
-- @param pReqBuffer What <code>RRAS_marshall_RequestBuffer</code> made; nil for none.
-- @param dwcbBufSize Its size. Default: as long as it is.
-- @return True and a table with <code>buffer</code>, the request as the service changed it; or false and an error.
function RRAS_SubmitRequest (smbstate, pReqBuffer, dwcbBufSize)
  local size = dwcbBufSize or #(pReqBuffer or "")
  local arguments = int32(0)
  if pReqBuffer then
    arguments = int32(REFERENT_ID) .. int32(size) .. pReqBuffer .. string.rep("\0", -#pReqBuffer % 4)
  end
  return call(smbstate, RRAS_Opnums.RasRpcSubmitRequest, arguments .. int32(size), function (reader, results)
    if reader:u32() ~= 0 then
      results.buffer = reader:raw(reader:count())
    end
    results["return"] = reader:u32()
  end)
end

return _ENV
