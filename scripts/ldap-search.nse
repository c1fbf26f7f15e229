local comm = require "comm"
local ldap = require "ldap"
local math = require "math"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local stringaux = require "stringaux"

description = [[
Searches a directory and shows what it finds.

Without arguments everything below the naming contexts is shown, as far as the directory shows it to everybody.
]]

---
-- @args ldap.username A distinguished name to log on as. Default: nobody in particular.
-- @args ldap.password The password.
-- @args ldap.base Where to search. Default: the directory's naming contexts.
-- @args ldap.qfilter <code>users</code>, <code>computers</code>, <code>ad_dcs</code>, <code>custom</code> or
--       <code>all</code> (the default).
-- @args ldap.searchattrib The attribute to search with filter <code>custom</code>.
-- @args ldap.searchvalue The value to search with filter <code>custom</code>; asterisks stand for anything.
-- @args ldap.attrib The attributes to show, one or a list. Default: all.
-- @args ldap.maxobjects How many objects are shown at most, -1 for all. Default: 20.
-- @args ldap.savesearch A file to write the result to, as comma-separated values.
--
-- @usage
-- perilune -p 389 --script ldap-search --script-args 'ldap.qfilter=users,ldap.attrib=mail' TARGET
--
-- @output
-- 389/tcp open  ldap
-- | ldap-search:
-- |   Context: dc=example,dc=com
-- |     dn: cn=Ann,dc=example,dc=com
-- |         objectClass: inetOrgPerson
-- |         cn: Ann
-- |_        mail: ann@example.com

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.port_or_service({ 389, 636, 3268, 3269 }, { "ldap", "ldapssl", "ldaps", "globalcatLDAP" })

local F = ldap.FILTER

local function equals (attribute, value) return { op = F.equalityMatch, obj = attribute, val = value } end

local FILTERS = {
  users = { op = F._or, val = {
    equals("objectClass", "user"), equals("objectClass", "posixAccount"), equals("objectClass", "person"),
  } },
  computers = { op = F._or, val = {
    equals("objectClass", "computer"), equals("objectClass", "device"), equals("objectClass", "dominoServer"),
  } },
  -- Rule "bitwise and" of Active Directory needs an extensible filter: the primary group tells them as well.
  ad_dcs = { op = F._and, val = { equals("objectClass", "computer"), equals("primaryGroupID", "516") } },
}

local function wanted_filter ()
  local name = stdnse.get_script_args("ldap.qfilter")
  if not name or name == "all" then return true, nil end
  if name == "custom" then
    local attribute = stdnse.get_script_args({ "ldap.searchattrib", "ldap.searchAttrib" })
    local value = stdnse.get_script_args({ "ldap.searchvalue", "ldap.searchValue" })
    if not attribute or not value then return false, "filter custom needs ldap.searchattrib and ldap.searchvalue" end
    return true, equals(attribute, value)
  end
  if not FILTERS[name] then return false, "unknown filter: " .. tostring(name) end
  return true, FILTERS[name]
end

local function contexts_of (socket)
  local base = stdnse.get_script_args("ldap.base")
  if base then return { base } end
  local status, entries = ldap.searchRequest(socket, {
    baseObject = "",
    scope = ldap.SCOPE.base,
    attributes = { "defaultNamingContext", "namingContexts" },
  })
  if not status then return {} end
  return ldap.extractAttribute(entries, "defaultNamingContext") or ldap.extractAttribute(entries, "namingContexts")
    or {}
end

action = function (host, port)
  local valid, filter = wanted_filter()
  if not valid then return stdnse.format_output(false, filter) end
  local socket = comm.tryssl(host, port, "", { recv_before = false })
  if not socket then return nil end
  socket:set_timeout(math.max(stdnse.get_timeout(host), 5000))
  local username, password = stdnse.get_script_args("ldap.username", "ldap.password")
  local status, err = ldap.bindRequest(socket, { version = 3, username = username or "", password = password or "" })
  if not status then
    stdnse.debug1("bind failed: %s", tostring(err))
    socket:close()
    return nil
  end

  local attributes = stdnse.get_script_args("ldap.attrib")
  if type(attributes) == "string" then attributes = stringaux.strsplit(",%s*", attributes) end
  local limit = tonumber((stdnse.get_script_args("ldap.maxobjects"))) or 20
  local file = stdnse.get_script_args({ "ldap.savesearch", "ldap.saveprefix" })
  local result, shown, cut = {}, 0, false
  for _, context in ipairs(contexts_of(socket)) do
    local ok, entries = ldap.searchRequest(socket, {
      baseObject = context,
      scope = ldap.SCOPE.sub,
      derefPolicy = ldap.DEREFPOLICY.default,
      filter = filter,
      attributes = attributes,
      maxObjects = limit > 0 and limit - shown or nil,
    })
    if ok then
      if file then ldap.searchResultToFile(entries, ("%s-%s.csv"):format(file, string.gsub(host.ip, ":", "_"))) end
      local list = ldap.searchResultToTable(entries)
      list.name = "Context: " .. context
      if #list > 0 then result[#result + 1] = list end
      shown = shown + #entries
    else
      stdnse.debug1("search in %s failed: %s", context, tostring(entries))
    end
    if limit > 0 and shown >= limit then
      cut = true
      break
    end
  end
  ldap.unbindRequest(socket)
  socket:close()
  if cut then result[#result + 1] = ("Result limited to %d objects (see ldap.maxobjects)"):format(limit) end
  return stdnse.format_output(true, result)
end
