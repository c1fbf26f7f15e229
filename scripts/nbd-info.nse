local nbd = require "nbd"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Shows protocol, exports and their sizes and flags of a server of network block devices.
]]

---
-- @args nbd-info.export_names A name or a list of names of exports to look at, beside those the server lists.
--
-- @usage
-- perilune -p 10809 --script nbd-info TARGET
--
-- @output
-- PORT      STATE SERVICE
-- 10809/tcp open  nbd
-- | nbd-info:
-- |   Protocol:
-- |     Negotiation: fixed newstyle
-- |     SSL/TLS Wrapped: false
-- |   Exported Block Devices:
-- |     disk:
-- |       Size: 1048576 bytes
-- |       Transmission Flags:
-- |_        SEND_FLUSH

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }

portrule = shortport.version_port_or_service(10809, "nbd", "tcp")

-- More exports are not used one by one.
local ATTACHED_MAX = 20

local function wanted_names ()
  local argument = stdnse.get_script_args(SCRIPT_NAME .. ".export_names")
  if argument == nil then return {} end
  if type(argument) == "table" then return argument end
  return { argument }
end

action = function (host, port)
  local comm = nbd.Comm:new(host, port)
  local status, err = comm:connect(nbd.NBD)
  if not status then
    stdnse.debug1("no session: %s", err)
    return nil
  end
  status, err = comm:list()
  if not status then stdnse.debug1("no list: %s", err) end
  -- Servers may tell the size only to those who use the export, which ends the session.
  local names = wanted_names()
  for name, export in pairs(comm.exports) do
    if not export.size or export.size == 0 then names[#names + 1] = name end
  end
  for i, name in ipairs(names) do
    if i > ATTACHED_MAX then break end
    status, err = comm:attach(name)
    if not status then stdnse.debug1("%s: %s", name, err) end
    local known = comm.exports
    if i < #names and not comm:reconnect() then break end
    for other, export in pairs(known) do
      if export.size and export.size > 0 then comm.exports[other] = export end
    end
  end
  comm:close()

  port.version.name, port.version.product = "nbd", "Network Block Device"
  port.version.extrainfo = comm.protocol.negotiation
  nmap.set_port_version(host, port)

  local result = stdnse.output_table()
  local protocol = stdnse.output_table()
  protocol["Negotiation"] = comm.protocol.negotiation
  protocol["SSL/TLS Wrapped"] = tostring(comm.protocol.ssl_tls)
  result["Protocol"] = protocol
  local names = {}
  for name in pairs(comm.exports) do names[#names + 1] = name end
  table.sort(names)
  if #names > 0 then
    local exports = stdnse.output_table()
    for _, name in ipairs(names) do
      local export, shown = comm.exports[name], stdnse.output_table()
      if type(export.size) == "number" then shown["Size"] = ("%d bytes"):format(export.size) end
      if export.tflags then
        local flags = {}
        for flag in pairs(export.tflags) do
          -- That there are flags is shown by those that follow.
          if flag ~= "HAS_FLAGS" then flags[#flags + 1] = flag end
        end
        table.sort(flags)
        if #flags > 0 then shown["Transmission Flags"] = flags end
      end
      exports[name == "" and "default export" or name] = shown
    end
    result["Exported Block Devices"] = exports
  end
  return result
end
