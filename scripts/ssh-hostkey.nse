local base64 = require "base64"
local ipOps = require "ipOps"
local nmap = require "nmap"
local openssl = require "openssl"
local shortport = require "shortport"
local ssh1 = require "ssh1"
local ssh2 = require "ssh2"
local stdnse = require "stdnse"
local string = require "string"
local stringaux = require "stringaux"
local table = require "table"

description = [[
Shows the host keys of an SSH server as fingerprints, and afterwards which hosts have the same ones.

Hosts with equal keys were often copied from one image. With a file of known hosts the keys are looked up there.
]]

---
-- @args ssh_hostkey How to show keys: any of <code>full</code> (as in files), <code>sha256</code>, <code>md5</code>,
--       <code>bubble</code> (words), <code>visual</code> (a picture), separated by spaces, or <code>all</code>.
--       Default: MD5 in hexadecimal.
-- @args ssh-hostkey.known-hosts If given, the keys are looked up in the file of known hosts.
-- @args ssh-hostkey.known-hosts-path That file. Default: the user's own.
--
-- @usage
-- perilune -p 22 --script ssh-hostkey TARGET
-- perilune -p 22 --script ssh-hostkey --script-args ssh_hostkey=sha256 TARGET
--
-- @output
-- 22/tcp open  ssh
-- | ssh-hostkey:
-- |   3072 23:4a:16:ea:df:e0:b6:d6:f9:ce:da:8b:e8:a5:95:83 (RSA)
-- |   256 30:ba:c5:ed:df:05:a4:8a:68:2d:e6:af:b6:27:b6:7a (ECDSA)
-- |_  256 b1:a5:61:5a:8a:9e:00:ab:bf:88:b6:42:c5:97:aa:b9 (ED25519)
--
-- @output
-- Post-scan script results:
-- | ssh-hostkey: Possible duplicate hosts
-- | Key 256 b1:a5:61:5a:8a:9e:00:ab:bf:88:b6:42:c5:97:aa:b9 (ED25519) used by:
-- |   192.0.2.10
-- |_  192.0.2.11
--
-- @xmloutput
-- <table>
--   <elem key="bits">256</elem>
--   <elem key="fingerprint">b1a5615a8a9e00abbf88b642c597aab9</elem>
--   <elem key="key">AAAAC3NzaC1lZDI1NTE5AAAA…</elem>
--   <elem key="type">ssh-ed25519</elem>
-- </table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "default", "discovery" }

portrule = shortport.ssh

postrule = function ()
  return nmap.registry.sshhostkey ~= nil
end

local KEY_TYPES = { "ssh-dss", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
  "ssh-ed25519" }

