local msrpc = require "msrpc"
local smb = require "smb"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Lists the endpoints that a Windows host's endpoint mapper knows: interfaces, their names and where they are reached
(C706, appendix O).

The mapper is asked through its named pipe, as nobody in particular or with the account given.
]]

---
-- @args smbusername, smbpassword, smbdomain See library <code>smbauth</code>.
--
-- @usage
-- perilune -p 445 --script msrpc-enum TARGET
--
-- @output
-- Host script results:
-- | msrpc-enum:
-- |
-- |     annotation: Messenger Service
-- |     ncalrpc: ntsvcs
-- |     uuid: 17fdd703-1827-4e34-79d4-24a55c53bb37
-- |
-- |     tcp_port: 1025
-- |     uuid: 0c821d64-a3fc-11d1-bb7a-0080c75e4ec1
-- |_
--
-- @xmloutput
-- <table>
--   <elem key="tcp_port">1025</elem>
--   <elem key="uuid">0c821d64-a3fc-11d1-bb7a-0080c75e4ec1</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "discovery" }

hostrule = function (host)
  return smb.get_port(host) ~= nil
end

local ENDPOINTS_MAX = 1000
local FIELDS = { "annotation", "ip_addr", "ncacn_np", "ncalrpc", "netbios", "tcp_port", "udp_port", "http_port",
  "uuid" }

-- The mapper's endpoints; nil and an error.
local function endpoints_of (host)
  local status, state = msrpc.start_smb(host, msrpc.EPMAPPER_PATH)
  if not status then return nil, state end
  local err
  status, err = msrpc.bind(state, msrpc.EPMAPPER_UUID, msrpc.EPMAPPER_VERSION, nil)
  local list, handle = {}, nil
  while status and #list < ENDPOINTS_MAX do
    local answer
    status, answer = msrpc.epmapper_lookup(state, handle)
    if not status then
      err = answer
    else
      handle = answer.new_handle
      list[#list + 1] = answer.lookup_response
    end
  end
  msrpc.stop_smb(state)
  if #list == 0 then return nil, err end
  local function key (endpoint)
    return ("%s %s %s"):format(endpoint.uuid, tostring(endpoint.ncacn_np or endpoint.ncalrpc),
      tostring(endpoint.tcp_port))
  end
  table.sort(list, function (a, b) return key(a) < key(b) end)
  return list
end

action = function (host)
  local list, err = endpoints_of(host)
  if not list then
    stdnse.debug1("%s", tostring(err))
    return nil
  end
  local result, lines = {}, {}
  for i, endpoint in ipairs(list) do
    local entry = stdnse.output_table()
    lines[#lines + 1] = ""
    for _, field in ipairs(FIELDS) do
      local value = endpoint[field]
      if value ~= nil and value ~= "" then
        entry[field] = value
        lines[#lines + 1] = ("    %s: %s"):format(field, value)
      end
    end
    result[i] = entry
  end
  return result, table.concat(lines, "\n")
end
