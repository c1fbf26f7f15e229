---
-- Accounts and names: the security accounts manager (MS-SAMR) and the local security authority (MS-LSAT, MS-LSAD).
-- Scripts reach them through library <code>msrpc</code>.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local rpc = require "msrpc.call"
local msrpctypes = require "msrpctypes"
local os = require "os"
local smb = require "smb"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("msrpc.accounts", stdnse.seeall)

local call, with_interface, read_handle, read_return, server_name =
  rpc.call, rpc.with_interface, rpc.read_handle, rpc.read_return, rpc.server_name
local LSA_PATH, LSA_UUID, LSA_VERSION, REFERENT_ID, SAMR_PATH, SAMR_UUID, SAMR_VERSION =
  rpc.LSA_PATH, rpc.LSA_UUID, rpc.LSA_VERSION, rpc.REFERENT_ID, rpc.SAMR_PATH, rpc.SAMR_UUID, rpc.SAMR_VERSION
local int32 =
  msrpctypes.marshall_int32
local STATUS_MORE_ENTRIES, STATUS_SOME_NOT_MAPPED, STATUS_NO_MORE_ENTRIES = 0x00000105, 0x00000107, 0x8000001a
local STATUS_NONE_MAPPED = 0xc0000073

-- Accounts (MS-SAMR) --------------------------------------------------------------------------------------------

--- Opens the accounts of a server (SamrConnect4, 3.1.5.1.3).
-- @param smbstate The connection.
-- @param server The server's name or address.
-- @return True and a table with <code>connect_handle</code>; or false and an error.
function samr_connect4 (smbstate, server)
  -- Enumerate and look up domains.
  return call(smbstate, 62, server_name(server) .. int32(2) .. int32(0x30), read_handle("connect_handle"))
end

--- Closes a handle (SamrCloseHandle).
-- @param smbstate The connection.
-- @param handle The handle.
-- @return True, or false and an error.
function samr_close (smbstate, handle)
  return call(smbstate, 1, handle, read_return)
end

-- An array of numbers, each with a name (SAMPR_ENUMERATION_BUFFER, 2.2.7.7).
local function read_enumeration (reader)
  local entries = {}
  if reader:u32() == 0 then return entries end
  reader:u32()
  if reader:u32() == 0 then return entries end
  local headers = {}
  for i = 1, reader:count() do headers[i] = { reader:u32(), reader:string_header() } end
  for i, header in ipairs(headers) do
    entries[i] = { idx = header[1], name = reader:wide_at(header[2]) }
  end
  return entries
end

local function enumerate (smbstate, opnum, arguments)
  return call(smbstate, opnum, arguments, function (reader, results)
    results.resume_handle = reader:u32()
    results.sam = { entries = read_enumeration(reader) }
    results.num_entries = reader:u32()
    results["return"] = reader:u32()
  end, { [STATUS_MORE_ENTRIES] = true, [STATUS_NO_MORE_ENTRIES] = true })
end

--- Lists domains (SamrEnumerateDomainsInSamServer).
-- @param smbstate The connection.
-- @param connect_handle What <code>samr_connect4</code> gave.
-- @return True and a table whose <code>sam.entries</code> have <code>name</code> and <code>idx</code>; or false and an
--         error.
function samr_enumdomains (smbstate, connect_handle)
  return enumerate(smbstate, 6, connect_handle .. int32(0) .. int32(8192))
end

--- Lists the users of a domain (SamrEnumerateUsersInDomain).
-- @param smbstate The connection.
-- @param domain_handle What <code>samr_opendomain</code> gave.
-- @return True and a table whose <code>sam.entries</code> have <code>name</code> and <code>idx</code>; or false and an
--         error.
function samr_enumdomainusers (smbstate, domain_handle)
  return enumerate(smbstate, 13, domain_handle .. int32(0) .. int32(0) .. int32(0x10000))
end