local function fetch_keys (host, port)
  local keys = {}
  local old = ssh1.fetch_host_key(host, port)
  if old then
    old.algorithm = "RSA1"
    keys[1] = old
  end
  for _, kind in ipairs(KEY_TYPES) do
    local key = ssh2.fetch_host_key(host, port, kind)
    if key then keys[#keys + 1] = key end
  end
  return keys
end

-- The ways to show a key, in the order in which they come.
local FORMATS = {
  { "md5", function (key) return ssh1.fingerprint_hex(key.fingerprint, key.algorithm, key.bits) end },
  { "sha256", function (key)
    local digest = key.fp_sha256 or openssl.digest("sha256", key.fp_input)
    return ssh1.fingerprint_base64(digest, "SHA256", key.algorithm, key.bits)
  end },
  { "bubble", function (key)
    return ssh1.fingerprint_bubblebabble(openssl.sha1(key.fp_input), key.algorithm, key.bits)
  end },
  { "visual", function (key) return ssh1.fingerprint_visual(key.fingerprint, key.algorithm, key.bits) end },
  { "full", function (key) return key.full_key end },
}

local function wanted_formats ()
  local argument = stdnse.get_script_args({ "ssh_hostkey", "ssh-hostkey.ssh_hostkey" }) or "md5"
  if type(argument) ~= "string" then argument = "md5" end
  local wanted = {}
  for word in string.gmatch(string.lower(argument), "[%w_]+") do wanted[word] = true end
  return wanted
end

-- What a file of known hosts has for a name, an address or their hash.
local function names_match (names, host, port)
  local hashed_salt, hash = string.match(names, "^|1|([^|]+)|(.+)$")
  for _, name in ipairs({ host.ip, host.name, host.targetname }) do
    if name and name ~= "" then
      if port.number ~= 22 then name = ("[%s]:%d"):format(name, port.number) end
      if hashed_salt then
        if openssl.hmac("sha1", base64.dec(hashed_salt) or "", name) == base64.dec(hash) then return true end
      else
        for _, known in ipairs(stringaux.strsplit(",", names)) do
          if known == name then return true end
        end
      end
    end
  end
  return false
end

local function check_known_hosts (host, port, keys)
  local asked, path = stdnse.get_script_args(SCRIPT_NAME .. ".known-hosts", SCRIPT_NAME .. ".known-hosts-path")
  if not asked and not path then return nil end
  local known = ssh1.parse_known_hosts_file(path)
  if not known then return nil end
  local lines, found = {}, false
  for _, entry in ipairs(known) do
    local names, kind, data = entry.entry[1], entry.entry[2], entry.entry[3]
    if data and names_match(names, host, port) then
      found = true
      for _, key in ipairs(keys) do
        if key.key_type == kind then
          if key.key == data then
            lines[#lines + 1] = ("Key %s matches line %d"):format(key.algorithm, entry.linenumber)
          else
            lines[#lines + 1] = ("WARNING: key %s differs from line %d"):format(key.algorithm, entry.linenumber)
          end
        end
      end
    end
  end
  if not found then return "No entry for the host was found in the file of known hosts" end
  return table.concat(lines, "\n")
end

local function remember (host, keys)
  nmap.registry.sshhostkey = nmap.registry.sshhostkey or {}
  nmap.registry.sshhostkey[host.ip] = keys
end

local function port_action (host, port)
  local keys = fetch_keys(host, port)
  if #keys == 0 then return nil end
  remember(host, keys)
  local wanted = wanted_formats()
  local result, lines = {}, {}
  for i, key in ipairs(keys) do
    local entry = stdnse.output_table()
    entry.fingerprint = stdnse.tohex(key.fingerprint)
    entry.type, entry.bits, entry.key = key.key_type, key.bits, key.key
    result[i] = entry
    for _, format in ipairs(FORMATS) do
      if wanted[format[1]] or wanted.all then lines[#lines + 1] = format[2](key) end
    end
  end
  local known = check_known_hosts(host, port, keys)
  if known then lines[#lines + 1] = known end
  return result, stdnse.format_output(true, lines)
end

local function post_action ()
  local owners = {}
  for ip, keys in pairs(nmap.registry.sshhostkey or {}) do
    for _, key in ipairs(keys) do
      local text = ssh1.fingerprint_hex(key.fingerprint, key.algorithm, key.bits)
      owners[text] = owners[text] or {}
      table.insert(owners[text], ip)
    end
  end
  local result = {}
  for text, addresses in pairs(owners) do
    if #addresses > 1 then
      table.sort(addresses, function (a, b) return ipOps.compare_ip(a, "lt", b) end)
      addresses.name = ("Key %s used by:"):format(text)
      result[#result + 1] = addresses
    end
  end
  if #result == 0 then return nil end
  table.sort(result, function (a, b) return a.name < b.name end)
  local lines = { "Possible duplicate hosts" }
  for _, group in ipairs(result) do
    lines[#lines + 1] = group.name
    for _, address in ipairs(group) do lines[#lines + 1] = "  " .. address end
  end
  return table.concat(lines, "\n")
end

action = function (...)
  if SCRIPT_TYPE == "postrule" then return post_action() end
  return port_action(...)
end
