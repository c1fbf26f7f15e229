---
-- Server Message Block, version 1 (MS-CIFS, MS-SMB), and the way to version 2 (library <code>smb2</code>).
--
-- A connection is a table that all functions take first. <code>start_ex</code> makes one and goes as far as it is told:
-- connecting, negotiating, logging on, opening a share, opening a file. <code>stop</code> ends it. Which account is
-- used
-- is the business of library <code>smbauth</code>.
--
-- @usage
-- local status, state = smb.start_ex(host, true, true, "IPC$", nil, nil, nil)
-- if status then smb.stop(state) end
--
-- @args smbsign <code>force</code> to sign every message, <code>ignore</code> never to sign, <code>negotiate</code>
--       (the default) to sign if the server wants it.
-- @args smbbasic If given, the logon does without security blobs.
-- @args smbport The port to use. Default: 445, or 139 if only that one is open.
--
-- @copyright MIT OR Apache-2.0

local io = require "io"
local match = require "match"
local math = require "math"
local netbios = require "netbios"
local nmap = require "nmap"
local os = require "os"
local smbauth = require "smbauth"
local smb2 = require "smb2"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local unicode = require "unicode"
_ENV = stdnse.module("smb", stdnse.seeall)

-- Servers may think for a while, for instance while they look for a domain controller.
local TIMEOUT_MIN_MS = 10000
-- A message of the session service has at most 17 bits of length (RFC 1002, 4.3.1), 24 without NetBIOS; more than this
-- nobody sends us.
local MESSAGE_LEN_MAX = 0x20000
local HEADER_LEN = 32
-- How much of a file is read or written at a time, and altogether.
local CHUNK_LEN = 4096
local FILE_LEN_MAX = 64 * 1024 * 1024
local FILES_MAX = 100000

--- Commands (MS-CIFS 2.2.2.1).
-- @class table
-- @name command_codes
command_codes = {
  SMB_COM_CREATE_DIRECTORY = 0x00, SMB_COM_DELETE_DIRECTORY = 0x01, SMB_COM_OPEN = 0x02, SMB_COM_CREATE = 0x03,
  SMB_COM_CLOSE = 0x04, SMB_COM_FLUSH = 0x05, SMB_COM_DELETE = 0x06, SMB_COM_RENAME = 0x07,
  SMB_COM_QUERY_INFORMATION = 0x08, SMB_COM_SET_INFORMATION = 0x09, SMB_COM_READ = 0x0a, SMB_COM_WRITE = 0x0b,
  SMB_COM_LOCK_BYTE_RANGE = 0x0c, SMB_COM_UNLOCK_BYTE_RANGE = 0x0d, SMB_COM_CREATE_TEMPORARY = 0x0e,
  SMB_COM_CREATE_NEW = 0x0f, SMB_COM_CHECK_DIRECTORY = 0x10, SMB_COM_PROCESS_EXIT = 0x11, SMB_COM_SEEK = 0x12,
  SMB_COM_LOCK_AND_READ = 0x13, SMB_COM_WRITE_AND_UNLOCK = 0x14, SMB_COM_READ_RAW = 0x1a, SMB_COM_READ_MPX = 0x1b,
  SMB_COM_WRITE_RAW = 0x1d, SMB_COM_WRITE_MPX = 0x1e, SMB_COM_WRITE_COMPLETE = 0x20, SMB_COM_QUERY_SERVER = 0x21,
  SMB_COM_SET_INFORMATION2 = 0x22, SMB_COM_QUERY_INFORMATION2 = 0x23, SMB_COM_LOCKING_ANDX = 0x24,
  SMB_COM_TRANSACTION = 0x25, SMB_COM_TRANSACTION_SECONDARY = 0x26, SMB_COM_IOCTL = 0x27,
  SMB_COM_IOCTL_SECONDARY = 0x28, SMB_COM_COPY = 0x29, SMB_COM_MOVE = 0x2a, SMB_COM_ECHO = 0x2b,
  SMB_COM_WRITE_AND_CLOSE = 0x2c, SMB_COM_OPEN_ANDX = 0x2d, SMB_COM_READ_ANDX = 0x2e, SMB_COM_WRITE_ANDX = 0x2f,
  SMB_COM_NEW_FILE_SIZE = 0x30, SMB_COM_CLOSE_AND_TREE_DISC = 0x31, SMB_COM_TRANSACTION2 = 0x32,
  SMB_COM_TRANSACTION2_SECONDARY = 0x33, SMB_COM_FIND_CLOSE2 = 0x34, SMB_COM_FIND_NOTIFY_CLOSE = 0x35,
  SMB_COM_TREE_CONNECT = 0x70, SMB_COM_TREE_DISCONNECT = 0x71, SMB_COM_NEGOTIATE = 0x72,
  SMB_COM_SESSION_SETUP_ANDX = 0x73, SMB_COM_LOGOFF_ANDX = 0x74, SMB_COM_TREE_CONNECT_ANDX = 0x75,
  SMB_COM_QUERY_INFORMATION_DISK = 0x80, SMB_COM_SEARCH = 0x81, SMB_COM_FIND = 0x82, SMB_COM_FIND_UNIQUE = 0x83,
  SMB_COM_FIND_CLOSE = 0x84, SMB_COM_NT_TRANSACT = 0xa0, SMB_COM_NT_TRANSACT_SECONDARY = 0xa1,
  SMB_COM_NT_CREATE_ANDX = 0xa2, SMB_COM_NT_CANCEL = 0xa4, SMB_COM_NT_RENAME = 0xa5,
  SMB_COM_OPEN_PRINT_FILE = 0xc0, SMB_COM_WRITE_PRINT_FILE = 0xc1, SMB_COM_CLOSE_PRINT_FILE = 0xc2,
  SMB_COM_GET_PRINT_QUEUE = 0xc3, SMB_NO_FURTHER_COMMANDS = 0xff,
}

--- Names of commands, by number.
-- @class table
-- @name command_names
command_names = {}
for name, code in pairs(command_codes) do command_names[code] = name end