--- Lists the aliases of a domain (SamrEnumerateAliasesInDomain).
-- @param smbstate The connection.
-- @param domain_handle What <code>samr_opendomain</code> gave.
-- @return True and a table whose <code>sam.entries</code> have <code>name</code> and <code>idx</code>; or false and an
--         error.
function samr_enumdomainaliases (smbstate, domain_handle)
  return enumerate(smbstate, 15, domain_handle .. int32(0) .. int32(0x10000))
end

--- Looks up a domain's security identifier (SamrLookupDomainInSamServer).
-- @param smbstate The connection.
-- @param connect_handle What <code>samr_connect4</code> gave.
-- @param domain The domain.
-- @return True and a table with <code>sid</code>; or false and an error.
function samr_lookupdomain (smbstate, connect_handle, domain)
  return call(smbstate, 5, connect_handle .. msrpctypes.marshall_lsa_String(domain), function (reader, results)
    if reader:u32() ~= 0 then results.sid = reader:sid() end
    results["return"] = reader:u32()
  end)
end

--- Opens a domain (SamrOpenDomain).
-- @param smbstate The connection.
-- @param connect_handle What <code>samr_connect4</code> gave.
-- @param sid The domain's security identifier.
-- @return True and a table with <code>domain_handle</code>; or false and an error.
function samr_opendomain (smbstate, connect_handle, sid)
  -- Read the rules for passwords and others, list accounts, look them up, get an alias' members.
  local arguments = connect_handle .. int32(0x00000385) .. msrpctypes.marshall_dom_sid2(sid)
  return call(smbstate, 7, arguments, read_handle("domain_handle"))
end

--- Lists users with what there is to show of them (SamrQueryDisplayInformation).
-- @param smbstate The connection.
-- @param domain_handle What <code>samr_opendomain</code> gave.
-- @param index The first one, from 0.
-- @param count How many.
-- @return True and a table whose <code>entries</code> have <code>rid</code>, <code>acct_flags</code>,
--         <code>account_name</code>, <code>description</code> and <code>full_name</code>; or false and an error.
function samr_querydisplayinfo (smbstate, domain_handle, index, count)
  local arguments = domain_handle .. msrpctypes.marshall_int16(1) .. int32(index) .. int32(count or 1) .. int32(0xffff)
  return call(smbstate, 40, arguments, function (reader, results)
    results.total_size, results.returned_size = reader:u32(), reader:u32()
    reader:u16()
    local entries = {}
    reader:align(4)
    reader:u32()
    if reader:u32() ~= 0 then
      local headers = {}
      for i = 1, reader:count() do
        headers[i] = { reader:u32(), reader:u32(), reader:u32(), reader:string_header(), reader:string_header(),
          reader:string_header() }
      end
      for i, header in ipairs(headers) do
        entries[i] = {
          rid = header[2],
          acct_flags = header[3],
          account_name = reader:wide_at(header[4]) or "",
          description = reader:wide_at(header[5]) or "",
          full_name = reader:wide_at(header[6]) or "",
        }
      end
    end
    results.entries = entries
    results["return"] = reader:u32()
  end, { [STATUS_MORE_ENTRIES] = true, [STATUS_NO_MORE_ENTRIES] = true })
end

-- Times that last, in 100 ns and negative; those without an end are the smallest number there is.
local function seconds_of (interval)
  -- Some servers mean "without end" by 32 bits of seconds.
  local seconds = interval ~= math.mininteger and -interval // 10000000 or 0
  return seconds ~= 0 and seconds < 0xffffffff and seconds or nil
end

