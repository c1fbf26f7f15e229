---
-- Server Message Block, version 1 (MS-CIFS, MS-SMB): shares, files, pipes, and lists of files.
--
-- Library <code>smb</code> is what scripts use.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local os = require "os"
local smb1 = require "smb1"
local smbcodes = require "smbcodes"
local stdnse = require "stdnse"
local string = require "string"
local unicode = require "unicode"
_ENV = stdnse.module("smb1files", stdnse.seeall)

local FILES_MAX = 100000

local command_codes, status_codes, get_status_name =
  smbcodes.command_codes, smbcodes.status_codes, smbcodes.get_status_name
local HEADER_LEN, NO_ANDX = smb1.HEADER_LEN, smb1.NO_ANDX
local exchange, receive_message, smb_encode_header, smb_send, unix_time =
  smb1.exchange, smb1.receive_message, smb1.smb_encode_header, smb1.smb_send, smb1.unix_time

--- Logging on and off, for whoever has this table only.
logon, logoff = smb1.logon, smb1.logoff

--- Connects to a share (MS-CIFS 2.2.4.55).
-- @param smb The connection, logged on.
-- @param path The share, alone or with the server in front.
-- @param overrides Values for the header, and <code>tree_type</code>, the kind of share. Default: any.
-- @return True, or false and the name of the result.
function tree_connect (smb, path, overrides)
  if string.sub(path, 1, 2) ~= "\\\\" then path = "\\\\" .. smb.ip .. "\\" .. path end
  local parameters = NO_ANDX .. string.pack("<I2I2", 0, 1)
  local data = "\0" .. string.pack("zz", path, overrides and overrides.tree_type or "?????")
  local result, err, _, header =
    exchange(smb, command_codes.SMB_COM_TREE_CONNECT_ANDX, parameters, data, overrides)
  if not result then return false, err end
  if result ~= 0 then return false, get_status_name(result) end
  smb.tid = string.unpack("<I2", header, 25)
  smb.share = path
  return true
end

--- Disconnects from a share.
-- @param smb The connection.
-- @param overrides Values for the header.
-- @return True, or false and an error.
function tree_disconnect (smb, overrides)
  local result, err = exchange(smb, command_codes.SMB_COM_TREE_DISCONNECT, "", "", overrides)
  smb.tid = 0
  if not result then return false, err end
  if result ~= 0 then return false, get_status_name(result) end
  return true
end

--- Opens a file or a pipe (MS-CIFS 2.2.4.64). The connection then has its <code>fid</code>.
-- @param smb The connection, with a share.
-- @param path The file.
-- @param overrides Table with <code>file_create_root_fid</code>, <code>file_create_access_mask</code>,
--                  <code>file_create_file_attributes</code>, <code>file_create_share_attributes</code>,
--                  <code>file_create_disposition</code> and <code>file_create_create_options</code>.
-- @return True, or false and the name of the result.
function create_file (smb, path, overrides)
  local over = overrides or {}
  local parameters = NO_ANDX .. string.pack("<BI2I4I4I4i8I4I4I4I4I4B", 0, #path + 1, over.file_create_flags or 0x16,
    over.file_create_root_fid or 0, over.file_create_access_mask or 0x02000000, 0,
    over.file_create_file_attributes or 0, over.file_create_share_attributes or 7, over.file_create_disposition or 1,
    over.file_create_create_options or 0, 2, 0)
  local result, answer =
    exchange(smb, command_codes.SMB_COM_NT_CREATE_ANDX, parameters, string.pack("z", path), overrides)
  if not result then return false, answer end
  if result ~= 0 then return false, get_status_name(result) end
  if #answer < 7 then return false, "SMB: the server's answer is cut off" end
  smb.fid = string.unpack("<I2", answer, 6)
  smb.filename = path
  if #answer >= 67 then
    smb.oplock_level = string.byte(answer, 5)
    smb.create_action, smb.created, smb.last_access, smb.last_write, smb.last_change, smb.file_attributes,
      smb.allocation_size, smb.end_of_file = string.unpack("<I4i8i8i8i8I4i8i8", answer, 8)
  end
  return true
