---
-- Server Message Block, versions 2 and 3 (MS-SMB2): shares, files, pipes, and lists of files.
--
-- The functions are those of <code>smb1files</code>; library <code>smb</code> is what scripts use.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local smb1files = require "smb1files"
local smb2session = require "smb2session"
local smbcodes = require "smbcodes"
local stdnse = require "stdnse"
local string = require "string"
local unicode = require "unicode"
_ENV = stdnse.module("smb2files", stdnse.seeall)

local HEADER_LEN = 64
local COMMAND_TREE_CONNECT, COMMAND_TREE_DISCONNECT, COMMAND_CREATE, COMMAND_CLOSE = 0x0003, 0x0004, 0x0005, 0x0006
local COMMAND_READ, COMMAND_WRITE, COMMAND_IOCTL, COMMAND_QUERY_DIRECTORY = 0x0008, 0x0009, 0x000b, 0x000e
-- Controls of pipes (MS-FSCC 2.3).
local PIPE_WAIT, PIPE_TRANSCEIVE = 0x00110018, 0x0011c017
local FILE_BOTH_DIRECTORY_INFORMATION = 0x03
local FILE_DIRECTORY_FILE, FILE_DELETE_ON_CLOSE = 0x00000001, 0x00001000
local NO_FILE = string.rep("\xff", 16)
local SHARE_ENCRYPT = 0x00008000
-- What one credit pays for.
local DATA_LEN_MAX = 65536
local FILES_MAX = 100000

local BUFFER_OVERFLOW = smbcodes.status_codes.NT_STATUS_BUFFER_OVERFLOW
local NO_MORE_FILES = smbcodes.status_codes.NT_STATUS_NO_MORE_FILES
local CUT_OFF = "SMB2: the server's answer is cut off"

local exchange, failure, part = smb2session.exchange, smb2session.failure, smb2session.part

--- Logging on and off, for whoever has this table only.
logon, logoff = smb2session.logon, smb2session.logoff

