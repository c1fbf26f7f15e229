local math = require "math"
local nmap = require "nmap"
local shortport = require "shortport"
local ssh2 = require "ssh2"
local stdnse = require "stdnse"
local string = require "string"
local stringaux = require "stringaux"

description = [[
Lists the algorithms that an SSH server offers: exchanges of keys, host keys, ciphers, integrity, compression.

They are in the first message after the greeting (RFC 4253, 7.1); nobody logs on. Lists that are the same in both
directions are shown once. With little verbosity the names of the ciphers and others are shown all the same.
]]

---
-- @usage
-- perilune -p 22 --script ssh2-enum-algos TARGET
--
-- @output
-- 22/tcp open  ssh
-- | ssh2-enum-algos:
-- |   kex_algorithms: (2)
-- |       curve25519-sha256
-- |       diffie-hellman-group14-sha256
-- |   server_host_key_algorithms: (1)
-- |       ssh-ed25519
-- |   encryption_algorithms: (1)
-- |       aes128-ctr
-- |   mac_algorithms: (1)
-- |       hmac-sha2-256
-- |   compression_algorithms: (1)
-- |_      none
--
-- @xmloutput
-- <table key="kex_algorithms">
--   <elem>curve25519-sha256</elem>
--   <elem>diffie-hellman-group14-sha256</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "discovery" }

portrule = shortport.ssh

-- Lists that come once for each direction.
local PAIRS = { "encryption_algorithms", "mac_algorithms", "compression_algorithms" }

local function fetch (host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(math.max(stdnse.get_timeout(host), 5000))
  local status, err = socket:connect(host, port)
  local payload
  if status then
    status, err = socket:receive_buf("\n", true)
    if status and not string.find(err, "^SSH%-2") and not string.find(err, "^SSH%-1%.99") then
      status, err = false, "the server does not speak version 2"
    end
  end
  if status then
    status, err = socket:send("SSH-2.0-Perilune\r\n" .. ssh2.transport.build(ssh2.transport.kex_init()))
  end
  if status then status, err = ssh2.transport.receive_packet(socket) end
  if status then payload = ssh2.transport.payload(err) end
  socket:close()
  if not payload then return nil, err end
  return ssh2.transport.parse_kex_init(payload)
end

local function list_of (text)
  if text == "" then return nil end
  return stringaux.strsplit(",", text)
end

action = function (host, port)
  local offer, err = fetch(host, port)
  if not offer then
    stdnse.debug1("%s", tostring(err))
    return nil
  end
  local result = stdnse.output_table()
  result.kex_algorithms = list_of(offer.kex_algorithms)
  result.server_host_key_algorithms = list_of(offer.server_host_key_algorithms)
  for _, name in ipairs(PAIRS) do
    local out, back = offer[name .. "_client_to_server"], offer[name .. "_server_to_client"]
    if out == back then
      result[name] = list_of(out)
    else
      result[name .. "_client_to_server"] = list_of(out)
      result[name .. "_server_to_client"] = list_of(back)
    end
  end
  local lines = {}
  for name, list in pairs(result) do
    lines[#lines + 1] = ("%s: (%d)"):format(name, #list)
    lines[#lines + 1] = { list }
  end
  return result, stdnse.format_output(true, lines)
end
