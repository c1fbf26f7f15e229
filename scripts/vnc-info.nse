local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local vnc = require "vnc"

description = [[
Shows a VNC server's version of the protocol and its security types, those inside of VeNCrypt, TLS and Tight included.
]]

---
-- @usage
-- perilune -p 5900 --script vnc-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 5900/tcp open  vnc
-- | vnc-info:
-- |   Protocol version: 3.8
-- |   Security types:
-- |     VNC Authentication (2)
-- |     VeNCrypt (19)
-- |   VeNCrypt auth subtypes:
-- |_    VNC auth, Anonymous TLS (258)
--
-- @xmloutput
-- <elem key="Protocol version">3.8</elem>
-- <table key="Security types">
--   <table>
--     <elem key="name">VNC Authentication</elem>
--     <elem key="type">2</elem>
--   </table>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 5900, 5901, 5902 }, "vnc")

local IN_A_LINE = { __tostring = function (one) return ("%s (%d)"):format(one.name, one.type) end }

local function open_session (host, port)
  local client = vnc.VNC:new(host, port)
  local status, err = client:connect()
  if status then status, err = client:handshake() end
  if status then return client end
  client:disconnect()
  return nil, err
end

-- What is inside of one of the types; each needs a session of its own.
local function inside (host, port, handshake, read)
  local client = open_session(host, port)
  if not client then return nil end
  local status, err = client[handshake](client)
  local types
  if status then types = read(client) else stdnse.debug1("%s: %s", handshake, err) end
  client:disconnect()
  if types and #types > 0 then return types end
end

action = function (host, port)
  local result = stdnse.output_table()
  local client, err = open_session(host, port)
  if not client then
    stdnse.debug1("no session: %s", err)
    if err and string.find(err, "refused the connection", 1, true) then
      result.ERROR = err
      return result
    end
    return nil
  end
  result["Protocol version"] = client:getProtocolVersion()
  local types = client:getSecTypesAsTable()
  if #types > 0 then result["Security types"] = types end
  client:disconnect()

  local sectypes = vnc.VNC.sectypes
  if client:supportsSecType(sectypes.TLS) then
    result["TLS auth subtypes"] = inside(host, port, "handshake_tls", client.getSecTypesAsTable)
  end
  if client:supportsSecType(sectypes.VENCRYPT) then
    result["VeNCrypt auth subtypes"] = inside(host, port, "handshake_vencrypt", client.getVencryptTypesAsTable)
  end
  if client:supportsSecType(sectypes.TIGHT) then
    result["Tight auth subtypes"] = inside(host, port, "handshake_tight", function (one)
      local list = {}
      for _, capability in ipairs(one.tight.auths) do
        list[#list + 1] = setmetatable({ name = capability.string, type = capability.code }, IN_A_LINE)
      end
      return list
    end)
  end
  if client:supportsSecType(sectypes.NONE) then
    result.WARNING = "Server does not require authentication"
  end
  return result
end