--- Connects to a share (MS-SMB2 2.2.9).
-- @param smb The connection, logged on.
-- @param path The share, alone or with the server in front.
-- @param overrides Values for the header.
-- @return True, or false and the name of the result.
function tree_connect (smb, path, overrides)
  if string.sub(path, 1, 2) ~= "\\\\" then path = "\\\\" .. smb.ip .. "\\" .. path end
  local name = unicode.utf8to16(path)
  local body = string.pack("<I2I2I2I2", 9, 0, HEADER_LEN + 8, #name) .. name
  local result, data, header = exchange(smb, COMMAND_TREE_CONNECT, body, overrides)
  if result ~= 0 then return failure(result, data) end
  smb.TreeId = string.unpack("<I4", header, 37)
  -- The number that version 1 would have, of 16 bits and not 0: it says that there is a share.
  smb.tid, smb.share = math.max(smb.TreeId & 0xffff, 1), path
  smb.share_type = string.byte(data, 3)
  if #data >= 8 and string.unpack("<I4", data, 5) & SHARE_ENCRYPT ~= 0 then smb.crypt = smb.keys end
  return true
end

--- Disconnects from a share (MS-SMB2 2.2.11).
-- @param smb The connection.
-- @param overrides Values for the header.
-- @return True, or false and an error.
function tree_disconnect (smb, overrides)
  local result, err = exchange(smb, COMMAND_TREE_DISCONNECT, string.pack("<I2I2", 4, 0), overrides)
  smb.tid, smb.TreeId = 0, 0
  if result ~= 0 then return failure(result, err) end
  return true
end

-- Opens something: its number and the answer, or false, the name of the result and its number.
local function open (smb, path, access, options, over)
  local name = unicode.utf8to16((string.gsub(path, "^\\+", "")))
  -- There is at least one octet of a name, even of none.
  local body = string.pack("<I2BBI4I8I8I4I4I4I4I4I2I2I4I4", 57, 0, 0, 2, 0, 0, access,
    over.file_create_file_attributes or 0, over.file_create_share_attributes or 7,
    over.file_create_disposition or 1, options, HEADER_LEN + 56, #name, 0, 0) .. (name == "" and "\0" or name)
  local result, data = exchange(smb, COMMAND_CREATE, body, over)
  if result ~= 0 then return failure(result, data) end
  if #data < 80 then return false, CUT_OFF end
  return string.sub(data, 65, 80), data
end

local function close (smb, fid)
  local result, err = exchange(smb, COMMAND_CLOSE, string.pack("<I2I2I4", 24, 0, 0) .. fid)
  if result ~= 0 then return failure(result, err) end
  return true
end

--- Opens a file or a pipe (MS-SMB2 2.2.13). The connection then has its <code>fid</code>.
-- @param smb The connection, with a share.
-- @param path The file.
-- @param overrides See <code>smb1files.create_file</code>.
-- @return True, or false and the name of the result.
function create_file (smb, path, overrides)
  local over = overrides or {}
  local fid, data, code =
    open(smb, path, over.file_create_access_mask or 0x02000000, over.file_create_create_options or 0, over)
  if not fid then return false, data, code end
  smb.fid, smb.filename = fid, path
  smb.oplock_level = string.byte(data, 3)
  smb.create_action, smb.created, smb.last_access, smb.last_write, smb.last_change, smb.allocation_size,
    smb.end_of_file, smb.file_attributes = string.unpack("<I4i8i8i8i8i8i8I4", data, 5)
  return true
end

--- Reads from an open file (MS-SMB2 2.2.19).
-- @param smb The connection.
-- @param offset Where to begin, from 0.
-- @param count How many octets, at most 65536.
-- @param overrides Values for the header.
-- @return True and a table with <code>data</code>, <code>remaining</code>, <code>data_length</code> and
--         <code>status</code>; or false and the name of the result.
function read_file (smb, offset, count, overrides)
  local body = string.pack("<I2BBI4I8", 49, HEADER_LEN + 16, 0, math.min(count, DATA_LEN_MAX), offset) .. smb.fid
    .. string.pack("<I4I4I4I2I2B", 0, 0, 0, 0, 0, 0)
  local result, data = exchange(smb, COMMAND_READ, body, overrides)
  if result ~= 0 and result ~= BUFFER_OVERFLOW then return failure(result, data) end
  if #data < 16 then return false, CUT_OFF end
  local _, at, _, len, remaining = string.unpack("<I2BBI4I4", data)
  local octets = part(data, at, len)
  if not octets then return false, CUT_OFF end
  return true, { status = result, remaining = remaining, data_length = len, data_offset = at, data = octets }
end

--- Writes to an open file (MS-SMB2 2.2.21).
-- @param smb The connection.
-- @param write_data The octets, at most 65536.
-- @param offset Where to begin, from 0.
-- @param overrides Values for the header.
-- @return True and a table with <code>count_low</code> and <code>remaining</code>; or false and the name of the result.
function write_file (smb, write_data, offset, overrides)
  local body = string.pack("<I2I2I4I8", 49, HEADER_LEN + 48, #write_data, offset) .. smb.fid
    .. string.pack("<I4I4I2I2I4", 0, 0, 0, 0, 0) .. write_data
  local result, data = exchange(smb, COMMAND_WRITE, body, overrides)
  if result ~= 0 then return failure(result, data) end
  if #data < 12 then return false, CUT_OFF end
  local count, remaining = string.unpack("<I4I4", data, 5)
  return true, { count_low = count, remaining = remaining }
end

--- Closes the open file (MS-SMB2 2.2.15).
-- @param smb The connection.
-- @return True, or false and the name of the result.
function close_file (smb)
  return close(smb, smb.fid)
end

--- Deletes a file: opens it so that it is deleted when it is closed.
-- @param smb The connection, with a share.
-- @param path The file.
-- @param overrides Values for the header.
-- @return True, or false and the name of the result.
function delete_file (smb, path, overrides)
  -- The right to delete.
  local fid, err = open(smb, path, 0x00010000, FILE_DELETE_ON_CLOSE, overrides or {})
  if not fid then return false, err end
  return close(smb, fid)
end

-- Pipes -----------------------------------------------------------------------------------------------------------

-- A control of a file system (MS-SMB2 2.2.31): its result and the octets that come back, or nil and an error.
local function control (smb, code, fid, input, overrides)
  local body = string.pack("<I2I2I4", 57, 0, code) .. fid .. string.pack("<I4I4I4I4I4I4I4I4", HEADER_LEN + 56, #input, 0,
    0, 0, DATA_LEN_MAX - 1024, 1, 0) .. input
  local result, data = exchange(smb, COMMAND_IOCTL, body, overrides)
  if result ~= 0 and result ~= BUFFER_OVERFLOW then return result, data end
  if #data < 48 then return nil, CUT_OFF end
  local at, len = string.unpack("<I4I4", data, 33)
  local output = part(data, at, len)
  if not output then return nil, CUT_OFF end
  return result, output
end

--- Sends to a named pipe and receives its answer in one go.
-- @param smb The connection, with the pipe open.
-- @param function_parameters Unused: only version 1 has such parameters.
-- @param function_data The data.
-- @param pipe The pipe's name. Default: the open one; there is no other way.
-- @param no_setup True for a message to a pipe that is not open, which these versions do not have.
-- @param overrides Values for the header.
-- @return True and a table with <code>parameters</code>, <code>data</code> and <code>status</code>; or false and an
--         error.
function send_transaction_named_pipe (smb, function_parameters, function_data, pipe, no_setup, overrides)
  if no_setup then return false, "SMB2: there are no transactions without an open pipe" end
  local result, output = control(smb, PIPE_TRANSCEIVE, smb.fid, function_data or "", overrides)
  if result ~= 0 and result ~= BUFFER_OVERFLOW then return failure(result, output) end
  return true, { status = result, parameters = "", data = output }
end

--- Waits for a named pipe to be free (MS-FSCC 2.3.49).
-- @param smb The connection, with share <code>IPC$</code>.
-- @param priority Unused: only version 1 has priorities.
-- @param pipe The pipe's name.
-- @param overrides Values for the header.
-- @return True, or false and an error.
function send_transaction_waitnamedpipe (smb, priority, pipe, overrides)
  local name = unicode.utf8to16((string.gsub(pipe, "^\\PIPE\\", "")))
  local input = string.pack("<I8I4BB", 0, #name, 0, 0) .. name
  local result, err = control(smb, PIPE_WAIT, NO_FILE, input, overrides)
  if result ~= 0 then return failure(result, err) end
  return true
end

-- Lists of files --------------------------------------------------------------------------------------------------

--- Lists files (MS-SMB2 2.2.33).
-- @param smbstate The connection, with a share.
-- @param fname What to list, with wildcards. Default: everything in the share's root.
-- @param options Table with <code>maxfiles</code>.
-- @return A function that returns one file after the other, see <code>smb1files.find_files</code>.
function find_files (smbstate, fname, options)
  fname = string.gsub(fname or "\\*", "/", "\\")
  local folder, pattern = string.match(fname, "^(.*)\\([^\\]*)$")
  if not folder then folder, pattern = "", fname end
  if pattern == "" then pattern = "*" end
  local wide_pattern = unicode.utf8to16(pattern)
  local limit = math.min(options and options.maxfiles or FILES_MAX, FILES_MAX)
  -- Lists and attributes may be read.
  local fid, err = open(smbstate, folder, 0x00100081, FILE_DIRECTORY_FILE, {})
  if not fid then stdnse.debug1("SMB2: %s cannot be listed: %s", fname, tostring(err)) end
  local data, pos
  local count = 0

  local function fetch ()
    local body = string.pack("<I2BBI4", 33, FILE_BOTH_DIRECTORY_INFORMATION, 0, 0) .. fid
      .. string.pack("<I2I2I4", HEADER_LEN + 32, #wide_pattern, DATA_LEN_MAX) .. wide_pattern
    local result, answer = exchange(smbstate, COMMAND_QUERY_DIRECTORY, body)
    if result ~= 0 or #answer < 8 then
      if result ~= NO_MORE_FILES then stdnse.debug1("SMB2: %s", tostring(select(2, failure(result, answer)))) end
      return false
    end
    local at, len = string.unpack("<I2I4", answer, 3)
    data, pos = part(answer, at, len), 1
    return data ~= nil
  end

  return function ()
    local entry
    if fid and count < limit and (pos or fetch()) then
      entry, pos = smb1files.parse_find_entry(data, pos, unicode.utf16to8)
    end
    if not entry then
      if fid then close(smbstate, fid) end
      fid = nil
      return nil
    end
    count = count + 1
    return entry
  end
end

return _ENV
