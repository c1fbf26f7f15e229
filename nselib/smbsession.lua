---
-- Connections to servers of the Server Message Block protocol, whichever version they speak: connecting, negotiating,
-- logging on, shares, files, pipes.
--
-- The versions' own messages are in libraries <code>smb1</code>, <code>smb1files</code>, <code>smb2</code>,
-- <code>smb2session</code> and <code>smb2files</code>. Scripts use library
-- <code>smb</code>, which has all that is here, too.
--
-- @copyright MIT OR Apache-2.0

local match = require "match"
local math = require "math"
local netbios = require "netbios"
local nmap = require "nmap"
local smb1 = require "smb1"
local smb1files = require "smb1files"
local smb2 = require "smb2"
local smb2files = require "smb2files"
local smb2session = require "smb2session"
local smbauth = require "smbauth"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("smbsession", stdnse.seeall)

-- Servers may think for a while, for instance while they look for a domain controller.
local TIMEOUT_MIN_MS = 10000

-- What does the commands of the version that was negotiated.
local function commands (smb)
  return smb.commands or smb1files
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

-- Negotiating and logging on ------------------------------------------------------------------------------------

-- Bits of version 1's security mode that say what version 2 says: users are checked, by challenges; signing is possible
-- or required.
local function security_mode_of (mode)
  return 0x03 | (mode & 1) << 2 | (mode & 2) << 2
end

-- Of version 2 and 3: DFS, leasing, operations of many credits, encryption.
local CAPABILITIES = 0x47

-- Negotiates version 2 or 3 on a new connection: servers without version 1 end the one that asks for it.
local function negotiate_newer (smb, overrides)
  smb.socket:close()
  local status, fresh = start(smb.hostinfo)
  if not status then return false, fresh end
  smb.socket, smb.MessageId = fresh.socket, 0
  local over = { Dialects = smb2session.DIALECTS, SecurityMode = overrides and overrides.SecurityMode,
    Capabilities = CAPABILITIES }
  local err
  smb.preauth_hash = string.rep("\0", 64)
  status, err = smb2.negotiate_v2(smb, over)
  smb.negotiation_hash = smb.dialect == 0x0311 and smb.preauth_hash or nil
  smb.preauth_hash = nil
  if not status then return false, err end
  if not smb2.dialect_name(smb.dialect) then return false, "SMB2: the server chose no dialect" end
  smb.commands = smb2files
  smb.signing_required = smb.security_mode & 2 ~= 0
  smb.security_mode = security_mode_of(smb.security_mode)
  smb.timezone, smb.timezone_str = 0, "UTC+0"
  return true
end

--- Negotiates: version 1, see <code>smb1.negotiate_v1</code>; where the server does not have that, version 2 or 3, see
-- <code>smb2.negotiate_v2</code>. <code>security_mode</code> has the bits of version 1 in either case.
-- @param smb The connection.
-- @param overrides Table with <code>dialects</code>, names of dialects of version 1 to offer; then there is no other
--                  version.
-- @return True, or false and an error.
function negotiate_protocol (smb, overrides)
  local status, err = smb1.negotiate_v1(smb, overrides)
  if status or not smb.hostinfo or overrides and overrides.dialects then return status, err end
  local newer, why = negotiate_newer(smb, overrides)
  if not newer then
    stdnse.debug1("SMB: no newer version: %s", tostring(why))
    return false, err
  end
  return true
end

