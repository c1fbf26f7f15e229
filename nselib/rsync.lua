---
-- The protocol of rsync's daemon: modules, logging on, listing files.
--
-- @usage
-- local helper = rsync.Helper:new(host, port, { module = "pub" })
-- helper:connect()
-- local status, modules = helper:listModules()
-- helper:disconnect()
--
-- @copyright MIT OR Apache-2.0

local base64 = require "base64"
local match = require "match"
local math = require "math"
local nmap = require "nmap"
local openssl = require "openssl"
local os = require "os"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("rsync", stdnse.seeall)

-- The protocol that is spoken for listing: the last one whose file lists are simple, with MD4 for passwords.
local PROTOCOL_VERSION = "29.0"
local LINES_MAX, FILES_MAX = 10000, 100000
local OUTPUT_LEN_MAX = 32 * 1024 * 1024

Helper = {}

--- Makes a helper for a daemon.
-- @param host The host table.
-- @param port The port table.
-- @param options Table with <code>module</code>, the module to use.
-- @return The helper.
function Helper:new (host, port, options)
  local o = { host = host, port = port, options = options or {} }
  setmetatable(o, self)
  self.__index = self
  return o
end

local function read_line (helper)
  local status, line = helper.socket:receive_buf("\n", false)
  if not status then return nil, line end
  return (string.gsub(line, "\r$", ""))
end

--- Sends a line and receives one.
-- @param data The line, without its end.
-- @return True and the line, or false and an error.
function Helper:ctrl_exch (data)
  local status, err = self.socket:send(data .. "\n")
  if not status then return false, err end
  local line
  line, err = read_line(self)
  if not line then return false, err end
  return true, line
end

--- Connects and exchanges versions.
-- @param socket A socket to use. Default: a new one.
-- @return True, or false and an error.
function Helper:connect (socket)
  self.socket = socket or nmap.new_socket()
  self.socket:set_timeout(math.max(stdnse.get_timeout(self.host), 5000))
  local status, err = self.socket:connect(self.host, self.port)
  if not status then return false, err end
  local greeting
  greeting, err = read_line(self)
  if not greeting then return false, err end
  local version = string.match(greeting, "^@RSYNCD:%s*([%d.]+)")
  if not version then return false, "the server does not speak rsync" end
  self.version = version
  return self.socket:send("@RSYNCD: " .. PROTOCOL_VERSION .. "\n")
end

--- Disconnects.
function Helper:disconnect ()
  if self.socket then self.socket:close() end
end

