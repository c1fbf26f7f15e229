local httpjson = require "httpjson"
local shortport = require "shortport"
local stdnse = require "stdnse"

description = [[
Lists the databases of a CouchDB server that answers anybody.
]]

---
-- @usage
-- perilune -p 5984 --script couchdb-databases TARGET
--
-- @output
-- 5984/tcp open  couchdb
-- | couchdb-databases:
-- |   1 = _users
-- |_  2 = orders

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service({ 5984 }, { "couchdb" })

local MAX_SHOWN = 200

action = function (host, port)
  local list = httpjson.fetch(host, port, "/_all_dbs", { redirect_ok = false })
  if httpjson.text(list, "error") then
    return stdnse.format_output(false, httpjson.text(list, "reason") or httpjson.text(list, "error"))
  end
  local names = httpjson.texts(list, MAX_SHOWN)
  if not names then return nil end
  local lines = {}
  for i, name in ipairs(names) do lines[i] = ("%d = %s"):format(i, name) end
  return names, stdnse.format_output(true, lines)
end
