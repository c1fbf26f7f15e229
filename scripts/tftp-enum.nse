local io = require "io"
local math = require "math"
local nmap = require "nmap"
local rand = require "rand"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Tries out names of files on a TFTP server and shows those that it has.

TFTP has no way to list files (RFC 1350). The names are those that boot loaders and telephones ask for.
]]

---
-- @args tftp-enum.filelist A file with names, one a line. Default: a short list of common ones.
--
-- @usage
-- perilune -sU -p 69 --script tftp-enum TARGET
--
-- @output
-- 69/udp open  tftp
-- | tftp-enum:
-- |_  pxelinux.0

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }

portrule = shortport.portnumber(69, "udp")

local OP_READ, OP_DATA, OP_ERROR = 1, 3, 5
local NAMES_MAX = 5000

-- What firmware and boot loaders fetch by the vendors' manuals.
local NAMES = {
  "pxelinux.0", "pxelinux.cfg/default", "lpxelinux.0", "undionly.kpxe", "ipxe.efi", "ipxe.pxe", "bootx64.efi",
  "grubx64.efi", "shimx64.efi", "grub.cfg", "grub/grub.cfg", "menu.c32", "boot/pxelinux.0", "syslinux.efi",
  "wdsnbp.com", "bootmgr.exe", "boot/bcd", "startup-config", "running-config", "router-confg", "network-confg",
  "cisconet.cfg", "ciscortr.cfg", "switch-confg", "config.cfg", "router.cfg", "config.bin", "XMLDefault.cnf.xml",
  "SEPDefault.cnf", "SIPDefault.cnf", "OS79XX.TXT", "RINGLIST.XML", "ringlist.xml", "dialplan.xml", "CTLSEPDefault.tlv",
  "000000000000.cfg", "sip.cfg", "phone1.cfg", "aastra.cfg", "polycom.cfg", "snom.htm", "y000000000000.cfg",
  "spa.cfg", "kickstart.cfg", "ks.cfg", "preseed.cfg", "autoinst.xml", "vmlinuz", "initrd.img", "linux", "kernel",
  "firmware.bin", "image.bin", "boot.ini", "passwd", "etc/passwd", "shadow",
}

-- Whether a file is there: true, false, nil without an answer.
local function exists (host, port, name)
  for _ = 1, 2 do
    local socket = nmap.new_socket("udp")
    socket:set_timeout(math.max(stdnse.get_timeout(host), 1000))
    -- The answer comes from another port: the socket is not tied to one.
    local status, answer = socket:sendto(host, port, string.pack(">I2zz", OP_READ, name, "octet"))
    if status then status, answer = socket:receive() end
    if status and #answer >= 4 then
      local operation = string.unpack(">I2", answer)
      if operation == OP_DATA then
        local _, _, _, _, from = socket:get_info()
        -- The server is told not to go on.
        if type(from) == "number" then socket:sendto(host, from, string.pack(">I2I2z", OP_ERROR, 0, "enough")) end
      end
      socket:close()
      return operation == OP_DATA or operation == 6
    end
    socket:close()
  end
  return nil
end

local function read_names (path)
  local file = io.open(nmap.fetchfile(path) or path, "r")
  if not file then return nil end
  local names = {}
  for line in file:lines() do
    if line ~= "" and string.sub(line, 1, 1) ~= "#" and #names < NAMES_MAX then names[#names + 1] = line end
  end
  file:close()
  return names
end

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".filelist")
  local names = NAMES
  if path then
    names = read_names(path)
    if not names then return stdnse.format_output(false, "cannot read " .. path) end
  end
  -- A server that has a file of any name has none that is worth showing.
  local anything = exists(host, port, rand.random_alpha(12))
  if anything == nil then return nil end
  nmap.set_port_state(host, port, "open")
  if anything then return nil end
  local found = {}
  for _, name in ipairs(names) do
    if exists(host, port, name) then found[#found + 1] = name end
  end
  return stdnse.format_output(true, found)
end