--- Lists modules.
-- @return True and a list of lines, each a name and a comment; or false and an error.
function Helper:listModules ()
  local status, err = self.socket:send("\n")
  if not status then return false, err end
  local modules = {}
  for _ = 1, LINES_MAX do
    local line
    line, err = read_line(self)
    if not line then return false, err end
    if string.find(line, "^@RSYNCD:%s*EXIT") then return true, modules end
    if string.find(line, "^@ERROR") then return false, line end
    modules[#modules + 1] = line
  end
  return true, modules
end

--- Opens the module, with a user and a password if it wants them.
-- @param username The user.
-- @param password The password.
-- @return True and a message, or false and an error.
function Helper:login (username, password)
  local status, line = self:ctrl_exch(self.options.module or "")
  local asked = false
  for _ = 1, LINES_MAX do
    if not status then return false, line end
    if string.find(line, "^@RSYNCD:%s*OK") then
      return true, asked and "Authentication successful" or "No authentication was required"
    end
    if string.find(line, "^@ERROR") then return false, (string.gsub(line, "^@ERROR:%s*", "")) end
    local challenge = string.match(line, "^@RSYNCD:%s*AUTHREQD%s+(%S+)")
    if challenge then
      if not username or not password then return false, "Authentication required" end
      asked = true
      -- Before version 30 hashes begin with a seed of zeros and are of MD4.
      local hash = openssl.md4("\0\0\0\0" .. password .. challenge)
      status, line = self:ctrl_exch(username .. " " .. string.gsub(base64.enc(hash), "=+$", ""))
      if status and string.find(line, "^@ERROR") then return false, "Authentication failed" end
    else
      -- Lines of the day's message.
      line = read_line(self)
      status = line ~= nil
    end
  end
  return false, "the server does not come to the point"
end

-- What a server sends goes through channels: 7 plus the channel's number in the highest octet, then the length.
local function read_data (helper)
  local parts, size = {}, 0
  while size < OUTPUT_LEN_MAX do
    local status, prefix = helper.socket:receive_buf(match.numbytes(4), true)
    if not status then break end
    local word = string.unpack("<I4", prefix)
    local channel, len = (word >> 24) - 7, word & 0xffffff
    local data = ""
    if len > 0 then
      status, data = helper.socket:receive_buf(match.numbytes(len), true)
      if not status then break end
    end
    if channel == 0 then
      parts[#parts + 1] = data
      size = size + #data
      -- A list ends with an octet of zero flags; the error count follows.
      if helper.list_done and helper.list_done(table.concat(parts)) then break end
    elseif channel == 1 or channel == 3 then
      return nil, (string.gsub(data, "%s+$", ""))
    end
  end
  return table.concat(parts)
end

-- Flags of a list's entries.
local SAME_MODE, LONG_NAME, SAME_NAME, SAME_TIME = 0x02, 0x40, 0x20, 0x80
local EXTENDED_FLAGS = 0x04

-- Reads a list of files: the entries, and true if it is whole.
local function parse_list (data)
  local files, pos = {}, 1
  local name, time, mode = "", 0, 0
  while #files < FILES_MAX do
    local flags = string.byte(data, pos)
    if not flags then return files, false end
    pos = pos + 1
    if flags == 0 then return files, true end
    if flags & EXTENDED_FLAGS ~= 0 then pos = pos + 1 end
    local kept = 0
    if flags & SAME_NAME ~= 0 then
      kept = string.byte(data, pos)
      if not kept then return files, false end
      pos = pos + 1
    end
    local len
    if flags & LONG_NAME ~= 0 then
      if pos + 3 > #data then return files, false end
      len, pos = string.unpack("<I4", data, pos)
    else
      len = string.byte(data, pos)
      pos = pos + 1
    end
    if not len or pos + len + 3 > #data then return files, false end
    name = string.sub(name, 1, kept) .. string.sub(data, pos, pos + len - 1)
    pos = pos + len
    local size
    size, pos = string.unpack("<I4", data, pos)
    if size == 0xffffffff then
      if pos + 7 > #data then return files, false end
      size, pos = string.unpack("<i8", data, pos)
    end
    if flags & SAME_TIME == 0 then
      if pos + 3 > #data then return files, false end
      time, pos = string.unpack("<I4", data, pos)
    end
    if flags & SAME_MODE == 0 then
      if pos + 3 > #data then return files, false end
      mode, pos = string.unpack("<I4", data, pos)
    end
    files[#files + 1] = { name = name, size = size, time = time, mode = mode }
  end
  return files, true
end

local TYPE_LETTERS = { [0x4000] = "d", [0xa000] = "l", [0x2000] = "c", [0x6000] = "b", [0x1000] = "p", [0xc000] = "s" }

local function format_mode (mode)
  local letters = { TYPE_LETTERS[mode & 0xf000] or "-" }
  for i, letter in ipairs({ "r", "w", "x", "r", "w", "x", "r", "w", "x" }) do
    letters[i + 1] = mode & 1 << 9 - i ~= 0 and letter or "-"
  end
  return table.concat(letters)
end

--- Lists the files in the module, after logging on.
-- @return True and a list of lines with mode, size, time and name; or false and an error.
function Helper:listFiles ()
  -- What a client tells a server to do, one argument a line: send a list, of one level.
  local arguments = "--server\n--sender\n-d\n.\n" .. (self.options.module or "") .. "/\n\n"
  local status, err = self.socket:send(arguments)
  if not status then return false, err end
  -- The seed of checksums, then the list of what to leave out: nothing.
  local seed
  status, seed = self.socket:receive_buf(match.numbytes(4), true)
  if not status then return false, seed end
  status, err = self.socket:send("\0\0\0\0")
  if not status then return false, err end
  self.list_done = function (data)
    local _, whole = parse_list(data)
    return whole
  end
  local data
  data, err = read_data(self)
  self.list_done = nil
  if not data then return false, err end
  local lines = {}
  for i, file in ipairs((parse_list(data))) do
    lines[i] = ("%s %11d %s %s"):format(format_mode(file.mode), file.size, os.date("!%Y/%m/%d %H:%M:%S", file.time),
      file.name)
  end
  table.sort(lines, function (a, b) return string.sub(a, 43) < string.sub(b, 43) end)
  return true, lines
end

return _ENV
