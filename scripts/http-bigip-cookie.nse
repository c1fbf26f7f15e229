local http = require "http"
local math = require "math"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows the addresses inside that F5 BIG-IP load balancers put into their cookies, as their manual describes: the address of
the server as a number in decimal, and its port.
]]

---
-- @args http-bigip-cookie.path The path to ask for. Default: <code>/</code>.
--
-- @usage
-- perilune -p 80 --script http-bigip-cookie TARGET
--
-- @output
-- 80/tcp open  http
-- | http-bigip-cookie:
-- |   BIGipServerpool:
-- |     address:
-- |       host: 10.1.1.100
-- |       type: ipv4
-- |_    port: 8080

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

-- The number's bytes are those of the address in the other order; so are those of the port.
local function decode (value)
  local number, port_number = string.match(value, "^(%d+)%.(%d+)%.%d+$")
  number, port_number = math.tointeger(tonumber(number)), math.tointeger(tonumber(port_number))
  if number and port_number and number <= 0xFFFFFFFF and port_number <= 0xFFFF then
    local a, b, c, d = string.byte(string.pack("<I4", number), 1, 4)
    return ("%d.%d.%d.%d"):format(a, b, c, d), "ipv4", string.unpack(">I2", string.pack("<I2", port_number))
  end
  -- In a route domain: the address in hexadecimal digits, IPv4 behind the prefix of mapped addresses.
  local hex, in_clear = string.match(value, "^rd%d+o0*ffff(%x%x%x%x%x%x%x%x)o(%d+)$")
  if hex then
    local parts = {}
    for pair in string.gmatch(hex, "%x%x") do parts[#parts + 1] = tostring(tonumber(pair, 16)) end
    return table.concat(parts, "."), "ipv4", tonumber(in_clear)
  end
  return nil
end

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  local response = http.get(host, port, path, { redirect_ok = false })
  local result = stdnse.output_table()
  for _, cookie in ipairs(response.cookies or {}) do
    if string.find(cookie.name, "^BIGipServer") then
      local address, kind, number = decode(cookie.value)
      if address then
        local place = stdnse.output_table()
        place.host = address
        place.type = kind
        local facts = stdnse.output_table()
        facts.address = place
        facts.port = number
        result[cookie.name] = facts
      end
    end
  end
  if #result == 0 then return nil end
  return result
end
