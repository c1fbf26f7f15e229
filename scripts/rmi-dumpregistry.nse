local rmi = require "rmi"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Lists the objects of a Java RMI registry with their classes, and where they are served.
]]

---
-- @usage
-- perilune -p 1099 --script rmi-dumpregistry TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 1099/tcp open  java-rmi
-- | rmi-dumpregistry:
-- |   moon/hello
-- |      implements java.rmi.Remote, Hello,
-- |     extends
-- |       java.lang.reflect.Proxy
-- |       fields
-- |           Ljava/lang/reflect/InvocationHandler; h
-- |             java.rmi.server.RemoteObjectInvocationHandler
-- |             @192.0.2.1:42863
-- |             extends
-- |_              java.rmi.server.RemoteObject

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 1098, 1099, 1090, 8901, 8902, 8903 }, { "java-rmi", "rmiregistry" })

-- More names are not looked up.
local NAMES_MAX = 100

action = function (host, port)
  local registry = rmi.Registry:new(host, port)
  local status, names = registry:list()
  if not status then
    stdnse.debug1("no list: %s", names)
    return nil
  end
  local lines = {}
  for i, name in ipairs(names:getValues()) do
    if i > NAMES_MAX then
      lines[#lines + 1] = ("%d more"):format(#names:getValues() - NAMES_MAX)
      break
    end
    lines[#lines + 1] = tostring(name)
    local found, object = registry:lookup(tostring(name))
    if found and type(object) == "table" then
      lines[#lines + 1] = object:toTable()
    elseif not found then
      stdnse.debug1("%s: %s", name, object)
    end
  end
  if #lines == 0 then return "Registry listing successful, but got no objects" end
  return stdnse.format_output(true, lines)
end
