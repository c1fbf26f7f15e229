---
-- Server Message Block: what scripts use of it.
--
-- A connection is a table that all functions take first. <code>start_ex</code> makes one and goes as far as it is told:
-- connecting, negotiating, logging on, opening a share, opening a file. <code>stop</code> ends it. Which account is
-- used is the business of library <code>smbauth</code>. Everything of libraries <code>smbcodes</code> and
-- <code>smbsession</code> is here, too, as are the functions for messages of version 1 (<code>smb1</code>); this file
-- adds whole tasks: files, rights on shares, what a host says of itself.
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
local nmap = require "nmap"
local smb1 = require "smb1"
local smbcodes = require "smbcodes"
local smbsession = require "smbsession"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("smb", stdnse.seeall)

-- How much of a file is read or written at a time, and altogether.
local CHUNK_LEN = 4096
local FILE_LEN_MAX = 64 * 1024 * 1024

for _, part in ipairs({ smbcodes, smbsession }) do
  for name, value in pairs(part) do
    if string.sub(name, 1, 1) ~= "_" then _ENV[name] = value end
  end
end
smb_encode_header, smb_send, smb_read, negotiate_v1 =
  smb1.smb_encode_header, smb1.smb_send, smb1.smb_read, smb1.negotiate_v1

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
  -- Newer versions do not name the system; what is left is a version of Windows, which others do not count builds of.
  if not info.os then
    local version = state.os_version
    info.os = version and version[3] ~= 0 and ("Windows %d.%d build %d"):format(table.unpack(version)) or ""
    info.lanmanager = ""
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
-- @param words The server's words.
-- @return The version, or the same words.
function get_windows_version (words)
  return WINDOWS_NAMES[words] or words
end

return _ENV