--- Results that servers give (MS-ERREF 2.3.1), by name.
-- @class table
-- @name status_codes
status_codes = {
  NT_STATUS_SUCCESS = 0x00000000, NT_STATUS_PENDING = 0x00000103, NT_STATUS_BUFFER_OVERFLOW = 0x80000005,
  NT_STATUS_NO_MORE_FILES = 0x80000006, NT_STATUS_NO_MORE_ENTRIES = 0x8000001a, STATUS_BUFFER_OVERFLOW = 0x80000005,
  NT_STATUS_UNSUCCESSFUL = 0xc0000001, NT_STATUS_NOT_IMPLEMENTED = 0xc0000002,
  NT_STATUS_INVALID_INFO_CLASS = 0xc0000003, NT_STATUS_INFO_LENGTH_MISMATCH = 0xc0000004,
  NT_STATUS_ACCESS_VIOLATION = 0xc0000005, NT_STATUS_INVALID_HANDLE = 0xc0000008,
  NT_STATUS_INVALID_PARAMETER = 0xc000000d, NT_STATUS_NO_SUCH_DEVICE = 0xc000000e, NT_STATUS_NO_SUCH_FILE = 0xc000000f,
  NT_STATUS_INVALID_DEVICE_REQUEST = 0xc0000010, NT_STATUS_END_OF_FILE = 0xc0000011,
  NT_STATUS_MORE_PROCESSING_REQUIRED = 0xc0000016, NT_STATUS_NO_MEMORY = 0xc0000017,
  NT_STATUS_ACCESS_DENIED = 0xc0000022, NT_STATUS_BUFFER_TOO_SMALL = 0xc0000023,
  NT_STATUS_OBJECT_TYPE_MISMATCH = 0xc0000024, NT_STATUS_OBJECT_NAME_INVALID = 0xc0000033,
  NT_STATUS_OBJECT_NAME_NOT_FOUND = 0xc0000034, NT_STATUS_OBJECT_NAME_COLLISION = 0xc0000035,
  NT_STATUS_OBJECT_PATH_INVALID = 0xc0000039, NT_STATUS_OBJECT_PATH_NOT_FOUND = 0xc000003a,
  NT_STATUS_OBJECT_PATH_SYNTAX_BAD = 0xc000003b, NT_STATUS_SHARING_VIOLATION = 0xc0000043,
  NT_STATUS_DELETE_PENDING = 0xc0000056, NT_STATUS_REVISION_MISMATCH = 0xc0000059,
  NT_STATUS_PRIVILEGE_NOT_HELD = 0xc0000061, NT_STATUS_NO_SUCH_LOGON_SESSION = 0xc000005f,
  NT_STATUS_USER_EXISTS = 0xc0000063, NT_STATUS_NO_SUCH_USER = 0xc0000064, NT_STATUS_GROUP_EXISTS = 0xc0000065,
  NT_STATUS_NO_SUCH_GROUP = 0xc0000066, NT_STATUS_WRONG_PASSWORD = 0xc000006a,
  NT_STATUS_ILL_FORMED_PASSWORD = 0xc000006b, NT_STATUS_PASSWORD_RESTRICTION = 0xc000006c,
  NT_STATUS_LOGON_FAILURE = 0xc000006d, NT_STATUS_ACCOUNT_RESTRICTION = 0xc000006e,
  NT_STATUS_INVALID_LOGON_HOURS = 0xc000006f, NT_STATUS_INVALID_WORKSTATION = 0xc0000070,
  NT_STATUS_PASSWORD_EXPIRED = 0xc0000071, NT_STATUS_ACCOUNT_DISABLED = 0xc0000072, NT_STATUS_NONE_MAPPED = 0xc0000073,
  NT_STATUS_INVALID_SID = 0xc0000078, NT_STATUS_PROCEDURE_NOT_FOUND = 0xc000007a, NT_STATUS_DISK_FULL = 0xc000007f,
  NT_STATUS_INSUFFICIENT_RESOURCES = 0xc000009a, NT_STATUS_MEDIA_WRITE_PROTECTED = 0xc00000a2,
  NT_STATUS_PIPE_NOT_AVAILABLE = 0xc00000ac, NT_STATUS_PIPE_BUSY = 0xc00000ae, NT_STATUS_PIPE_DISCONNECTED = 0xc00000b0,
  NT_STATUS_PIPE_CLOSING = 0xc00000b1, NT_STATUS_IO_TIMEOUT = 0xc00000b5, NT_STATUS_FILE_IS_A_DIRECTORY = 0xc00000ba,
  NT_STATUS_NOT_SUPPORTED = 0xc00000bb, NT_STATUS_DUPLICATE_NAME = 0xc00000bd, NT_STATUS_BAD_NETWORK_PATH = 0xc00000be,
  NT_STATUS_NETWORK_BUSY = 0xc00000bf, NT_STATUS_INVALID_NETWORK_RESPONSE = 0xc00000c3,
  NT_STATUS_UNEXPECTED_NETWORK_ERROR = 0xc00000c4, NT_STATUS_NETWORK_NAME_DELETED = 0xc00000c9,
  NT_STATUS_NETWORK_ACCESS_DENIED = 0xc00000ca, NT_STATUS_BAD_DEVICE_TYPE = 0xc00000cb,
  NT_STATUS_BAD_NETWORK_NAME = 0xc00000cc, NT_STATUS_TOO_MANY_SESSIONS = 0xc00000ce,
  NT_STATUS_REQUEST_NOT_ACCEPTED = 0xc00000d0, NT_STATUS_NO_SUCH_DOMAIN = 0xc00000df,
  NT_STATUS_INTERNAL_ERROR = 0xc00000e5, NT_STATUS_DIRECTORY_NOT_EMPTY = 0xc0000101,
  NT_STATUS_NOT_A_DIRECTORY = 0xc0000103, NT_STATUS_CANCELLED = 0xc0000120, NT_STATUS_CANNOT_DELETE = 0xc0000121,
  NT_STATUS_FILE_CLOSED = 0xc0000128, NT_STATUS_NO_SUCH_ALIAS = 0xc0000151,
  NT_STATUS_LOGON_TYPE_NOT_GRANTED = 0xc000015b,
  NT_STATUS_NO_TRUST_SAM_ACCOUNT = 0xc000018b, NT_STATUS_TRUSTED_DOMAIN_FAILURE = 0xc000018c,
  NT_STATUS_TRUSTED_RELATIONSHIP_FAILURE = 0xc000018d, NT_STATUS_ACCOUNT_EXPIRED = 0xc0000193,
  NT_STATUS_USER_SESSION_DELETED = 0xc0000203, NT_STATUS_PASSWORD_MUST_CHANGE = 0xc0000224,
  NT_STATUS_NOT_FOUND = 0xc0000225, NT_STATUS_ACCOUNT_LOCKED_OUT = 0xc0000234,
  NT_STATUS_PATH_NOT_COVERED = 0xc0000257, NT_STATUS_NETWORK_SESSION_EXPIRED = 0xc000035c,
  NT_STATUS_SMB_TOO_MANY_UIDS = 0xc000205a,
  -- Errors of the older kind, class and code in one number (MS-CIFS 2.2.2.4).
  NT_STATUS_WERR_BADFILE = 0x00000002, NT_STATUS_WERR_ACCESS_DENIED = 0x00000005,
  NT_STATUS_WERR_INVALID_NAME = 0x0000007b, NT_STATUS_WERR_UNKNOWN_LEVEL = 0x0000007c,
  NT_STATUS_WERR_MORE_DATA = 0x000000ea, NT_STATUS_WERR_NO_MORE_ITEMS = 0x00000103,
  NT_STATUS_WERR_INVALID_PARAMETER = 0x00000057, NT_STATUS_DOS_BADFID = 0x00060001,
  NT_STATUS_NON_SPECIFIC = 0x00010002, NT_STATUS_SMB_BAD_TID = 0x00050002, NT_STATUS_SMB_BAD_UID = 0x005b0002,
  NT_STATUS_SMB_BAD_COMMAND = 0x00160002,
}

