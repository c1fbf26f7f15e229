local nmap = require "nmap"
local rdp = require "rdp"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Tries every security protocol and every cipher of RDP and shows those that a server accepts, with its version.

A protocol counts only if the server chooses it: one that answers with another protocol does not know the one it was asked
for.
]]

---
-- @usage
-- perilune -p 3389 --script rdp-enum-encryption TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 3389/tcp open  ms-wbt-server
-- | rdp-enum-encryption:
-- |   Security layer
-- |     CredSSP (NLA): SUCCESS
-- |     Native RDP: SUCCESS
-- |   RDP Encryption level: High
-- |     128-bit RC4: SUCCESS
-- |_  RDP Protocol Version:  RDP 5.x, 6.x, 7.x, or 8.x server

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "discovery" }

portrule = shortport.port_or_service(3389, "ms-wbt-server")

-- What is asked for, and which choices of the server mean yes.
local PROTOCOLS = {
  { "Native RDP", rdp.PROTOCOL_RDP },
  { "SSL", rdp.PROTOCOL_SSL },
  { "CredSSP (NLA)", rdp.PROTOCOL_HYBRID },
  { "RDSTLS", rdp.PROTOCOL_RDSTLS },
  { "CredSSP with Early User Auth", rdp.PROTOCOL_HYBRID_EX },
}

-- MS-RDPBCGR 2.2.1.13.1.1.2 and 2.2.1.4.3.
local CIPHERS = { { "40-bit RC4", 1 }, { "56-bit RC4", 8 }, { "128-bit RC4", 2 }, { "FIPS 140-1", 16 } }
local LEVELS = { [0] = "None", "Low", "Client Compatible", "High", "FIPS 140-1" }

-- A refusal's code (2.2.1.2.2) where it tells more than no.
local FAILURES = { [5] = "HYBRID_REQUIRED_BY_SERVER" }

local function try_protocol (host, port, protocol)
  local comm = rdp.Comm:new(host, port)
  local status, response = comm:connect()
  if not status then return nil, response end
  status, response = comm:exch(rdp.Request.ConnectionRequest:new(protocol))
  comm:close()
  if not status then return nil, response end
  if response.failure then return false, FAILURES[response.failure] end
  -- A server from before these protocols answers without a word of them.
  return (response.protocol or rdp.PROTOCOL_RDP) == protocol
end

local function security_layers (host, port)
  local names, native = { name = "Security layer" }, false
  for _, one in ipairs(PROTOCOLS) do
    local accepted, reason = try_protocol(host, port, one[2])
    if accepted == nil and #names == 0 and one[2] == rdp.PROTOCOL_RDP then
      stdnse.debug1("no answer: %s", reason)
      return nil
    end
    if accepted then
      names[#names + 1] = one[1] .. ": SUCCESS"
      if one[2] == rdp.PROTOCOL_RDP then native = true end
    elseif nmap.verbosity() > 1 and accepted == false then
      names[#names + 1] = one[1] .. ": FAILED" .. (reason and (" (%s)"):format(reason) or "")
    end
  end
  table.sort(names)
  return names, native
end

local function ciphers (host, port)
  local names, version = { name = "RDP Encryption level: Unknown" }, nil
  for _, one in ipairs(CIPHERS) do
    local comm = rdp.Comm:new(host, port)
    local status, response = comm:connect()
    if status then status, response = comm:exch(rdp.Request.ConnectionRequest:new(rdp.PROTOCOL_RDP)) end
    if status then
      status, response = comm:exch(rdp.Request.MCSConnectInitial:new(one[2], rdp.PROTOCOL_RDP))
    end
    comm:close()
    local ccr = status and response.ccr
    if ccr then
      version = version or ccr.proto_version
      if ccr.enc_level then names.name = "RDP Encryption level: " .. (LEVELS[ccr.enc_level] or "Unknown") end
      if ccr.enc_cipher == one[2] then names[#names + 1] = one[1] .. ": SUCCESS" end
    end
  end
  return names, version
end

action = function (host, port)
  local layers, native = security_layers(host, port)
  if not layers then return nil end
  local result = {}
  if #layers > 0 then result[1] = layers end
  if native then
    local names, version = ciphers(host, port)
    if #names > 0 then result[#result + 1] = names end
    if version then result[#result + 1] = version end
  end
  if #result == 0 then return nil end
  return stdnse.format_output(true, result)
end
