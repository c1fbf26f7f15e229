---
-- Reports of vulnerabilities, and a store of those found.
--
-- A vulnerability is a table: <code>title</code> and <code>state</code> (of <code>vulns.STATE</code>) are required;
-- <code>IDS</code> (such as <code>{CVE = "CVE-2014-0160"}</code>), <code>risk_factor</code>, <code>scores</code>,
-- <code>description</code>, <code>dates</code> (<code>disclosure</code> with <code>year</code>, <code>month</code>,
-- <code>day</code>), <code>check_results</code>, <code>exploit_results</code>, <code>extra_info</code> and
-- <code>references</code> are not. Texts may be strings or arrays of lines.
--
-- @usage
-- local report = vulns.Report:new(SCRIPT_NAME, host, port)
-- vuln.state = vulns.STATE.VULN
-- return report:make_output(vuln)
--
-- @args vulns.showall Given as a word, what is not vulnerable is reported, too.
-- @args vulns.short Given as a word, a report is one line.
--
-- @copyright MIT OR Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("vulns", stdnse.seeall)

--- What is known of a target; values can be combined.
-- @class table
-- @name STATE
STATE = { LIKELY_VULN = 0x01, NOT_VULN = 0x02, VULN = 0x04, DoS = 0x08, EXPLOIT = 0x10, UNKNOWN = 0x20 }

--- Texts of the states.
-- @class table
-- @name STATE_MSG
STATE_MSG = {
  [STATE.LIKELY_VULN] = "LIKELY VULNERABLE",
  [STATE.NOT_VULN] = "NOT VULNERABLE",
  [STATE.VULN] = "VULNERABLE",
  [STATE.DoS] = "VULNERABLE (DoS)",
  [STATE.EXPLOIT] = "VULNERABLE (Exploitable)",
  [STATE.VULN | STATE.DoS] = "VULNERABLE (DoS)",
  [STATE.VULN | STATE.EXPLOIT] = "VULNERABLE (Exploitable)",
  [STATE.UNKNOWN] = "UNKNOWN (unable to test)",
}

-- Those that a report shows without being asked for more.
local FOUND = STATE.LIKELY_VULN | STATE.VULN | STATE.DoS | STATE.EXPLOIT

-- Identifiers ---------------------------------------------------------------------------------------------------

local popular = {
  CVE = function (id) return "https://cve.mitre.org/cgi-bin/cvename.cgi?name=" .. id end,
  BID = function (id) return "https://www.securityfocus.com/bid/" .. id end,
  OSVDB = function (id) return "http://osvdb.org/" .. id end,
}

--- Teaches all reports how to make a link of a kind of identifier.
-- @param id_type The kind, such as <code>CVE</code>.
-- @param callback A function from the identifier to the link.
-- @return True, or false if the kind is known or the arguments are of no use.
function register_popular_id (id_type, callback)
  if type(id_type) ~= "string" or type(callback) ~= "function" or popular[id_type] then return false end
  popular[id_type] = callback
  return true
end

--- Makes the link of an identifier.
-- @param id_type Its kind.
-- @param id The identifier.
-- @return A link, or nil.
function get_popular_link (id_type, id)
  local make = popular[id_type]
  return make and make(id)
end

