local rpc = require "rpc"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Lists the directories that a host exports and who may mount them (RFC 1813, 5.2.5), as <code>showmount -e</code> does.
]]

---
-- @usage
-- perilune -sV -p 111 --script nfs-showmount TARGET
--
-- @output
-- 111/tcp open  rpcbind
-- | nfs-showmount:
-- |   /srv/export 192.0.2.0/24
-- |_  /home

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(111, { "rpcbind", "mountd" }, { "tcp", "udp" })

local function mounts_of (host, port)
  if port.service ~= "mountd" then return rpc.Helper.ShowMounts(host, port) end
  local comm = rpc.Comm:new("mountd", 3)
  local status, err = comm:Connect(host, port)
  if not status then return false, err end
  local mounts
  status, mounts = rpc.Mount:new():Export(comm)
  comm:Disconnect()
  return status, mounts
end

action = function (host, port)
  local status, mounts = mounts_of(host, port)
  if not status then
    stdnse.debug1("%s", tostring(mounts))
    return nil
  end
  local lines = {}
  for i, mount in ipairs(mounts) do lines[i] = mount.name .. " " .. table.concat(mount, " ") end
  return stdnse.format_output(true, lines)
end