--- Learns the rules of a domain (SamrQueryInformationDomain2).
-- @param smbstate The connection.
-- @param domain_handle What <code>samr_opendomain</code> gave.
-- @param level 1 for passwords, 8 for its creation, 12 for lockouts.
-- @return True and a table with <code>info</code>; or false and an error.
function samr_querydomaininfo2 (smbstate, domain_handle, level)
  return call(smbstate, 46, domain_handle .. msrpctypes.marshall_int16(level, false), function (reader, results)
    if reader:u32() ~= 0 then
      reader:u16()
      reader:align(8)
      local info = {}
      if level == 1 then
        info.min_password_length, info.password_history_length = reader:u16(), reader:u16()
        info.password_properties = reader:u32()
        info.max_password_age, info.min_password_age = seconds_of(reader:u64()), seconds_of(reader:u64())
      elseif level == 8 then
        info.sequence_num = reader:u64()
        local created = reader:u64()
        info.create_time = created > 0 and created // 10000000 - 11644473600 or nil
      elseif level == 12 then
        info.lockout_duration, info.lockout_window = seconds_of(reader:u64()), seconds_of(reader:u64())
        info.lockout_threshold = reader:u16()
      end
      results.info = info
      reader:align(4)
    end
    results["return"] = reader:u32()
  end)
end

-- Opens the accounts of a server, calls the function with the handle, closes it.
local function with_accounts (host, func)
  return with_interface(host, SAMR_PATH, SAMR_UUID, SAMR_VERSION, function (state)
    local status, results = samr_connect4(state, host.ip)
    if not status then return false, results end
    local handle = results.connect_handle
    local list
    status, list = samr_enumdomains(state, handle)
    if not status then return false, list end
    for _, entry in ipairs(list.sam.entries) do
      local found, domain = samr_lookupdomain(state, handle, entry.name)
      if found then
        local opened, answer = samr_opendomain(state, handle, domain.sid)
        if opened then
          func(state, entry.name, domain.sid, answer.domain_handle)
          samr_close(state, answer.domain_handle)
        else
          stdnse.debug1("MSRPC: domain %s does not open: %s", entry.name, answer)
        end
      end
    end
    samr_close(state, handle)
    return true
  end)
end

-- How many users are asked for at a time, and listed altogether.
local USERS_AT_A_TIME, USERS_MAX = 100, 20000

--- Lists a host's users, from its accounts.
-- @param host The host table.
-- @return True and a list of tables with <code>name</code>, <code>domain</code>, <code>fullname</code>,
--         <code>description</code>, <code>rid</code>, <code>flags</code> and <code>typestr</code>; or false and an
--         error.
function samr_enum_users (host)
  local users = {}
  local status, err = with_accounts(host, function (state, name, _, handle)
    if name == "Builtin" then return end
    local index = 0
    while index < USERS_MAX do
      local ok, page = samr_querydisplayinfo(state, handle, index, USERS_AT_A_TIME)
      if not ok or #page.entries == 0 then break end
      for _, entry in ipairs(page.entries) do
        users[#users + 1] = {
          name = entry.account_name,
          domain = name,
          fullname = entry.full_name,
          description = entry.description,
          rid = entry.rid,
          flags = msrpctypes.samr_AcctFlags_tostr(entry.acct_flags),
          typestr = "User",
          source = "SAMR Enumeration",
        }
      end
      index = index + #page.entries
      if page["return"] ~= STATUS_MORE_ENTRIES then break end
    end
  end)
  if not status then return false, err end
  return true, users
end