--- Names of results, by number.
-- @class table
-- @name status_names
status_names = {}
for name, code in pairs(status_codes) do
  -- One number has two names: the one with the usual prefix stands.
  if string.sub(name, 1, 3) == "NT_" or not status_names[code] then status_names[code] = name end
end
status_names[0x00000103] = "NT_STATUS_PENDING"

--- Attributes of files (MS-CIFS 2.2.1.2.3).
-- @class table
-- @name file_attributes
file_attributes = {
  SMB_FILE_ATTRIBUTE_READONLY = 0x01, SMB_FILE_ATTRIBUTE_HIDDEN = 0x02, SMB_FILE_ATTRIBUTE_SYSTEM = 0x04,
  SMB_FILE_ATTRIBUTE_VOLUME = 0x08, SMB_FILE_ATTRIBUTE_DIRECTORY = 0x10, SMB_FILE_ATTRIBUTE_ARCHIVE = 0x20,
}

--- Shows the result of a command.
-- @param status The number.
-- @return Its name.
function get_status_name (status)
  return status_names[status] or ("NT_STATUS_UNKNOWN (0x%08x)"):format(status)
end

-- Ports and accounts --------------------------------------------------------------------------------------------

--- Finds a port of a host on which the protocol is spoken.
-- @param host The host table.
-- @return 445 or 139, nil if neither is open.
function get_port (host)
  local wanted = tonumber((stdnse.get_script_args("smbport")))
  if wanted then return wanted end
  for _, number in ipairs({ 445, 139 }) do
    local port = nmap.get_port_state(host, { number = number, protocol = "tcp" })
    if port and port.state == "open" then return number end
  end
  return nil
end

--- The account to try now, see <code>smbauth.get_account</code>.
-- @param host The host table.
-- @return True, user, domain, password, hash and kind of response; or false and a message.
function get_account (host)
  return smbauth.get_account(host)
end

--- Adds an account, see <code>smbauth.add_account</code>.
-- @param host The host table.
-- @param username The user.
-- @param domain The domain.
-- @param password The password.
-- @param password_hash The hash.
-- @param hash_type The kind of response.
-- @param is_admin True if the user is an administrator.
function add_account (host, username, domain, password, password_hash, hash_type, is_admin)
  smbauth.add_account(host, username, domain, password, password_hash, hash_type, is_admin)
end

--- Puts an account into a table of overrides.
-- @param username The user.
-- @param domain The domain.
-- @param password The password.
-- @param password_hash The hash.
-- @param hash_type The kind of response.
-- @param overrides A table to put it in. Default: a new one.
-- @return The table.
function get_overrides (username, domain, password, password_hash, hash_type, overrides)
  overrides = overrides or {}
  overrides.username = username
  overrides.domain = domain
  overrides.password = password
  overrides.password_hash = password_hash
  overrides.hash_type = hash_type
  return overrides
end

--- Puts nobody's account into a table of overrides.
-- @param overrides A table to put it in. Default: a new one.
-- @return The table.
function get_overrides_anonymous (overrides)
  return get_overrides("", "", "", nil, "none", overrides)
end

-- Connecting ----------------------------------------------------------------------------------------------------

local function open_socket (host, port)
  local socket = nmap.new_socket()
  socket:set_timeout(math.max(stdnse.get_timeout(host), TIMEOUT_MIN_MS))
  local status, err = socket:connect(host, port, "tcp")
  if not status then return nil, "Failed to connect to the server: " .. tostring(err) end
  return socket
end

--- Connects without NetBIOS.
-- @param host The host table.
-- @param port The port's number.
-- @return True and the socket, or false and an error.
function start_raw (host, port)
  local socket, err = open_socket(host, port)
  if not socket then return false, err end
  return true, socket
end

