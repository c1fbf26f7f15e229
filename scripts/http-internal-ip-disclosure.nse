local comm = require "comm"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Looks for an address of the inside in a web server's redirect: some servers put their own address into it when a request
comes without field <code>Host</code>, as HTTP/1.0 allows.
]]

---
-- @args http-internal-ip-disclosure.path The path to ask for. Default: <code>/</code>.
--
-- @usage
-- perilune -p 80 --script http-internal-ip-disclosure TARGET
--
-- @output
-- 80/tcp open  http
-- | http-internal-ip-disclosure:
-- |_  Internal IP Leaked: 10.0.0.2
--
-- @xmloutput
-- <elem key="Internal IP Leaked">10.0.0.2</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "vuln", "discovery", "safe" }

portrule = shortport.http

-- RFC 1918, and addresses of the link (RFC 3927).
local function is_private (address)
  local a, b, c, d = string.match(address, "^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  if not a or a > 255 or b > 255 or c > 255 or d > 255 then return false end
  return a == 10 or a == 192 and b == 168 or a == 172 and b >= 16 and b < 32 or a == 169 and b == 254
end

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local socket, answer = comm.tryssl(host, port, "GET " .. path .. " HTTP/1.0\r\n\r\n", { timeout = 5000 })
  if not socket then return nil end
  socket:close()
  if not answer or not string.find(answer, "^HTTP/1%.[01] 3%d%d") then return nil end
  local header = string.match(answer, "^(.-)\r?\n\r?\n") or answer
  for name, value in string.gmatch(header, "\n([%w-]+):%s*([^\r\n]*)") do
    name = string.lower(name)
    local address = (name == "location" or name == "content-location")
      and string.match(value, "^%a+://([%d.]+)%f[:/\0]")
    if address and is_private(address) and address ~= host.ip then
      local result = stdnse.output_table()
      result["Internal IP Leaked"] = address
      return result
    end
  end
  return nil
end