-- Keys in a stable order: CVE first, then by name.
local function id_types (ids)
  local kinds = {}
  for kind in pairs(ids or {}) do kinds[#kinds + 1] = tostring(kind) end
  table.sort(kinds, function (a, b)
    if (a == "CVE") ~= (b == "CVE") then return a == "CVE" end
    return a < b
  end)
  return kinds
end

-- Ids may be one or an array.
local function each_id (ids)
  local list = {}
  for _, kind in ipairs(id_types(ids)) do
    local value = ids[kind]
    for _, id in ipairs(type(value) == "table" and value or { value }) do
      list[#list + 1] = { kind = kind, id = tostring(id) }
    end
  end
  return list
end

-- Formatting ----------------------------------------------------------------------------------------------------

local function as_list (value)
  if type(value) == "string" then return { value } end
  return type(value) == "table" and value or {}
end

-- Each line of the texts, indented; an empty last line counts.
local function add_lines (lines, indent, value)
  for _, text in ipairs(as_list(value)) do
    for line in string.gmatch(tostring(text) .. "\n", "(.-)\r?\n") do lines[#lines + 1] = indent .. line end
  end
end

-- The texts as they are; what comes behind a line break is not indented any more.
local function add_texts (lines, indent, value)
  for _, text in ipairs(as_list(value)) do lines[#lines + 1] = indent .. tostring(text) end
end

local function sorted_keys (t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function (a, b) return tostring(a) < tostring(b) end)
  return keys
end

-- The given references, then the links of the identifiers.
local function references (vuln, own)
  local links, seen = {}, {}
  local function add (link)
    if link and not seen[link] then
      seen[link] = true
      links[#links + 1] = link
    end
  end
  for _, link in ipairs(as_list(vuln.references)) do add(link) end
  for _, one in ipairs(each_id(vuln.IDS)) do
    local make = own and own[one.kind]
    add(make and make(one.id) or get_popular_link(one.kind, one.id))
  end
  return links
end

local function date_text (date)
  if type(date) ~= "table" or not (date.year and date.month and date.day) then return nil end
  return string.format("%s-%s-%s", date.year, date.month, date.day)
end

local function risk_line (vuln)
  local parts = {}
  if vuln.risk_factor then parts[1] = "Risk factor: " .. tostring(vuln.risk_factor) end
  for _, key in ipairs(sorted_keys(vuln.scores or {})) do
    parts[#parts + 1] = tostring(key) .. ": " .. tostring(vuln.scores[key])
  end
  return #parts > 0 and table.concat(parts, "  ") or nil
end

local function is_found (state) return type(state) == "number" and state & FOUND ~= 0 end

-- The indented lines below a title.
local function details (lines, vuln, own)
  lines[#lines + 1] = "  State: " .. (STATE_MSG[vuln.state] or STATE_MSG[STATE.UNKNOWN])
  if not is_found(vuln.state) then return end
  local ids = {}
  for _, one in ipairs(each_id(vuln.IDS)) do ids[#ids + 1] = one.kind .. ":" .. one.id end
  if #ids > 0 then lines[#lines + 1] = "  IDs:  " .. table.concat(ids, "  ") end
  local risk = risk_line(vuln)
  if risk then lines[#lines + 1] = "  " .. risk end
  add_lines(lines, "    ", vuln.description)
  local disclosure = vuln.dates and date_text(vuln.dates.disclosure)
  if disclosure then lines[#lines + 1] = "  Disclosure date: " .. disclosure end
  for _, part in ipairs({
    { "check_results", "Check results", add_lines },
    { "exploit_results", "Exploit results", add_texts },
    { "extra_info", "Extra information", add_texts },
  }) do
    local value = vuln[part[1]]
    if #as_list(value) > 0 then
      lines[#lines + 1] = "  " .. part[2] .. ":"
      part[3](lines, "    ", value)
    end
  end
  local links = references(vuln, own)
  if #links > 0 then
    lines[#lines + 1] = "  References:"
    add_texts(lines, "    ", links)
  end
end

local function is_short () return stdnse.get_script_args("vulns.short") ~= nil end

local function format_lines (vuln, own)
  if is_short() then
    local ids = {}
    for _, one in ipairs(each_id(vuln.IDS)) do ids[#ids + 1] = one.id end
    return { string.format("%s %s", #ids > 0 and table.concat(ids, " ") or vuln.title, STATE_MSG[vuln.state] or "") }
  end
  local lines = { vuln.title }
  details(lines, vuln, own)
  return lines
end

local function is_usable (vuln)
  return type(vuln) == "table" and type(vuln.title) == "string" and type(vuln.state) == "number"
end

local function shows_all () return stdnse.get_script_args("vulns.showall") ~= nil end

--- Formats a vulnerability as lines.
-- @param vuln_table The vulnerability.
-- @param showall True to format one that was not found, too.
-- @return An array of lines, or nil.
function format_vuln_table (vuln_table, showall)
  if not is_usable(vuln_table) then return nil end
  if not is_found(vuln_table.state) and not showall and not shows_all() then return nil end
  return format_lines(vuln_table)
end

--- Formats a vulnerability as text.
-- @param vuln_table The vulnerability.
-- @param showall True to format one that was not found, too.
-- @return A string, or nil.
function format_vuln (vuln_table, showall)
  local lines = format_vuln_table(vuln_table, showall)
  return lines and table.concat(lines, "\n")
end

-- What goes into the structured output.
local function structured (vuln, own)
  local out = stdnse.output_table()
  out.title = vuln.title
  out.state = STATE_MSG[vuln.state] or STATE_MSG[STATE.UNKNOWN]
  if not is_found(vuln.state) then return out end
  local ids = {}
  for _, one in ipairs(each_id(vuln.IDS)) do ids[#ids + 1] = one.kind .. ":" .. one.id end
  if #ids > 0 then out.ids = ids end
  if vuln.scores and next(vuln.scores) ~= nil then
    local scores = stdnse.output_table()
    for _, key in ipairs(sorted_keys(vuln.scores)) do scores[key] = vuln.scores[key] end
    out.scores = scores
  end
  if vuln.description then out.description = as_list(vuln.description) end
  if vuln.dates then
    out.dates = vuln.dates
    out.disclosure = date_text(vuln.dates.disclosure)
  end
  for _, field in ipairs({ "check_results", "exploit_results", "extra_info" }) do
    if vuln[field] then out[field] = as_list(vuln[field]) end
  end
  local links = references(vuln, own)
  if #links > 0 then out.refs = links end
  return out
end

-- Text of several vulnerabilities, those found before those not found.
local function report (vulns, own)
  local found, absent = {}, {}
  for _, vuln in ipairs(vulns) do
    if is_found(vuln.state) then
      found[#found + 1] = vuln
    elseif shows_all() then
      absent[#absent + 1] = vuln
    end
  end
  if #found + #absent == 0 then return nil end
  local lines, out = {}, stdnse.output_table()
  local number = 0
  local function section (heading, list)
    if #list == 0 then return end
    if not is_short() then
      if #lines > 0 then lines[#lines + 1] = "" end
      lines[#lines + 1] = heading
    end
    for i, vuln in ipairs(list) do
      if i > 1 and not is_short() then lines[#lines + 1] = "" end
      lines[#lines + 1] = table.concat(format_lines(vuln, own), "\n")
      local key = each_id(vuln.IDS)[1]
      if not key then number = number + 1 end
      out[key and key.id or "NMAP-" .. number] = structured(vuln, own)
    end
  end
  section("VULNERABLE:", found)
  section("NOT VULNERABLE:", absent)
  return out, stdnse.format_output(true, lines)
end

-- The store ------------------------------------------------------------------------------------------------------

-- nmap.registry.VULNS holds { ids = { [kind] = { [id] = { entries } } }, entries = { ... } } for each store.
local function stores ()
  nmap.registry.VULNS = nmap.registry.VULNS or {}
  return nmap.registry.VULNS
end

local function store (fid)
  return type(fid) == "table" and fid or stores()[fid]
end

--- Makes a store that all reports are added to.
-- @param filter_callback A function that gets a vulnerability and says whether to keep it. Default: all.
-- @return The store's identity, for the other functions.
function save_reports (filter_callback)
  local all = stores()
  local fid = #all + 1
  all[fid] = { filter = filter_callback, wanted = {}, entries = {} }
  return fid
end

--- Names identifiers that a store shall know.
-- @param fid The store.
-- @param ... Tables such as <code>{CVE = "CVE-2014-0160"}</code>.
-- @return How many it knows then.
function add_ids (fid, ...)
  local wanted = store(fid).wanted
  for _, ids in ipairs({ ... }) do
    for _, one in ipairs(each_id(ids)) do wanted[#wanted + 1] = one end
  end
  return #wanted
end

--- Lists the identifiers of a store, with whether something has them.
-- @param fid The store.
-- @return An array of <code>{type=, id=, found=}</code>.
function get_ids (fid)
  local list = {}
  for i, one in ipairs(store(fid).wanted) do
    list[i] = { type = one.kind, id = one.id, found = lookup_id(fid, one.kind, one.id) }
  end
  return list
end

local function has_id (vuln, kind, id)
  for _, one in ipairs(each_id(vuln.IDS)) do
    if one.kind == kind and one.id == id then return true end
  end
  return false
end

--- Tells whether a vulnerability with that identifier is in a store.
-- @param fid The store.
-- @param vuln_id_type The kind of identifier.
-- @param id The identifier.
-- @return True or false.
function lookup_id (fid, vuln_id_type, id)
  return find_by_id(fid, vuln_id_type, id) ~= nil
end

--- Finds vulnerabilities by identifier.
-- @param fid The store.
-- @param vuln_id_type The kind of identifier.
-- @param id The identifier.
-- @return An array of vulnerabilities, or nil.
function find_by_id (fid, vuln_id_type, id)
  local found = {}
  for _, vuln in ipairs(store(fid).entries) do
    if has_id(vuln, vuln_id_type, id) then found[#found + 1] = vuln end
  end
  return #found > 0 and found or nil
end

local function selects (filter, vuln)
  if not filter then return true end
  if filter.state and (vuln.state & filter.state) == 0 then return false end
  if filter.hosts_filter and not filter.hosts_filter(vuln.host) then return false end
  if filter.ports_filter and not filter.ports_filter(vuln.port) then return false end
  if filter.id and not has_id(vuln, filter.id_type, filter.id) then return false end
  return true
end

--- Finds vulnerabilities.
-- @param fid The store.
-- @param selection_filter Table with any of <code>state</code> (combined states), <code>hosts_filter</code>,
--                         <code>ports_filter</code> (functions), <code>id_type</code> and <code>id</code>.
-- @return An array of vulnerabilities, or nil.
function find (fid, selection_filter)
  local found = {}
  for _, vuln in ipairs(store(fid).entries) do
    if selects(selection_filter, vuln) then found[#found + 1] = vuln end
  end
  return #found > 0 and found or nil
end

--- Adds vulnerabilities to the stores.
-- @param script_name The script that found them.
-- @param ... The vulnerabilities.
-- @return True if a store took one.
function add (script_name, ...)
  local taken = false
  for _, vuln in ipairs({ ... }) do
    if is_usable(vuln) then
      vuln.script_name = vuln.script_name or script_name
      for _, one in ipairs(stores()) do
        if not one.filter or one.filter(vuln) then
          table.insert(one.entries, vuln)
          taken = true
        end
      end
    end
  end
  return taken
end

--- Reports what is in a store.
-- @param fid The store.
-- @param selection_filter As for <code>find</code>.
-- @return Structured output and text, or nil.
function make_output (fid, selection_filter)
  local found = find(fid, selection_filter)
  if not found then return nil end
  return report(found)
end

-- Reports --------------------------------------------------------------------------------------------------------

--- A script's report.
-- @class table
-- @name Report
Report = {}

--- Makes a report.
-- @name Report.new
-- @param script_name Name of the script.
-- @param host The host table.
-- @param port The port table.
-- @return The report.
function Report:new (script_name, host, port)
  local object = { script_name = script_name, host = host, port = port, vulns = {}, links = {} }
  return setmetatable(object, { __index = self })
end

--- Teaches this report how to make a link of a kind of identifier.
-- @name Report.add_popular_id
-- @param id_type The kind.
-- @param callback A function from the identifier to the link.
-- @return True, or false if the arguments are of no use.
function Report:add_popular_id (id_type, callback)
  if type(id_type) ~= "string" or type(callback) ~= "function" then return false end
  self.links[id_type] = callback
  return true
end

--- Adds vulnerabilities.
-- @name Report.add_vulns
-- @param ... Vulnerability tables, with title and state.
-- @return How many were taken.
function Report:add_vulns (...)
  local count = 0
  for i = 1, select("#", ...) do
    local vuln = select(i, ...)
    if is_usable(vuln) then
      vuln.host, vuln.port = vuln.host or self.host, vuln.port or self.port
      add(self.script_name, vuln)
      table.insert(self.vulns, vuln)
      count = count + 1
    else
      stdnse.debug2("vulns: a vulnerability without title or state is left out")
    end
  end
  return count
end

--- Makes the output.
-- @name Report.make_output
-- @param ... Vulnerability tables to add first.
-- @return Structured output and text, or nil if there is nothing to report.
function Report:make_output (...)
  self:add_vulns(...)
  return report(self.vulns, self.links)
end

return _ENV
