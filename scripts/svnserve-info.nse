local comm = require "comm"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the protocol versions and capabilities that a Subversion server greets with, and how its root wants a login.
]]

---
-- @args svnserve-info.path The repository that is asked for, below the root. Default: none.
--
-- @usage
-- perilune -p 3690 --script svnserve-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 3690/tcp open  svn
-- | svnserve-info:
-- |   Protocol versions: 2 to 2
-- |   Capabilities: edit-pipeline, svndiff1
-- |_  Authentication: ANONYMOUS

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(3690, { "svn", "svnserve" })

local function comma (words)
  return (string.gsub(string.match(words, "^%s*(.-)%s*$"), "%s+", ", "))
end

action = function (host, port)
  local socket, greeting = comm.opencon(host, port, nil, { recv_before = true, timeout = 5000 })
  if not socket then
    stdnse.debug1("no greeting: %s", greeting)
    return nil
  end
  local low, high, words = string.match(greeting, "^%( success %( (%d+) (%d+) %b() %(([^%)]*)%)")
  if not low then
    socket:close()
    return nil
  end
  local result = stdnse.output_table()
  result["Protocol versions"] = ("%s to %s"):format(low, high)
  result["Capabilities"] = comma(words)
  local url = ("svn://%s/%s"):format(stdnse.get_hostname(host), stdnse.get_script_args(SCRIPT_NAME .. ".path") or "")
  local status, answer = socket:send(("( %s ( edit-pipeline svndiff1 ) %d:%s ) "):format(high, #url, url))
  if status then status, answer = socket:receive() end
  socket:close()
  if status then
    local mechanisms, realm_len, realm = string.match(answer, "^%( success %( %(([^%)]*)%) (%d+):(.*)")
    if mechanisms then
      if string.find(mechanisms, "%S") then result["Authentication"] = comma(mechanisms) end
      realm = string.sub(realm, 1, tonumber(realm_len))
      if realm ~= "" then result["Realm"] = realm end
    else
      -- The last text in the answer is the server's word about it.
      local len, text = string.match(answer, "^%( failure %( %( %d+ (%d+):(.*)")
      if len then result["Error"] = string.sub(text, 1, tonumber(len)) end
    end
  end
  return result
end