--- Tries which dialects a server speaks, each on a connection of its own.
-- @param host The host table.
-- @param overrides Values for the negotiations.
-- @return True and a list of names, or false and an error.
function list_dialects (host, overrides)
  local supported = {}
  local status, state = start(host)
  if not status then return false, state end
  local status1 = smb1.negotiate_v1(state, overrides)
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
  if overrides and overrides.username then
    local account = {
      username = overrides.username,
      domain = overrides.domain or "",
      password = overrides.password,
      password_hash = overrides.password_hash,
      hash_type = overrides.hash_type or "v2",
    }
    smb.username = account.username
    return commands(smb).logon(smb, account, overrides)
  end
  local why
  while true do
    local status, username, domain, password, password_hash, hash_type = get_account(smb.hostinfo or { registry = {} })
    if not status then return false, why or username end
    smb.uid, smb.username = 0, username
    status, why = commands(smb).logon(smb, {
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
  return commands(smb).logoff(smb, overrides)
end

-- Shares, files, pipes ------------------------------------------------------------------------------------------

--- Makes the whole path of a share.
-- @param host The host table.
-- @param sharename The share.
-- @return True and the path.
function get_fqpn (host, sharename)
  return true, "\\\\" .. host.ip .. "\\" .. sharename
end

--- Connects to a share.
-- @param smb The connection, logged on.
-- @param path The share, alone or with the server in front.
-- @param overrides Values for the header, and <code>tree_type</code>, the kind of share. Default: any.
-- @return True, or false and the name of the result.
function tree_connect (smb, path, overrides)
  return commands(smb).tree_connect(smb, path, overrides)
end

--- Disconnects from a share.
-- @param smb The connection.
-- @param overrides Values for the header.
-- @return True, or false and an error.
function tree_disconnect (smb, overrides)
  return commands(smb).tree_disconnect(smb, overrides)
end

--- Opens a file or a pipe. The connection then has its <code>fid</code>.
-- @param smb The connection, with a share.
-- @param path The file.
-- @param overrides Table with <code>file_create_root_fid</code>, <code>file_create_access_mask</code>,
--                  <code>file_create_file_attributes</code>, <code>file_create_share_attributes</code>,
--                  <code>file_create_disposition</code> and <code>file_create_create_options</code>.
-- @return True, or false and the name of the result.
function create_file (smb, path, overrides)
  return commands(smb).create_file(smb, path, overrides)
end

--- Reads from an open file.
-- @param smb The connection.
-- @param offset Where to begin, from 0.
-- @param count How many octets.
-- @param overrides Values for the header,.
-- @return True and a table with <code>data</code>, <code>remaining</code>, <code>data_length</code> and
--         <code>status</code>; or false and the name of the result.
function read_file (smb, offset, count, overrides)
  return commands(smb).read_file(smb, offset, count, overrides)
end

--- Writes to an open file.
-- @param smb The connection.
-- @param write_data The octets, at most 65535.
-- @param offset Where to begin, from 0.
-- @param overrides Values for the header.
-- @return True and a table with <code>count_low</code> and <code>remaining</code>; or false and the name of the result.
function write_file (smb, write_data, offset, overrides)
  return commands(smb).write_file(smb, write_data, offset, overrides)
end

--- Closes the open file.
-- @param smb The connection.
-- @param overrides Values for the header.
-- @return True, or false and the name of the result.
function close_file (smb, overrides)
  return commands(smb).close_file(smb, overrides)
end

--- Deletes a file.
-- @param smb The connection, with a share.
-- @param path The file.
-- @param overrides Values for the header.
-- @return True, or false and the name of the result.
function delete_file (smb, path, overrides)
  return commands(smb).delete_file(smb, path, overrides)
end

--- Sends to a named pipe and receives its answer in one go.
-- @param smb The connection, with the pipe open.
-- @param function_parameters The transaction's parameters.
-- @param function_data The data.
-- @param pipe The pipe's name. Default: <code>\PIPE\</code>.
-- @param no_setup True to leave out the words that say it is for the open pipe.
-- @param overrides Values for the header.
-- @return True and a table with <code>parameters</code>, <code>data</code> and <code>status</code>; or false and an
--         error.
function send_transaction_named_pipe (smb, function_parameters, function_data, pipe, no_setup, overrides)
  return commands(smb).send_transaction_named_pipe(smb, function_parameters, function_data, pipe, no_setup, overrides)
end

--- Waits for a named pipe to be free.
-- @param smb The connection, with share <code>IPC$</code>.
-- @param priority The priority.
-- @param pipe The pipe's name.
-- @param overrides Values for the header.
-- @return True, or false and an error.
function send_transaction_waitnamedpipe (smb, priority, pipe, overrides)
  return commands(smb).send_transaction_waitnamedpipe(smb, priority, pipe, overrides)
end

--- Lists files.
-- @param smbstate The connection, with a share.
-- @param fname What to list, with wildcards. Default: everything in the share's root.
-- @param options Table with <code>maxfiles</code>.
-- @return A function that returns one file after the other, then nil: a table with <code>fname</code>,
--         <code>s_fname</code>, <code>attrs</code>, <code>eof</code> (the size), <code>created</code> as
--         text, <code>accessed</code>, <code>write</code> and <code>change</code> in 100 ns since 1601.
function find_files (smbstate, fname, options)
  return commands(smbstate).find_files(smbstate, fname, options)
end

return _ENV