end

--- Reads from an open file (MS-CIFS 2.2.4.42).
-- @param smb The connection.
-- @param offset Where to begin, from 0.
-- @param count How many octets.
-- @param overrides Values for the header,.
-- @return True and a table with <code>data</code>, <code>remaining</code>, <code>data_length</code> and
--         <code>status</code>; or false and the name of the result.
function read_file (smb, offset, count, overrides)
  local parameters = NO_ANDX .. string.pack("<I2I4I2I2I4I2I4", smb.fid, offset & 0xffffffff, count, count, 0xffffffff,
    count, offset >> 32)
  local header = smb_encode_header(smb, command_codes.SMB_COM_READ_ANDX, overrides)
  local status, err = smb_send(smb, header, parameters, "", overrides)
  if not status then return false, err end
  local message
  message, err = receive_message(smb)
  if not message then return false, err end
  if #message < HEADER_LEN + 1 then return false, "SMB: the server's message is cut off" end
  local result = string.unpack("<I4", message, 6)
  if result ~= 0 and result ~= status_codes.NT_STATUS_BUFFER_OVERFLOW then
    return false, get_status_name(result), result
  end
  if #message < HEADER_LEN + 25 then return false, "SMB: the server's message is cut off" end
  -- The data's place is counted from the header's beginning.
  local remaining, _, _, len, at = string.unpack("<I2I2I2I2I2", message, HEADER_LEN + 6)
  return true, {
    status = result,
    remaining = remaining,
    data_length = len,
    data_offset = at,
    data = string.sub(message, at + 1, at + len),
  }
end

