local comm = require "comm"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Connects to an open TCP port, sends nothing, and shows what the service says within five seconds.

What it says is cut to fit one line; every level of verbosity adds a line.
]]

---
-- @args banner.timeout How long to wait, such as <code>10s</code> or <code>500ms</code>. Default: <code>5s</code>.
-- @args banner.ports The ports to connect to, written as for option <code>-p</code>, or <code>common</code> for those of
--                    protocols whose servers speak first. Default: all.
--
-- @usage
-- perilune -p 21-25 --script banner --script-args banner.timeout=10s TARGET
--
-- @output
-- 21/tcp open  ftp
-- |_banner: 220 FTP server ready

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

-- Servers of these speak first: FTP, SSH, Telnet, SMTP, time and news, POP3, IMAP, IRC, MySQL, VNC and their TLS forms.
local COMMON_PORTS = "T:13,17,21-23,25,109,110,119,143,194,220,465,563,587,990,992-995,2121,2222,3306,5222,5900-5903,6667-6669,6697"

-- Columns a line of output has room for; the first one also holds the script's name.
local LINE_LEN = 71

local SHOWN_LEN_MAX = 4096

portrule = function (host, port)
  if port.protocol ~= "tcp" or port.state ~= "open" then return false end
  local ports = stdnse.get_script_args(SCRIPT_NAME .. ".ports")
  if type(ports) ~= "string" then return true end
  return shortport.port_range(ports == "common" and COMMON_PORTS or ports)(host, port)
end

local function escape_byte (c) return string.format("\\x%02X", string.byte(c)) end

-- One line, and one more for each level of verbosity.
local function fit (text)
  local room = LINE_LEN * (1 + nmap.verbosity()) - #(SCRIPT_NAME .. ": ")
  if #text > room then text = string.sub(text, 1, room - 3) .. "..." end
  local lines, at = {}, 1
  local len = LINE_LEN - #(SCRIPT_NAME .. ": ")
  while at <= #text do
    table.insert(lines, string.sub(text, at, at + len - 1))
    at = at + len
    len = LINE_LEN
  end
  return table.concat(lines, "\n")
end

action = function (host, port)
  local argument = stdnse.get_script_args(SCRIPT_NAME .. ".timeout")
  local seconds, err = stdnse.parse_timespec(argument or "5s")
  if not seconds then
    stdnse.debug1("argument timeout: %s", err)
    seconds = 5
  end

  local ssl = port.version and port.version.service_tunnel == "ssl"
  local status, data = comm.get_banner(host, port, { timeout = seconds * 1000, proto = ssl and "ssl" or "tcp" })
  if not status then
    stdnse.debug2("nothing received: %s", data)
    return nil
  end

  -- More than could be shown at any verbosity in use; a service may send any amount.
  data = string.sub(data, 1, SHOWN_LEN_MAX)
  data = string.match(data, "^%s*(.*%S)")
  if not data then return nil end
  return fit((string.gsub(data, "[^\32-\126]", escape_byte)))
end