--- Learns about a host's domains.
-- @param host The host table.
-- @return True and a table by name: <code>sid</code>, <code>users</code> and <code>groups</code> (lists of names),
--         <code>created</code>, <code>min_password_length</code>, <code>max_password_age</code>,
--         <code>min_password_age</code>, <code>password_history</code>, <code>lockout_threshold</code>,
--         <code>lockout_duration</code>, <code>lockout_window</code> (ages in days, the other times in minutes) and
--         <code>password_properties</code>, a list of words; or false and an error.
function get_domains (host)
  local domains = {}
  local status, err = with_accounts(host, function (state, name, sid, handle)
    local domain = { name = name, sid = sid, users = {}, groups = {} }
    local function fill (list, ok, results)
      for _, entry in ipairs(ok and results.sam.entries or {}) do list[#list + 1] = entry.name end
    end
    fill(domain.users, samr_enumdomainusers(state, handle))
    fill(domain.groups, samr_enumdomainaliases(state, handle))
    local function info (level)
      local ok, results = samr_querydomaininfo2(state, handle, level)
      return ok and results.info or {}
    end
    local passwords, creation, lockout = info(1), info(8), info(12)
    local function in_units (seconds, unit) return seconds and seconds // unit end
    domain.created = creation.create_time and os.date("!%Y-%m-%d %H:%M:%S", creation.create_time) or "unknown"
    domain.min_password_length = passwords.min_password_length
    domain.max_password_age = in_units(passwords.max_password_age, 86400)
    domain.min_password_age = in_units(passwords.min_password_age, 86400)
    local function unless_zero (number) return number ~= 0 and number or nil end
    domain.password_history = unless_zero(passwords.password_history_length)
    local properties = msrpctypes.samr_PasswordProperties_tostr(passwords.password_properties or 0)
    domain.password_properties = #properties > 0 and properties or nil
    domain.lockout_threshold = unless_zero(lockout.lockout_threshold)
    domain.lockout_duration = in_units(lockout.lockout_duration, 60)
    domain.lockout_window = in_units(lockout.lockout_window, 60)
    domains[name] = domain
  end)
  if not status then return false, err end
  return true, domains
end

-- Names (MS-LSAT, MS-LSAD) --------------------------------------------------------------------------------------

--- Opens a server's policy (LsarOpenPolicy2, MS-LSAD 3.1.4.4.1).
-- @param smbstate The connection.
-- @param server The server's name or address.
-- @return True and a table with <code>policy_handle</code>; or false and an error.
function lsa_openpolicy2 (smbstate, server)
  -- Object attributes: a length, then pointers that lead nowhere; look up names.
  local attributes = int32(24) .. string.rep("\0", 20)
  return call(smbstate, 44, server_name(server) .. attributes .. int32(0x00000800), read_handle("policy_handle"))
end

--- Closes a handle (LsarClose).
-- @param smbstate The connection.
-- @param handle The handle.
-- @return True, or false and an error.
function lsa_close (smbstate, handle)
  return call(smbstate, 0, handle, read_return)
end

-- Domains that names refer to (LSAPR_REFERENCED_DOMAIN_LIST).
local function read_domains (reader)
  local domains = {}
  if reader:u32() == 0 then return domains end
  reader:u32()
  local array = reader:u32()
  reader:u32()
  if array == 0 then return domains end
  local headers = {}
  for i = 1, reader:count() do headers[i] = { reader:string_header(), reader:u32() } end
  for i, header in ipairs(headers) do
    domains[i] = { name = reader:wide_at(header[1]) }
    if header[2] ~= 0 then domains[i].sid = reader:sid() end
  end
  return domains
end

local NAMES_ACCEPTED = { [STATUS_SOME_NOT_MAPPED] = true, [STATUS_NONE_MAPPED] = true }

--- Looks up the names of security identifiers (LsarLookupSids2, MS-LSAT 3.1.4.10).
-- @param smbstate The connection.
-- @param policy_handle What <code>lsa_openpolicy2</code> gave.
-- @param sids A list of identifiers as text.
-- @return True and a table with <code>domains</code> (<code>name</code>, <code>sid</code>) and <code>names</code>
--         (<code>name</code>, <code>sid_type</code>, <code>sid_index</code> from 0); or false and an error.
function lsa_lookupsids2 (smbstate, policy_handle, sids)
  local pointers, bodies = {}, {}
  for i, sid in ipairs(sids) do
    pointers[i], bodies[i] = int32(REFERENT_ID + i), msrpctypes.marshall_dom_sid2(sid)
  end
  local arguments = policy_handle .. int32(#sids) .. int32(REFERENT_ID) .. int32(#sids) .. table.concat(pointers)
    .. table.concat(bodies) .. int32(0) .. int32(0) .. int32(1) .. int32(0) .. int32(0) .. int32(2)
  return call(smbstate, 57, arguments, function (reader, results)
    results.domains = read_domains(reader)
    reader:u32()
    local names = {}
    if reader:u32() ~= 0 then
      local headers = {}
      for i = 1, reader:count() do
        local kind = reader:u16()
        headers[i] = { kind, reader:string_header(), reader:u32(), reader:u32() }
      end
      for i, header in ipairs(headers) do
        names[i] = { sid_type = header[1], name = reader:wide_at(header[2]), sid_index = header[3] }
      end
    end
    results.names = names
    reader:u32()
    results["return"] = reader:u32()
  end, NAMES_ACCEPTED)
end

--- Looks up the security identifiers of names (LsarLookupNames2, MS-LSAT 3.1.4.7).
-- @param smbstate The connection.
-- @param policy_handle What <code>lsa_openpolicy2</code> gave.
-- @param names A list of names.
-- @return True and a table with <code>domains</code> (<code>name</code>, <code>sid</code>) and <code>rids</code>
--         (<code>rid</code>, <code>type</code>, <code>domain_index</code> from 0); or false and an error.
function lsa_lookupnames2 (smbstate, policy_handle, names)
  local headers, bodies = {}, {}
  for i, name in ipairs(names) do
    local whole = msrpctypes.marshall_lsa_String(name)
    headers[i], bodies[i] = string.sub(whole, 1, 8), string.sub(whole, 9)
  end
  local arguments = policy_handle .. int32(#names) .. int32(#names) .. table.concat(headers) .. table.concat(bodies)
    .. int32(0) .. int32(0) .. int32(1) .. int32(0) .. int32(0) .. int32(2)
  return call(smbstate, 58, arguments, function (reader, results)
    results.domains = read_domains(reader)
    reader:u32()
    local rids = {}
    if reader:u32() ~= 0 then
      for i = 1, reader:count() do
        local kind = reader:u16()
        rids[i] = { type = kind, rid = reader:u32(), domain_index = reader:u32() }
        reader:u32()
      end
    end
    results.rids = rids
    reader:u32()
    results["return"] = reader:u32()
  end, NAMES_ACCEPTED)
end

-- Relative identifiers to look up for each domain: those that systems make by themselves and the first that follow.
local RID_RANGES = { { 500, 512 }, { 1000, 1050 } }

--- Lists a host's users and groups, by looking up identifiers one after the other.
-- @param host The host table.
-- @return True and a list of tables with <code>name</code>, <code>domain</code>, <code>rid</code>, <code>type</code>
--         and
--         <code>typestr</code>; or false and an error.
function lsa_enum_users (host)
  return with_interface(host, LSA_PATH, LSA_UUID, LSA_VERSION, function (state)
    local status, opened = lsa_openpolicy2(state, host.ip)
    if not status then return false, opened end
    local handle = opened.policy_handle
    local _, info = smb.get_os(host)
    local names = { "administrator", "guest", "test" }
    if type(info) == "table" and info.server then names[#names + 1] = info.server end
    local found
    status, found = lsa_lookupnames2(state, handle, names)
    if not status then return false, found end
    local users = {}
    for _, domain in ipairs(found.domains) do
      for _, range in ipairs(domain.sid and RID_RANGES or {}) do
        local sids = {}
        for rid = range[1], range[2] do sids[#sids + 1] = domain.sid .. "-" .. rid end
        local ok, results = lsa_lookupsids2(state, handle, sids)
        for i, entry in ipairs(ok and results.names or {}) do
          if entry.name and entry.sid_type ~= 8 then
            users[#users + 1] = {
              name = entry.name,
              domain = domain.name,
              rid = range[1] + i - 1,
              type = entry.sid_type,
              typestr = msrpctypes.lsa_SidType_tostr(entry.sid_type),
              source = "LSA Bruteforce",
            }
          end
        end
      end
    end
    lsa_close(state, handle)
    return true, users
  end)
end

--- Lists a host's users, in whichever way works.
-- @param host The host table.
-- @return True and a table of what <code>samr_enum_users</code> or <code>lsa_enum_users</code> tell, by name; or false
--         and an error.
-- @return The names, in their order.
function get_user_list (host)
  local status, users = samr_enum_users(host)
  if not status then status, users = lsa_enum_users(host) end
  if not status then return false, users end
  local by_name, names = {}, {}
  for _, user in ipairs(users) do
    if user.typestr == "User" and not by_name[user.name] then
      by_name[user.name] = user
      names[#names + 1] = user.name
    end
  end
  table.sort(names)
  return true, by_name, names
end

-- Groups --------------------------------------------------------------------------------------------------------

--- Opens an alias, a group of one host (SamrOpenAlias, 3.1.5.1.6).
-- @param smbstate The connection.
-- @param domain_handle The domain's handle.
-- @param rid The alias' number.
-- @return True and a table with <code>alias_handle</code>, or false and an error.
function samr_openalias (smbstate, domain_handle, rid)
  -- The right to list members.
  return call(smbstate, 27, domain_handle .. int32(0x00000004) .. int32(rid), read_handle("alias_handle"))
end

--- Lists the members of an alias (SamrGetMembersInAlias, 3.1.5.8.3).
-- @param smbstate The connection.
-- @param alias_handle The alias' handle.
-- @return True and a table with <code>sids</code>, a list; or false and an error.
function samr_getmembersinalias (smbstate, alias_handle)
  return call(smbstate, 33, alias_handle, function (reader, results)
    results.sids = {}
    local count = reader:u32()
    if reader:u32() ~= 0 then
      for _ = 1, reader:count() do reader:u32() end
      for i = 1, math.min(count, USERS_MAX) do results.sids[i] = reader:sid() end
    end
    results["return"] = reader:u32()
  end)
end

--- Asks for the aliases that some accounts are members of (SamrGetAliasMembership, 3.1.5.9.2).
-- @param smbstate The connection.
-- @param alias_handle The domain's handle.
-- @param args The octets of the list of security identifiers.
-- @return True and a table with <code>rids</code>, the numbers of the aliases; or false and an error.
function samr_getaliasmembership (smbstate, alias_handle, args)
  return call(smbstate, 16, alias_handle .. args, function (reader, results)
    results.rids = {}
    local count = reader:u32()
    if reader:u32() ~= 0 then
      for i = 1, math.min(count, reader:count()) do results.rids[i] = reader:u32() end
    end
    results["return"] = reader:u32()
  end)
end

-- The names of members: what the local security authority calls them, or their identifiers.
local function names_of_sids (host, sids)
  local names = {}
  for i, sid in ipairs(sids) do names[i] = sid end
  if #sids == 0 then return names end
  with_interface(host, LSA_PATH, LSA_UUID, LSA_VERSION, function (state)
    local status, policy = lsa_openpolicy2(state, host.ip)
    if not status then return end
    local found, answer = lsa_lookupsids2(state, policy.policy_handle, sids)
    lsa_close(state, policy.policy_handle)
    if not found then return end
    for i, entry in ipairs(answer.names) do
      if entry.name and entry.name ~= "" then names[i] = entry.name end
    end
  end)
  return names
end

--- Lists the groups of a host and who is in them.
-- @param host The host table.
-- @return True and a table of domains, each a table by number of tables with <code>name</code> and
--         <code>members</code>, a list of names; or false and an error.
function samr_enum_groups (host)
  local domains = {}
  local status, err = with_accounts(host, function (state, name, _, handle)
    local listed, aliases = samr_enumdomainaliases(state, handle)
    if not listed then return end
    domains[name] = {}
    for _, entry in ipairs(aliases.sam.entries) do
      local sids = {}
      local opened, alias = samr_openalias(state, handle, entry.idx)
      if opened then
        local got, members = samr_getmembersinalias(state, alias.alias_handle)
        if got then sids = members.sids end
        samr_close(state, alias.alias_handle)
      end
      domains[name][entry.idx] = { name = entry.name, members = names_of_sids(host, sids) }
    end
  end)
  if not status then return false, err end
  return true, domains
end

return _ENV
