local io = require "io"
local nmap = require "nmap"
local shortport = require "shortport"
local sslcert = require "sslcert"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Looks whether a server's certificate is one whose private key is public.

Some products ship with the same key in each device; whoever has such a device or its software can read what others say
to theirs. The certificates are known by their SHA-1 sums, which come from a file: lines of <code>[name]</code> say
where the sums below them were found, text behind a sum after a space is a remark.
]]

---
-- @usage nmap -p443 --script ssl-known-key --script-args ssl-known-key.fingerprintfile=sums.txt target
--
-- @args ssl-known-key.fingerprintfile The file. Default: <code>nselib/data/ssl-fingerprints</code>, if there is one.
--
-- @output
-- PORT    STATE SERVICE
-- 443/tcp open  https
-- |_ssl-known-key: Found in Routers 1.0 (certificate hash: 0028e7d4 9cfa4aa5 984fe497 eb73a13b 4b5d5e0c)
--
-- @xmloutput
-- <table key="Found in"><elem>Routers 1.0</elem></table>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "discovery", "vuln", "default" }

portrule = shortport.ssl

local SUM_LEN = 40
local LINES_MAX = 1000000

-- Sums from a file: a table of where each was found.
local function read_sums (path)
  local file = io.open(path, "r")
  if not file then return nil end
  local sums, section, count = {}, nil, 0
  for line in file:lines() do
    count = count + 1
    if count > LINES_MAX then break end
    local name = string.match(line, "^%[(.-)%]")
    local sum = string.match(line, "^%s*([%x:]+)")
    sum = sum and string.lower((string.gsub(sum, ":", "")))
    if name then
      section = name
    elseif sum and #sum == SUM_LEN and section then
      sums[sum] = section
    end
  end
  file:close()
  return sums
end

-- The sums are read once for all servers.
local function known_sums ()
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".fingerprintfile") or "nselib/data/ssl-fingerprints"
  local kept = nmap.registry[SCRIPT_NAME]
  if kept and kept.path == path then return kept.sums end
  local sums = read_sums(nmap.fetchfile(path) or path)
  nmap.registry[SCRIPT_NAME] = { path = path, sums = sums }
  if not sums then stdnse.verbose1("there is no file of sums (%s)", path) end
  return sums
end

action = function (host, port)
  local sums = known_sums()
  if not sums then return nil end
  local status, certificate = sslcert.getCertificate(host, port)
  if not status then
    stdnse.debug1("no certificate: %s", tostring(certificate))
    return nil
  end
  local digest = certificate:digest("sha1")
  local sum = stdnse.tohex(digest)
  local section = sums[sum]
  if not section then return nil end
  local shown = stdnse.tohex(digest, { separator = " ", group = 8 })
  return { section = section, sha1 = sum }, ("Found in %s (certificate hash: %s)"):format(section, shown)
end