-- Names a server may be called by on the session service; the last one most servers answer to.
local function session_names (host, name)
  local names = { name }
  local status, found = netbios.get_server_name(host)
  if status then names[#names + 1] = found end
  local short = string.match(host.name or "", "^([^.]+)")
  if short then names[#names + 1] = string.sub(string.upper(short), 1, 15) end
  names[#names + 1] = "*SMBSERVER"
  return names
end

--- Connects through the NetBIOS session service (RFC 1002, 4.3).
-- @param host The host table.
-- @param port The port's number.
-- @param name A name to call the server by first.
-- @return True and the socket, or false and an error.
function start_netbios (host, port, name)
  local why
  for _, called in ipairs(session_names(host, name)) do
    local socket, err = open_socket(host, port)
    if not socket then return false, err end
    local names = netbios.name_encode(called) .. "\0" .. netbios.name_encode("PERILUNE") .. "\0"
    local status, answer = socket:send("\x81\0" .. string.pack(">s2", names))
    if status then status, answer = socket:receive_buf(match.numbytes(4), true) end
    -- 0x82 is a positive answer.
    if status and string.byte(answer, 1) == 0x82 then return true, socket end
    socket:close()
    why = status and "the server does not answer to the name " .. called or tostring(answer)
  end
  return false, "NetBIOS session refused: " .. tostring(why)
end

--- Connects to the port that <code>get_port</code> finds.
-- @param host The host table.
-- @return True and a connection, or false and an error.
function start (host)
  local port = get_port(host)
  if not port then return false, "Couldn't find a valid port to check" end
  local status, socket
  if port == 139 then
    status, socket = start_netbios(host, port)
  else
    status, socket = start_raw(host, port)
  end
  if not status then return false, socket end
  return true, {
    host = host.ip,
    ip = host.ip,
    hostinfo = host,
    port = port,
    socket = socket,
    uid = 0,
    tid = 0,
    mid = 1,
    pid = math.random(1, 0xfffe),
    sequence = -1,
    MessageId = 0,
    extended_security = stdnse.get_script_args("smbbasic") == nil,
  }
end

--- Connects and goes as far as told.
-- @param host The host table.
-- @param bool_negotiate_protocol True to negotiate.
-- @param bool_start_session True to log on.
-- @param str_tree_connect A share to connect to: a name, or a whole path; nil for none.
-- @param str_create_file A file or pipe to open; nil for none.
-- @param bool_disable_extended True to log on without security blobs.
-- @param overrides Values to use in place of the usual ones, such as an account.
-- @return True and the connection, or false and an error.
function start_ex (host, bool_negotiate_protocol, bool_start_session, str_tree_connect, str_create_file,
                   bool_disable_extended, overrides)
  local status, state = start(host)
  if not status then return false, state end
  if bool_disable_extended then disable_extended(state) end
  local function step (wanted, func, ...)
    if not status or not wanted then return end
    local err
    status, err = func(state, ...)
    if not status then
      stop(state)
      state = err
    end
  end
  step(bool_negotiate_protocol, negotiate_protocol, overrides)
  step(bool_start_session, start_session, overrides)
  step(str_tree_connect, tree_connect, str_tree_connect, overrides)
  step(str_create_file, create_file, str_create_file, overrides)
  return status, state
end

--- Ends a connection: disconnects from the share, logs off, closes the socket.
-- @param smb The connection.
-- @return True.
function stop (smb)
  if smb.tid ~= 0 then tree_disconnect(smb) end
  if smb.uid ~= 0 then logoff(smb) end
  if smb.socket then smb.socket:close() end
  smb.socket = nil
  return true
end

--- Sees to it that the logon does without security blobs. To be called before negotiating.
-- @param smb The connection.
function disable_extended (smb)
  smb.extended_security = false
end

--- The local and the remote address of a connection made to a host for that purpose.
-- @param host The host table.
-- @return True, the local address and port, the remote address and port; or false and an error.
function get_socket_info (host)
  local status, state = start(host)
  if not status then return false, state end
  local results = table.pack(state.socket:get_info())
  stop(state)
  return table.unpack(results, 1, results.n)
end

-- Messages ------------------------------------------------------------------------------------------------------

--- Makes a header (MS-CIFS 2.2.3.1).
--
-- Strings are in the server's 8-bit character set, and results are to be of 32 bits.
-- @param smb The connection.
-- @param command The command's number.
-- @param overrides Table with <code>flags</code>, <code>flags2</code>, <code>tid</code>, <code>uid</code>,
--                  <code>pid</code> or <code>mid</code> to use in place of the connection's.
-- @return 32 octets, without a signature.
function smb_encode_header (smb, command, overrides)
  overrides = overrides or {}
  -- Long names, signatures possible, long names used, reads of programs allowed, 32-bit results; security blobs.
  local flags2 = 0x6045 | (smb.extended_security and 0x0800 or 0)
  return string.pack("<c4BI4BI2I2i8I2I2I2I2I2", "\xffSMB", command, 0, overrides.flags or 0x18,
    overrides.flags2 or flags2, 0, 0, 0, overrides.tid or smb.tid or 0, overrides.pid or smb.pid or 0,
    overrides.uid or smb.uid or 0, overrides.mid or smb.mid or 1)
end

local function is_signed (smb)
  if not smb.mac_key or smb.mac_key == "" then return false end
  local wanted = stdnse.get_script_args("smbsign")
  if wanted == "force" then return true end
  if wanted == "ignore" then return false end
  return smb.security_mode ~= nil and smb.security_mode & 0x08 ~= 0
end

--- Sends a message.
-- @param smb The connection.
-- @param header What <code>smb_encode_header</code> made.
-- @param parameters The parameters' octets, an even number.
-- @param data The data's octets.
-- @param overrides Table with <code>parameters_length</code> or <code>data_length</code> to send in place of the true
--                  ones.
-- @return True, or false and an error.
function smb_send (smb, header, parameters, data, overrides)
  overrides = overrides or {}
  local message = header
    .. string.pack("B", (overrides.parameters_length or #parameters // 2) & 0xff) .. parameters
    .. string.pack("<I2", (overrides.data_length or #data) & 0xffff) .. data
  if is_signed(smb) then
    smb.sequence = smb.sequence + 1
    local numbered = string.sub(message, 1, 14) .. string.pack("<I8", smb.sequence) .. string.sub(message, 23)
    local signature = smbauth.calculate_signature(smb.mac_key, numbered)
    message = string.sub(message, 1, 14) .. signature .. string.sub(message, 23)
    -- The answer has the next number.
    smb.sequence = smb.sequence + 1
  end
  local status, err = smb.socket:send(string.pack(">s4", message))
  if not status then return false, "SMB: failed to send: " .. tostring(err) end
  return true
end

-- A message of the session service, without its header of 4 octets. Keep-alives are passed over.
local function receive_message (smb)
  for _ = 1, 16 do
    local status, prefix = smb.socket:receive_buf(match.numbytes(4), true)
    if not status then return nil, "SMB: failed to receive: " .. tostring(prefix) end
    local kind, len = string.unpack(">BI3", prefix)
    if len > MESSAGE_LEN_MAX then return nil, "SMB: message too long" end
    local message = ""
    if len > 0 then
      status, message = smb.socket:receive_buf(match.numbytes(len), true)
      if not status then return nil, "SMB: failed to receive: " .. tostring(message) end
    end
    if kind == 0 then return message end
  end
  return nil, "SMB: no message"
end

--- Receives a message.
-- @param smb The connection.
-- @param read_data False if the message has no data and what follows the parameters is to be left alone.
-- @return True, the header, the parameters and the data; or false and an error.
function smb_read (smb, read_data)
  local message, err = receive_message(smb)
  if not message then return false, err end
  if #message < HEADER_LEN + 1 or not string.find(message, "^[\xfe\xff]SMB") then
    return false, "SMB: the server's message is none of SMB"
  end
  local header = string.sub(message, 1, HEADER_LEN)
  local pos = HEADER_LEN + 1
  local parameters_len = 2 * string.byte(message, pos)
  if pos + parameters_len > #message then return false, "SMB: the server's message is cut off" end
  local parameters = string.sub(message, pos + 1, pos + parameters_len)
  pos = pos + parameters_len + 1
  local data = ""
  if read_data ~= false and pos + 1 <= #message then
    local data_len = string.unpack("<I2", message, pos)
    data = string.sub(message, pos + 2, pos + 1 + data_len)
  end
  return true, header, parameters, data
end

-- Sends a command and waits for its result: the result's number, the parameters, the data and the header; or nil and
-- an error. The message's number is checked, so that a late answer to something else is not taken for this one.
local function exchange (smb, command, parameters, data, overrides)
  local header = smb_encode_header(smb, command, overrides)
  local status, err = smb_send(smb, header, parameters, data, overrides)
  if not status then return nil, err end
  local answer
  status, answer, parameters, data = smb_read(smb)
  if not status then return nil, answer end
  local result = string.unpack("<I4", answer, 6)
  if string.byte(answer, 5) ~= command then return nil, "SMB: the answer is to another command" end
  return result, parameters, data, answer
end

-- Negotiating ---------------------------------------------------------------------------------------------------

-- Bits of a server's security mode and capabilities (MS-CIFS 2.2.4.52.2).
local CAP_UNICODE, CAP_EXTENDED_SECURITY = 0x00000004, 0x80000000

local function decode_string (data, pos, wide)
  if wide then
    local stop = pos
    while stop + 1 <= #data and string.sub(data, stop, stop + 1) ~= "\0\0" do stop = stop + 2 end
    return unicode.utf16to8(string.sub(data, pos, stop - 1)), stop + 2
  end
  local stop = string.find(data, "\0", pos, true) or #data + 1
  return string.sub(data, pos, stop - 1), stop + 1
end

-- Times are in 100 ns since 1601; those out of reach of a calendar are shown as its beginning.
local function unix_time (filetime)
  local seconds = filetime // 10000000 - 11644473600
  return seconds >= 0 and seconds < 253402300800 and seconds or 0
end

-- Puts the server's clock into the connection. The zone is in minutes to the west.
local function set_time (smb, filetime, zone)
  smb.time = unix_time(filetime)
  smb.date = os.date("!%Y-%m-%dT%H:%M:%S", smb.time)
  smb.timezone = -zone // 60
  smb.timezone_str = zone == 0 and "UTC+0" or ("UTC%+d"):format(-zone // 60)
end

--- Negotiates version 1 of the protocol (MS-CIFS 2.2.4.52, MS-SMB 2.2.4.5).
--
-- What the server says of itself goes into the connection: <code>security_mode</code>, <code>max_mpx</code>,
-- <code>max_vc</code>, <code>max_buffer</code>, <code>max_raw_buffer</code>, <code>session_key</code>,
-- <code>capabilities</code>, <code>time</code>, <code>date</code>, <code>timezone</code>, <code>timezone_str</code>,
-- then <code>server_guid</code> and <code>security_blob</code>, or <code>server_challenge</code>, <code>domain</code>
-- and <code>server</code>.
-- @param smb The connection.
-- @param overrides Table with <code>dialects</code>, names of dialects to offer.
-- @return True, or false and an error.
function negotiate_v1 (smb, overrides)
  local dialects = overrides and overrides.dialects or { "NT LM 0.12" }
  local parts = {}
  for i, dialect in ipairs(dialects) do parts[i] = "\x02" .. dialect .. "\0" end
  local result, parameters, data = exchange(smb, command_codes.SMB_COM_NEGOTIATE, "", table.concat(parts), overrides)
  if not result then return false, parameters end
  if result ~= 0 then return false, get_status_name(result) end
  if #parameters < 2 then return false, "SMB: the server's answer has no dialect" end
  local dialect = string.unpack("<I2", parameters)
  if dialect == 0xffff then return false, "Server doesn't support any of the offered dialects" end
  if #parameters < 34 then return false, "Server negotiated an old dialect" end
  local filetime, zone, key_len
  smb.dialect, smb.security_mode, smb.max_mpx, smb.max_vc, smb.max_buffer, smb.max_raw_buffer, smb.session_key,
    smb.capabilities, filetime, zone, key_len = string.unpack("<I2BI2I2I4I4I4I4i8i2B", parameters)
  smb.key_length = key_len
  set_time(smb, filetime, zone)
  smb.extended_security = smb.extended_security and smb.capabilities & CAP_EXTENDED_SECURITY ~= 0
  if smb.extended_security then
    smb.server_guid = string.sub(data, 1, 16)
    smb.security_blob = string.sub(data, 17)
    return true
  end
  smb.server_challenge = string.sub(data, 1, key_len)
  local pos = key_len + 1
  -- These two are in Unicode if the server can, whatever was asked for.
  local wide = smb.capabilities & CAP_UNICODE ~= 0
  smb.domain, pos = decode_string(data, pos, wide)
  smb.server = decode_string(data, pos, wide)
  if smb.domain == "" then smb.domain = nil end
  if smb.server == "" then smb.server = nil end
  return true
end

--- Negotiates version 1, see <code>negotiate_v1</code>.
-- @param smb The connection.
-- @param overrides See there.
-- @return True, or false and an error.
function negotiate_protocol (smb, overrides)
  return negotiate_v1(smb, overrides)
end

--- Tries which dialects a server speaks, each on a connection of its own.
-- @param host The host table.
-- @param overrides Values for the negotiations.
-- @return True and a list of names, or false and an error.
function list_dialects (host, overrides)
  local supported = {}
  local status, state = start(host)
  if not status then return false, state end
  local status1 = negotiate_v1(state, overrides)
  stop(state)
  if status1 then supported[1] = "NT LM 0.12 (SMBv1) [dangerous, but default]" end
  for _, dialect in ipairs(smb2.dialects()) do
    status, state = start(host)
    if status then
      local over = {}
      for key, value in pairs(overrides or {}) do over[key] = value end
      over.Dialects = { dialect }
      local status2, chosen = smb2.negotiate_v2(state, over)
      if status2 and chosen == dialect then supported[#supported + 1] = smb2.dialect_name(dialect) end
      state.socket:close()
    end
  end
  if #supported == 0 then return false, "No dialects accepted. Something may be blocking the responses" end
  return true, supported
end

-- Logging on ----------------------------------------------------------------------------------------------------

local NO_ANDX = "\xff\0\0\0"
-- Unicode, large files, NT commands, RPC, 32-bit results; with it, security blobs.
local CAPABILITIES = 0x00000050

local function set_native (smb, data, pos)
  smb.os, pos = decode_string(data, pos)
  smb.lanmanager, pos = decode_string(data, pos)
  local domain = decode_string(data, pos)
  if domain ~= "" and not smb.domain then smb.domain = domain end
end

-- The account that was not let in as itself is a guest: bit 0 of the action (MS-CIFS 2.2.4.53.2).
local function set_logged_on (smb, header, parameters, key)
  smb.uid = string.unpack("<I2", header, 29)
  smb.is_guest = #parameters >= 6 and string.unpack("<I2", parameters, 5) & 1 or 0
  if smb.is_guest == 0 then
    smb.mac_key = key
    -- The logon itself had numbers 0 and 1.
    smb.sequence = 1
  end
end

local function logon_basic (smb, account, overrides)
  local lm, ntlm, key = smbauth.get_password_response(account.username, account.domain, account.password,
    account.password_hash, account.hash_type, smb.server_challenge or "", false)
  local parameters = NO_ANDX .. string.pack("<I2I2I2I4I2I2I4I4", 0xffff, 1, 1, smb.session_key or 0, #lm, #ntlm, 0,
    CAPABILITIES)
  local data = lm .. ntlm .. string.pack("<zzzz", account.username, account.domain, "Perilune", "Perilune")
  local result, answer, answer_data, header =
    exchange(smb, command_codes.SMB_COM_SESSION_SETUP_ANDX, parameters, data, overrides)
  if not result then return false, answer end
  if result ~= 0 then return false, get_status_name(result) end
  set_logged_on(smb, header, answer, key)
  set_native(smb, answer_data, 1)
  return true
end

local function logon_extended (smb, account, overrides)
  local blob
  -- One message to ask, one to answer the challenge.
  for _ = 1, 3 do
    local status, message, key = smbauth.get_security_blob(blob, account.username, account.domain, account.password,
      account.password_hash, account.hash_type)
    if not status then return false, message end
    local parameters = NO_ANDX .. string.pack("<I2I2I2I4I2I4I4", 0xffff, 1, 1, smb.session_key or 0, #message, 0,
      CAPABILITIES | CAP_EXTENDED_SECURITY)
    local data = message .. string.pack("<zz", "Perilune", "Perilune")
    local result, answer, answer_data, header =
      exchange(smb, command_codes.SMB_COM_SESSION_SETUP_ANDX, parameters, data, overrides)
    if not result then return false, answer end
    if result ~= 0 and result ~= status_codes.NT_STATUS_MORE_PROCESSING_REQUIRED then
      return false, get_status_name(result)
    end
    if #answer < 8 then return false, "SMB: the server's answer is cut off" end
    local blob_len = string.unpack("<I2", answer, 7)
    blob = string.sub(answer_data, 1, blob_len)
    smb.uid = string.unpack("<I2", header, 29)
    set_native(smb, answer_data, blob_len + 1)
    local info = smbauth.get_host_info_from_security_blob(blob)
    if info then
      smb.domain = info.netbios_domain_name or smb.domain
      smb.server = info.netbios_computer_name or smb.server
      smb.fqdn = info.fqdn or smb.fqdn
      smb.domain_dns = info.dns_domain_name or smb.domain_dns
      smb.forest_dns = info.dns_forest_name or smb.forest_dns
    end
    if result == 0 then
      set_logged_on(smb, header, answer, key)
      return true
    end
  end
  return false, "SMB: the server does not come to an end with the logon"
end

--- Logs on (MS-CIFS 2.2.4.53, MS-SMB 2.2.4.6).
--
-- With an account in the overrides only that one is tried, otherwise those of the host, one after the other. The
-- connection then has <code>uid</code>, <code>is_guest</code>, <code>username</code>, <code>os</code>,
-- <code>lanmanager</code>, <code>domain</code>, <code>server</code> and, if the server told, <code>fqdn</code>,
-- <code>domain_dns</code> and <code>forest_dns</code>.
-- @param smb The connection, negotiated.
-- @param overrides See above.
-- @param log_errors False not to print failures.
-- @return True, or false and the name of the result.
function start_session (smb, overrides, log_errors)
  local logon = smb.extended_security and logon_extended or logon_basic
  if overrides and overrides.username then
    local account = {
      username = overrides.username,
      domain = overrides.domain or "",
      password = overrides.password,
      password_hash = overrides.password_hash,
      hash_type = overrides.hash_type or "v2",
    }
    smb.username = account.username
    return logon(smb, account, overrides)
  end
  local why
  while true do
    local status, username, domain, password, password_hash, hash_type = get_account(smb.hostinfo or { registry = {} })
    if not status then return false, why or username end
    smb.uid, smb.username = 0, username
    status, why = logon(smb, {
      username = username,
      domain = domain,
      password = password,
      password_hash = password_hash,
      hash_type = hash_type,
    }, overrides)
    if status then return true end
    if log_errors ~= false then
      stdnse.debug1("SMB: logon as %s failed: %s", username == "" and "nobody" or username, tostring(why))
    end
    -- A lost connection is not the account's fault.
    if not string.find(tostring(why), "^NT_STATUS") then return false, why end
    smbauth.next_account(smb.hostinfo or { registry = {} })
  end
end

--- Logs off.
-- @param smb The connection.
-- @param overrides Values for the header.
-- @return True, or false and an error.
function logoff (smb, overrides)
  local result, err = exchange(smb, command_codes.SMB_COM_LOGOFF_ANDX, NO_ANDX, "", overrides)
  smb.uid = 0
  if not result then return false, err end
  if result ~= 0 then return false, get_status_name(result) end
  return true
end

-- Shares and files ----------------------------------------------------------------------------------------------

--- Makes the whole path of a share.
-- @param host The host table.
-- @param sharename The share.
-- @return True and the path.
function get_fqpn (host, sharename)
  return true, "\\\\" .. host.ip .. "\\" .. sharename
end

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

-- SMB_FIND_FILE_BOTH_DIRECTORY_INFO, MS-CIFS 2.2.8.1.7. Results: the entry and where the next one begins, nil for none.
local function parse_find_entry (data, pos)
  if pos + 93 > #data then return nil end
  local entry = {}
  local next_offset, name_len, short_len
  next_offset, entry.fi, entry.created, entry.accessed, entry.write, entry.change, entry.eof, entry.alloc_size,
    entry.attrs, name_len, entry.ea_size, short_len = string.unpack("<I4I4i8i8i8i8i8i8I4I4I4B", data, pos)
  entry.created = os.date("!%Y-%m-%dT%H:%M:%S", unix_time(entry.created))
  entry.s_fname = unicode.utf16to8(string.sub(data, pos + 70, pos + 69 + math.min(short_len, 24)))
  local name = string.sub(data, pos + 94, pos + 93 + name_len)
  entry.fname = (string.gsub(name, "%z+$", ""))
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

-- Whole files ---------------------------------------------------------------------------------------------------

-- Opens a file, calls the function with the connection, and ends the connection.
local function with_file (host, share, path, anonymous, overrides, func)
  local over = overrides or {}
  if anonymous then over = get_overrides_anonymous(over) end
  local status, state = start_ex(host, true, true, share, path, nil, over)
  if not status then return false, state end
  local results = table.pack(func(state))
  close_file(state)
  stop(state)
  return table.unpack(results, 1, results.n)
end

--- Writes a file.
-- @param host The host table.
-- @param data The octets.
-- @param share The share.
-- @param remotefile The file.
-- @param use_anonymous True to write as nobody.
-- @return True, or false and an error.
function file_write (host, data, share, remotefile, use_anonymous)
  -- Overwrite it or make a new one.
  local over = { file_create_disposition = 5, file_create_access_mask = 0x00120116 }
  return with_file(host, share, remotefile, use_anonymous, over, function (state)
    for at = 1, #data, CHUNK_LEN do
      local status, err = write_file(state, string.sub(data, at, at + CHUNK_LEN - 1), at - 1)
      if not status then return false, err end
    end
    return true
  end)
end

--- Copies a local file to a share.
-- @param host The host table.
-- @param localfile The file's name here, in nselib/data or anywhere.
-- @param share The share.
-- @param remotefile The file's name there.
-- @param overrides Values for the connection.
-- @param encoded True if each octet of the local file is to be inverted.
-- @return True, or false and an error.
function file_upload (host, localfile, share, remotefile, overrides, encoded)
  local file = io.open(nmap.fetchfile(localfile) or localfile, "rb")
  if not file then return false, "Couldn't open local file (" .. localfile .. ")" end
  local data = file:read("a")
  file:close()
  if encoded then
    data = string.gsub(data, ".", function (c) return string.char(string.byte(c) ~ 0xff) end)
  end
  return file_write(host, data, share, remotefile)
end

--- Reads a file.
-- @param host The host table.
-- @param share The share.
-- @param remotefile The file.
-- @param use_anonymous True to read as nobody.
-- @param overrides Values for the connection.
-- @return True and the octets, or false and an error.
function file_read (host, share, remotefile, use_anonymous, overrides)
  local over = overrides or {}
  over.file_create_access_mask = over.file_create_access_mask or 0x00120089
  return with_file(host, share, remotefile, use_anonymous, over, function (state)
    local parts, offset = {}, 0
    while offset < FILE_LEN_MAX do
      local status, result = read_file(state, offset, CHUNK_LEN)
      if not status then
        if result == "NT_STATUS_END_OF_FILE" then break end
        return false, result
      end
      if #result.data == 0 then break end
      parts[#parts + 1] = result.data
      offset = offset + #result.data
    end
    return true, table.concat(parts)
  end)
end

--- Deletes files.
-- @param host The host table.
-- @param share The share.
-- @param remotefile A file, or a list of files.
-- @return True, or false and an error.
function file_delete (host, share, remotefile)
  local status, state = start_ex(host, true, true, share)
  if not status then return false, state end
  local files = type(remotefile) == "table" and remotefile or { remotefile }
  for _, file in ipairs(files) do
    local err
    status, err = delete_file(state, file)
    if not status then
      stop(state)
      return false, err
    end
  end
  stop(state)
  return true
end

--- Looks which files exist.
-- @param host The host table.
-- @param share The share.
-- @param files The files.
-- @param overrides Values for the connection.
-- @return True, how many there are and their names; or false and an error.
function files_exist (host, share, files, overrides)
  local status, state = start_ex(host, true, true, share, nil, nil, overrides)
  if not status then return false, state end
  local found = {}
  for _, file in ipairs(files) do
    local opened, why = create_file(state, file, { file_create_access_mask = 0x00000080 })
    if opened then
      close_file(state)
      found[#found + 1] = file
    elseif not string.find(tostring(why), "NOT_FOUND$") then
      stop(state)
      return false, "Error opening " .. file .. ": " .. tostring(why)
    end
  end
  stop(state)
  return true, #found, found
end

--- Makes a name for a file that is the same each time for one host and unlikely for another.
-- @param host The host table.
-- @param extension The name's extension, without a dot.
-- @param seed Something more to make it of.
-- @return True and the name.
function get_uniqueish_name (host, extension, seed)
  local text = (host.ip or "") .. (host.mac_addr or "") .. (extension or "txt") .. tostring(seed or "")
  -- FNV-1a.
  local hash = 0xcbf29ce484222325
  for i = 1, #text do hash = (hash ~ string.byte(text, i)) * 0x100000001b3 end
  return true, ("%016x.%s"):format(hash, extension or "txt")
end

-- Rights on shares ----------------------------------------------------------------------------------------------

local function denied (why)
  return why == "NT_STATUS_ACCESS_DENIED" or why == "NT_STATUS_NETWORK_ACCESS_DENIED"
    or why == "NT_STATUS_LOGON_FAILURE" or why == "NT_STATUS_WRONG_PASSWORD"
end

local function can_read (host, share, overrides)
  local status, state = start_ex(host, true, true, share, nil, nil, overrides)
  if not status then
    if denied(state) then return true, false end
    return false, state
  end
  stop(state)
  return true, true
end

local function can_write (host, share, overrides)
  local _, name = get_uniqueish_name(host, "tmp", share)
  local over = { file_create_disposition = 5, file_create_access_mask = 0x00130116,
    file_create_create_options = 0x1000 }
  for key, value in pairs(overrides or {}) do over[key] = value end
  -- The file deletes itself when it is closed.
  local status, state = start_ex(host, true, true, share, "\\" .. name, nil, over)
  if not status then
    if denied(state) or state == "NT_STATUS_MEDIA_WRITE_PROTECTED" then return true, false end
    return false, state
  end
  close_file(state)
  stop(state)
  return true, true
end

--- Looks whether nobody in particular may connect to a share.
-- @param host The host table.
-- @param share The share.
-- @return True and the answer, or false and an error.
function share_anonymous_can_read (host, share)
  return can_read(host, share, get_overrides_anonymous())
end

--- Looks whether the present account may connect to a share.
-- @param host The host table.
-- @param share The share.
-- @return True and the answer, or false and an error.
function share_user_can_read (host, share)
  return can_read(host, share)
end

--- Looks whether nobody in particular may make a file on a share. The file is deleted at once.
-- @param host The host table.
-- @param share The share.
-- @return True and the answer, or false and an error.
function share_anonymous_can_write (host, share)
  return can_write(host, share, get_overrides_anonymous())
end

--- Looks whether the present account may make a file on a share. The file is deleted at once.
-- @param host The host table.
-- @param share The share.
-- @return True and the answer, or false and an error.
function share_user_can_write (host, share)
  return can_write(host, share)
end

--- Looks whether a server tells shares that do not exist from those that are closed.
-- @param host The host table.
-- @param use_anonymous True to ask as nobody.
-- @return True and the answer, or false and an error.
function share_host_returns_proper_error (host, use_anonymous)
  local _, name = get_uniqueish_name(host, "", "share")
  local overrides = use_anonymous and get_overrides_anonymous() or nil
  local status, state = start_ex(host, true, true, string.sub(name, 1, 10), nil, nil, overrides)
  if status then
    stop(state)
    return true, false
  end
  return true, state == "NT_STATUS_BAD_NETWORK_NAME" or state == "NT_STATUS_BAD_NETWORK_PATH"
end

-- Names that most Windows servers share, for those that do not list theirs.
local COMMON_SHARES = { "IPC$", "ADMIN$", "C$", "D$", "PRINT$", "NETLOGON", "SYSVOL", "PUBLIC", "USERS", "SHARE",
  "DATA" }

--- Lists the shares of a host.
-- @param host The host table.
-- @return True and a list of tables as <code>share_get_details</code> makes them, with whole paths for names; or false
--         and an error.
function share_get_list (host)
  local msrpc = require "msrpc"
  local status, names = msrpc.enum_shares(host)
  local enumerated = status
  if not status then
    stdnse.debug1("SMB: the host does not list its shares (%s); trying usual names", tostring(names))
    names = COMMON_SHARES
    local proper
    status, proper = share_host_returns_proper_error(host)
    if not status or not proper then return false, "Couldn't determine the shares of the host" end
  end
  local shares = {}
  for _, name in ipairs(names) do
    local found, details = share_get_details(host, name)
    local _, whole = get_fqpn(host, name)
    if found then
      details.name = whole
      shares[#shares + 1] = details
    elseif enumerated then
      shares[#shares + 1] = { name = whole, details = tostring(details) }
    end
  end
  table.sort(shares, function (a, b) return a.name < b.name end)
  return true, shares
end

--- Learns what can be done with a share.
-- @param host The host table.
-- @param share The share.
-- @return True and a table with <code>name</code>, <code>user_can_read</code>, <code>user_can_write</code>,
--         <code>anonymous_can_read</code>, <code>anonymous_can_write</code> (each true, false or
--         <code>"NT_STATUS_OBJECT_NAME_NOT_FOUND"</code> for shares without files) and <code>details</code>, what the
--         server says of it; or false and an error.
function share_get_details (host, share)
  local msrpc = require "msrpc"
  local details = { name = share }
  local status, answer = share_user_can_read(host, share)
  if not status then return false, answer end
  details.user_can_read = answer
  status, details.anonymous_can_read = share_anonymous_can_read(host, share)
  if not status then details.anonymous_can_read = false end
  status, details.user_can_write = share_user_can_write(host, share)
  status, details.anonymous_can_write = share_anonymous_can_write(host, share)
  status, details.details = msrpc.get_share_info(host, share)
  if not status then
    details.denied_error = details.details
    details.details = nil
  end
  return true, details
end

--- Finds a share on which files can be made, as nobody if possible.
-- @param host The host table.
-- @return True, the share's name, its path on the server and a list of the names of all such shares; or false and an
--         error.
function share_find_writable (host)
  local status, shares = share_get_list(host)
  if not status then return false, shares end
  local name, path
  local names = {}
  for _, share in ipairs(shares) do
    if share.anonymous_can_write == true or share.user_can_write == true then
      names[#names + 1] = share.name
      if not name then
        local details = share.details
        local own = type(details) == "table" and details.path
        name, path = share.name, type(own) == "table" and own.value or own
      end
    end
  end
  if not name then return false, "Couldn't find any writable shares" end
  return true, name, path, names
end

--- Looks whether an account has an administrator's rights: whether it may read the server's statistics.
-- @param host The host table.
-- @param username The user.
-- @param domain The domain.
-- @param password The password.
-- @param password_hash The hash.
-- @param hash_type The kind of response.
-- @return True or false.
function is_admin (host, username, domain, password, password_hash, hash_type)
  local msrpc = require "msrpc"
  local overrides = get_overrides(username, domain, password, password_hash, hash_type)
  local status, state = msrpc.start_smb(host, msrpc.SRVSVC_PATH, nil, overrides)
  if not status then return false end
  status = msrpc.bind(state, msrpc.SRVSVC_UUID, msrpc.SRVSVC_VERSION, nil)
  if status then status = msrpc.srvsvc_netservergetstatistics(state, host.ip) end
  msrpc.stop_smb(state)
  return status and true or false
end

-- The host ------------------------------------------------------------------------------------------------------

--- Learns what a host says of itself while logging on.
-- @param host The host table.
-- @return True and a table with <code>os</code>, <code>lanmanager</code>, <code>domain</code>, <code>server</code>,
--         <code>fqdn</code>, <code>domain_dns</code>, <code>forest_dns</code>, <code>workgroup</code>,
--         <code>time</code>, <code>date</code>, <code>timezone</code> and <code>timezone_str</code>, as far as it told;
--         or false and an error.
function get_os (host)
  if host.registry and host.registry.os_info then return true, host.registry.os_info end
  local status, state = start_ex(host, true, true)
  if not status then return false, state end
  stop(state)
  local info = {}
  for _, name in ipairs({ "os", "lanmanager", "domain", "server", "fqdn", "domain_dns", "forest_dns", "time", "date",
    "timezone", "timezone_str", "port" }) do
    info[name] = state[name]
  end
  -- A logon without security blobs tells the NetBIOS name of the server, too.
  if stdnse.get_script_args("smbbasic") == nil then
    local second
    status, second = start_ex(host, true, false, nil, nil, true)
    if status then
      info.workgroup = second.domain
      info.server = second.server or info.server
      stop(second)
    end
  end
  -- A server that belongs to no domain is its own.
  if info.domain == info.server then info.domain = nil end
  if host.registry then host.registry.os_info = info end
  return true, info
end

-- What products call themselves in the native field.
local WINDOWS_NAMES = {
  ["Windows 5.0"] = "Windows 2000",
  ["Windows 5.1"] = "Windows XP",
}

--- Makes the version of Windows that users know of what a server says.
-- @param os The server's words.
-- @return The version, or the same words.
function get_windows_version (os)
  return WINDOWS_NAMES[os] or os
end

return _ENV
