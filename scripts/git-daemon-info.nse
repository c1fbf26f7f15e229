local comm = require "comm"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Asks a git daemon for the branches and tags of a repository, and shows the daemon's software.
]]

---
-- @args git-daemon-info.path The repository. Default: <code>/</code>.
--
-- @usage
-- perilune -p 9418 --script git-daemon-info --script-args git-daemon-info.path=/linux.git TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 9418/tcp open  git
-- | git-daemon-info:
-- |   Agent: git/2.39.5
-- |   References:
-- |_    refs/heads/main: 1234567890123456789012345678901234567890

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service(9418, "git")

local SHOWN_MAX = 20

-- Lines of the protocol: four hexadecimal digits of length, which count themselves; 0000 ends a list.
local function packet_lines (data)
  local pos = 1
  return function ()
    local len = tonumber(string.match(data, "^%x%x%x%x", pos) or "", 16)
    if not len or len < 4 or pos + len - 1 > #data then return nil end
    local line = string.sub(data, pos + 4, pos + len - 1)
    pos = pos + len
    return line
  end
end

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local request = ("git-upload-pack %s\0host=%s\0"):format(path, stdnse.get_hostname(host))
  local status, answer = comm.exchange(host, port, ("%04x%s"):format(#request + 4, request), { timeout = 5000, bytes = 4 })
  if not status then
    stdnse.debug1("no answer: %s", answer)
    return nil
  end
  local result, references, count = stdnse.output_table(), stdnse.output_table(), 0
  for line in packet_lines(answer) do
    local failure = string.match(line, "^ERR (.-)\n?$")
    if failure then
      result["Error"] = failure
      break
    end
    local id, name, capabilities = string.match(line, "^(%x+) ([^%z\n]+)%z?([^\n]*)")
    if not id then break end
    if capabilities ~= "" then result["Agent"] = string.match(capabilities, "agent=(%S+)") end
    if not string.find(name, "^capabilities") then
      count = count + 1
      if count <= SHOWN_MAX then references[name] = id end
    end
  end
  if count > 0 then result["References"] = references end
  if count > SHOWN_MAX then result["References in all"] = count end
  if #result == 0 then return nil end
  return result
end
