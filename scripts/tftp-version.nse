local math = require "math"
local nmap = require "nmap"
local rand = require "rand"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Tells which TFTP server it is by the way it reports an error.

A file that does not exist and an operation that does not exist are asked for (RFC 1350): code and words of the answers
differ from server to server.
]]

---
-- @usage
-- perilune -sU -sV -p 69 TARGET
--
-- @output
-- PORT   STATE SERVICE VERSION
-- 69/udp open  tftp    tftpd-hpa, Netkit tftpd or atftpd

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "safe", "version" }

portrule = shortport.version_port_or_service(69, "tftp", "udp")

local OP_READ, OP_ERROR = 1, 5

-- Words of answers to a request for a file that is not there, and whose they are: code, words, product.
local ANSWERS = {
  { 1, "^File not found$", "tftpd-hpa, Netkit tftpd or atftpd" },
  { 1, "^file not found$", "dnsmasq tftpd" },
  { 0, "^file .* not found$", "dnsmasq tftpd" },
  { 1, "^Could not find file", "Windows Deployment Services tftpd" },
  { 2, "^Only absolute filenames allowed$", "Netkit tftpd or tftpd-hpa" },
  { 0, "^Only absolute filenames allowed$", "tftpd-hpa" },
  { 1, "^File does not exist", "SolarWinds Free tftpd" },
  { 1, "^The system cannot find", "Windows tftpd" },
  { 1, "^No such file or directory", "BSD tftpd" },
}

-- Answers come from another port than the one asked (RFC 1350, section 4).
local function exchange (host, port, request)
  local socket = nmap.new_socket("udp")
  socket:set_timeout(math.max(stdnse.get_timeout(host), 2000))
  local status, answer = socket:sendto(host, port, request)
  if status then status, answer = socket:receive() end
  socket:close()
  if not status or #answer < 4 then return nil end
  return answer
end

action = function (host, port)
  local answer = exchange(host, port, string.pack(">I2zz", OP_READ, rand.random_alpha(8) .. ".txt", "octet"))
  if not answer then return nil end
  local operation, code = string.unpack(">I2I2", answer)
  if operation < 3 or operation > 6 then return nil end
  nmap.set_port_state(host, port, "open")
  port.version.name = "tftp"
  local product
  if operation == OP_ERROR then
    local words = string.match(answer, "^%Z*", 5)
    for _, known in ipairs(ANSWERS) do
      if known[1] == code and string.find(words, known[2]) then
        product = known[3]
        break
      end
    end
    stdnse.debug1("error %d: %s", code, words)
  end
  port.version.product = product or port.version.product
  nmap.set_port_version(host, port, product and "hardmatched" or "softmatched")
  return nil
end
