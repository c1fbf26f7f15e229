local comm = require "comm"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Has a distcc server run its compiler with <code>--version</code>, which shows the compiler, and that anybody may use it.
]]

---
-- @usage
-- perilune -p 3632 --script distcc-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 3632/tcp open  distccd
-- | distcc-info:
-- |   Access: allowed
-- |_  Compiler: gcc (Debian 12.2.0-14) 12.2.0

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }

portrule = shortport.port_or_service(3632, { "distccd", "distcc" })

-- Tokens of the protocol: four letters and a number of eight hexadecimal digits, then as many bytes where it is a length.
local function text (name, value) return ("%s%08x%s"):format(name, #value, value) end

action = function (host, port)
  local arguments = { "gcc", "--version", "-c", "x.c", "-o", "x.o" }
  local request = "DIST00000001" .. ("ARGC%08x"):format(#arguments)
  for _, one in ipairs(arguments) do request = request .. text("ARGV", one) end
  request = request .. text("DOTI", "\n")
  local status, answer = comm.exchange(host, port, request, { timeout = 10000, bytes = 64 })
  if not status then
    stdnse.debug1("no answer: %s", answer)
    return nil
  end
  if not string.find(answer, "^DONE%x%x%x%x%x%x%x%x") then return nil end
  local result = stdnse.output_table()
  result["Access"] = "allowed"
  local len, pos = string.match(answer, "SOUT(%x%x%x%x%x%x%x%x)()")
  if len then
    local output = string.sub(answer, pos, pos + tonumber(len, 16) - 1)
    result["Compiler"] = string.match(output, "^[^\r\n]+")
  end
  return result
end