--- Writes to an open file (MS-CIFS 2.2.4.43).
-- @param smb The connection.
-- @param write_data The octets, at most 65535.
-- @param offset Where to begin, from 0.
-- @param overrides Values for the header.
-- @return True and a table with <code>count_low</code> and <code>remaining</code>; or false and the name of the result.
function write_file (smb, write_data, offset, overrides)
  local data_offset = HEADER_LEN + 1 + 28 + 2 + 1
  local parameters = NO_ANDX .. string.pack("<I2I4I4I2I2I2I2I2I4", smb.fid, offset & 0xffffffff, 0xffffffff, 8,
    #write_data, 0, #write_data, data_offset, offset >> 32)
  local result, answer =
    exchange(smb, command_codes.SMB_COM_WRITE_ANDX, parameters, "\0" .. write_data, overrides)
  if not result then return false, answer end
  if result ~= 0 then return false, get_status_name(result) end
  if #answer < 8 then return false, "SMB: the server's answer is cut off" end
  local count, remaining = string.unpack("<I2I2", answer, 5)
  return true, { count_low = count, remaining = remaining }
end

--- Closes the open file.
-- @param smb The connection.
-- @param overrides Values for the header.
-- @return True, or false and the name of the result.
function close_file (smb, overrides)
  local result, err =
    exchange(smb, command_codes.SMB_COM_CLOSE, string.pack("<I2I4", smb.fid, 0xffffffff), "", overrides)
  if not result then return false, err end
  if result ~= 0 then return false, get_status_name(result) end
  return true
end

--- Deletes a file.
-- @param smb The connection, with a share.
-- @param path The file.
-- @param overrides Values for the header.
-- @return True, or false and the name of the result.
function delete_file (smb, path, overrides)
  -- Hidden and system files are meant, too.
  local result, err =
    exchange(smb, command_codes.SMB_COM_DELETE, string.pack("<I2", 0x0006), "\x04" .. path .. "\0", overrides)
  if not result then return false, err end
  if result ~= 0 then return false, get_status_name(result) end
  return true
end

-- Transactions --------------------------------------------------------------------------------------------------

-- Puts the pieces of a transaction's answer together (MS-CIFS 2.2.4.33.2): parameters and data, or nil and the name of
-- the result. The second value is the number of the result.
local function receive_transaction (smb, command)
  local parameters, data, result = "", "", nil
  for _ = 1, 1000 do
    local message, err = receive_message(smb)
    if not message then return nil, err end
    if #message < HEADER_LEN + 3 then return nil, "SMB: the server's message is cut off" end
    result = string.unpack("<I4", message, 6)
    if string.byte(message, 5) ~= command then return nil, "SMB: the answer is to another command" end
    if result ~= 0 and result ~= status_codes.NT_STATUS_BUFFER_OVERFLOW then
      return nil, get_status_name(result), result
    end
    if string.byte(message, HEADER_LEN + 1) < 9 or #message < HEADER_LEN + 19 then
      return nil, "SMB: the server's message is cut off"
    end
    local total_parameters, total_data, _, parameters_len, parameters_at, _, data_len, data_at =
      string.unpack("<I2I2I2I2I2I2I2I2", message, HEADER_LEN + 2)
    parameters = parameters .. string.sub(message, parameters_at + 1, parameters_at + parameters_len)
    data = data .. string.sub(message, data_at + 1, data_at + data_len)
    if #parameters >= total_parameters and #data >= total_data then return { parameters, data }, nil, result end
    if parameters_len == 0 and data_len == 0 then return nil, "SMB: the answer stands still" end
  end
  return nil, "SMB: the answer has too many pieces"
end

-- SMB_COM_TRANSACTION and SMB_COM_TRANSACTION2: a header, words of setup, a name, parameters and data.
local function transact (smb, command, setup, name, parameters, data, overrides)
  -- The place of the parameters: after the header, 14 words and the setup, the count of octets and the name.
  local parameters_at = HEADER_LEN + 1 + 28 + #setup + 2 + #name
  local padding = string.rep("\0", -parameters_at % 4)
  parameters_at = parameters_at + #padding
  local data_padding = string.rep("\0", -#parameters % 4)
  local data_at = parameters_at + #parameters + #data_padding
  local words = string.pack("<I2I2I2I2BBI2I4I2I2I2I2I2BB", #parameters, #data, 1024, 0xffff - 1100, 0, 0, 0, 5000, 0,
    #parameters, parameters_at, #data, data_at, #setup // 2, 0) .. setup
  local header = smb_encode_header(smb, command, overrides)
  local status, err = smb_send(smb, header, words, name .. padding .. parameters .. data_padding .. data, overrides)
  if not status then return nil, err end
  return receive_transaction(smb, command)
end

--- Sends to a named pipe and receives its answer in one go (MS-CIFS 2.2.5.6).
-- @param smb The connection, with the pipe open.
-- @param function_parameters The transaction's parameters.
-- @param function_data The data.
-- @param pipe The pipe's name. Default: <code>\PIPE\</code>.
-- @param no_setup True to leave out the words that say it is for the open pipe.
-- @param overrides Values for the header.
-- @return True and a table with <code>parameters</code>, <code>data</code> and <code>status</code>; or false and an
--         error.
function send_transaction_named_pipe (smb, function_parameters, function_data, pipe, no_setup, overrides)
  local setup = no_setup and "" or string.pack("<I2I2", 0x0026, smb.fid)
  local answer, err, result = transact(smb, command_codes.SMB_COM_TRANSACTION, setup, (pipe or "\\PIPE\\") .. "\0",
    function_parameters or "", function_data or "", overrides)
  if not answer then return false, err, result end
  return true, { status = result, parameters = answer[1], data = answer[2] }
end

--- Waits for a named pipe to be free (MS-CIFS 2.2.5.9).
-- @param smb The connection, with share <code>IPC$</code>.
-- @param priority The priority.
-- @param pipe The pipe's name.
-- @param overrides Values for the header.
-- @return True, or false and an error.
function send_transaction_waitnamedpipe (smb, priority, pipe, overrides)
  local answer, err = transact(smb, command_codes.SMB_COM_TRANSACTION, string.pack("<I2I2", 0x0053, priority or 0),
    pipe .. "\0", "", "", overrides)
  if not answer then return false, err end
  return true
end

--- Reads a file's entry in a list (SMB_FIND_FILE_BOTH_DIRECTORY_INFO, MS-CIFS 2.2.8.1.7).
-- @param data The list.
-- @param pos The entry's position.
-- @param decode Makes text of the name's octets. Default: nothing but to take away zeros at the end.
-- @return The entry, nil if there is none, and the next one's position, nil for none.
function parse_find_entry (data, pos, decode)
  if pos + 93 > #data then return nil end
  local entry = {}
  local next_offset, name_len, short_len
  next_offset, entry.fi, entry.created, entry.accessed, entry.write, entry.change, entry.eof, entry.alloc_size,
    entry.attrs, name_len, entry.ea_size, short_len = string.unpack("<I4I4i8i8i8i8i8i8I4I4I4B", data, pos)
  entry.created = os.date("!%Y-%m-%dT%H:%M:%S", unix_time(entry.created))
  entry.s_fname = unicode.utf16to8(string.sub(data, pos + 70, pos + 69 + math.min(short_len, 24)))
  local name = string.sub(data, pos + 94, pos + 93 + name_len)
  entry.fname = decode and decode(name) or (string.gsub(name, "%z+$", ""))
  return entry, next_offset > 0 and pos + next_offset or nil
end

--- Lists files (TRANS2_FIND_FIRST2 and TRANS2_FIND_NEXT2, MS-CIFS 2.2.6.2, 2.2.6.3).
-- @param smbstate The connection, with a share.
-- @param fname What to list, with wildcards. Default: everything in the share's root.
-- @param options Table with <code>maxfiles</code>.
-- @return A function that returns one file after the other, then nil: a table with <code>fname</code>,
--         <code>s_fname</code>, <code>attrs</code>, <code>eof</code> (the size), <code>created</code> as
--         text, <code>accessed</code>, <code>write</code> and <code>change</code> in 100 ns since 1601.
function find_files (smbstate, fname, options)
  fname = string.gsub(fname or "\\*", "/", "\\")
  local limit = math.min(options and options.maxfiles or FILES_MAX, FILES_MAX)
  local sid, data, pos, ended
  local last_name
  local count = 0

  local function fetch ()
    local setup, parameters
    if not sid then
      setup = string.pack("<I2", 0x0001)
      parameters = string.pack("<I2I2I2I2I4z", 0x0016, 1366, 0x0006, 0x0104, 0, fname)
    else
      setup = string.pack("<I2", 0x0002)
      parameters = string.pack("<I2I2I2I4I2z", sid, 1366, 0x0104, 0, 0x000e, last_name)
    end
    local answer = transact(smbstate, command_codes.SMB_COM_TRANSACTION2, setup, "\0", parameters, "")
    if not answer then return false end
    local first, at = sid == nil, 1
    if #answer[1] < (first and 6 or 4) then return false end
    if first then sid, at = string.unpack("<I2", answer[1]) end
    local found, end_of_search = string.unpack("<I2I2", answer[1], at)
    ended = end_of_search ~= 0
    data, pos = answer[2], found > 0 and 1 or nil
    return pos ~= nil
  end

  local function close ()
    if sid then exchange(smbstate, command_codes.SMB_COM_FIND_CLOSE2, string.pack("<I2", sid), "") end
    sid, ended = nil, true
  end

  return function ()
    if count >= limit or not pos and ended or not pos and not fetch() then
      close()
      return nil
    end
    local entry
    entry, pos = parse_find_entry(data, pos)
    if not entry then
      close()
      return nil
    end
    count = count + 1
    last_name = entry.fname
    return entry
  end
end

return _ENV
