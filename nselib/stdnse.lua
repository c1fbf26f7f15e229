---
-- Functions that nearly every script uses: messages, arguments, output, modules, numbers as text.
--
-- The engine adds a few of its own when it starts: <code>silent_require</code>, <code>sleep</code>,
-- <code>new_thread</code>, <code>base</code>, <code>gettid</code>, <code>getid</code>, <code>getinfo</code>,
-- <code>gethostport</code> and <code>isworker</code>. The last four have stand-ins here for messages printed before the
-- first script runs.
--
-- @copyright MIT OR Apache-2.0

local _G = require "_G"
local math = require "math"
local nmap = require "nmap"
local string = require "string"
local strict = require "strict"
local table = require "table"
local assert = _G.assert
local error = _G.error
local ipairs = _G.ipairs
local pairs = _G.pairs
local rawget = _G.rawget
local select = _G.select
local setmetatable = _G.setmetatable
local tonumber = _G.tonumber
local tostring = _G.tostring
local type = _G.type

local _ENV = {}
strict(_ENV)

-- The engine replaces these at each runlevel.

--- The name of the script that runs.
-- @return The name; nil while scripts are loaded.
function getid () end

--- The name of the script that runs, and what tells its threads apart.
-- @return The text; nil while scripts are loaded.
function getinfo () end

--- What the script runs against.
-- @return The host table, or nil.
-- @return The port table, or nil.
function gethostport () end

--- Whether the thread was made by <code>new_thread</code>.
-- @return True or false.
function isworker () return false end

--- Suspends the script.
-- @name sleep
-- @class function
-- @param t Seconds; fractions count to the millisecond. 0 gives the other scripts a turn.
-- @usage stdnse.sleep(1.5)
sleep = nmap.socket and rawget(nmap.socket, "sleep")

-- Modules -------------------------------------------------------------------------------------------------------

--- Lets a module see the global variables.
--
-- For use with <code>stdnse.module</code>.
-- @param env The module's environment.
function seeall (env)
  local meta = _G.getmetatable(env)
  if not meta then
    meta = {}
    setmetatable(env, meta)
  end
  meta.__index = _G
end

--- Makes an environment for a library.
-- @usage
-- local stdnse = require "stdnse"
-- _ENV = stdnse.module("example", stdnse.seeall)
-- function hello () return "hello" end
-- return _ENV
-- @param name The library's name.
-- @param ... Functions called one after the other with the environment, as <code>stdnse.seeall</code> and what
--            <code>require "strict"</code> returns.
-- @return The environment.
function module (name, ...)
  local env = { _NAME = name, _PACKAGE = string.match(name, "^(.+)%.[^.]*$") }
  env._M = env
  for i = 1, select("#", ...) do
    (select(i, ...))(env)
  end
  return env
end

-- Messages ------------------------------------------------------------------------------------------------------

-- "[who where] ", or nothing when there is nobody to name.
local function message_prefix (who, with_where)
  local parts = {}
  if who then parts[1] = who end
  if with_where then
    local host, port = gethostport()
    if host then
      parts[#parts + 1] = port and host.ip .. ":" .. port.number or host.ip
    end
  end
  if #parts == 0 then return "" end
  return "[" .. table.concat(parts, " ") .. "] "
end

-- The text is formatted only when it is shown, so that a message costs nothing at lower levels.
local function log_debug (level, fmt, ...)
  local shown = nmap.debugging()
  if level > shown then return end
  local who
  if shown >= 2 then who = getinfo() end
  nmap.log_write("stdout", message_prefix(who or getid(), true) .. string.format(fmt, ...))
end

local function log_verbose (level, fmt, ...)
  local shown = nmap.verbosity()
  if level > shown then return end
  nmap.log_write("stdout", message_prefix(getid(), shown >= 2) .. string.format(fmt, ...))
end

--- Prints a message if the debugging level is high enough.
-- @usage stdnse.debug(2, "sent %d bytes", #data)
-- @param level The level, 1 when left out.
-- @param fmt A format string.
-- @param ... Values for it.
function debug (level, fmt, ...)
  if type(level) == "number" then return log_debug(level, fmt, ...) end
  return log_debug(1, level, fmt, ...)
end

--- Prints a message at debugging level 0, that is always.
function debug0 (...) return log_debug(0, ...) end
--- Prints a message at debugging level 1.
-- @param ... Format string and values.
function debug1 (...) return log_debug(1, ...) end
--- Prints a message at debugging level 2.
-- @param ... Format string and values.
function debug2 (...) return log_debug(2, ...) end
--- Prints a message at debugging level 3.
-- @param ... Format string and values.
function debug3 (...) return log_debug(3, ...) end
--- Prints a message at debugging level 4.
-- @param ... Format string and values.
function debug4 (...) return log_debug(4, ...) end
--- Prints a message at debugging level 5.
-- @param ... Format string and values.
function debug5 (...) return log_debug(5, ...) end

--- Prints a message if verbosity is high enough.
-- @param level The level, 1 when left out.
-- @param fmt A format string.
-- @param ... Values for it.
function verbose (level, fmt, ...)
  if type(level) == "number" then return log_verbose(level, fmt, ...) end
  return log_verbose(1, level, fmt, ...)
end

--- Prints a message at verbosity 1.
-- @param ... Format string and values.
function verbose1 (...) return log_verbose(1, ...) end
--- Prints a message at verbosity 2.
-- @param ... Format string and values.
function verbose2 (...) return log_verbose(2, ...) end
--- Prints a message at verbosity 3.
-- @param ... Format string and values.
function verbose3 (...) return log_verbose(3, ...) end
--- Prints a message at verbosity 4.
-- @param ... Format string and values.
function verbose4 (...) return log_verbose(4, ...) end
--- Prints a message at verbosity 5.
-- @param ... Format string and values.
function verbose5 (...) return log_verbose(5, ...) end

local function bare_message (shown, level, fmt, ...)
  if type(level) ~= "number" then return bare_message(shown, 1, level, fmt, ...) end
  if level <= shown then nmap.log_write("stdout", string.format(fmt, ...)) end
end

--- Prints a message without saying who prints it.
--
-- Deprecated: use <code>stdnse.debug</code>.
-- @param level The level, 1 when left out.
-- @param fmt A format string.
-- @param ... Values for it.
function print_debug (level, fmt, ...) return bare_message(nmap.debugging(), level, fmt, ...) end

--- Prints a message without saying who prints it.
--
-- Deprecated: use <code>stdnse.verbose</code>.
-- @param level The level, 1 when left out.
-- @param fmt A format string.
-- @param ... Values for it.
function print_verbose (level, fmt, ...) return bare_message(nmap.verbosity(), level, fmt, ...) end

--- Writes a message to standard error, at any level.
-- @param fmt A format string.
-- @param ... Values for it.
function log_error (fmt, ...)
  nmap.log_write("stderr", message_prefix(getid(), true) .. string.format(fmt, ...))
end

-- Script arguments ----------------------------------------------------------------------------------------------

-- One name: the key itself, the name as a bare word (1), then the same with what follows the last dot.
local function script_arg (args, name)
  local function exact (key)
    if args[key] ~= nil then return args[key] end
    for _, word in ipairs(args) do
      if word == key then return 1 end
    end
  end
  local value = exact(name)
  if value == nil then
    local short = string.match(name, "%.([^.]*)$")
    if short then value = exact(short) end
  end
  return value
end

--- Looks up script arguments.
--
-- A name with dots, such as <code>http-title.url</code>, is also found under its last part. An argument given as a bare
-- word has the value 1.
-- @usage local path, limit = stdnse.get_script_args(SCRIPT_NAME .. ".path", {"x.limit", "max"})
-- @param ... Names, or tables of names of which the first one found counts.
-- @return One value for each parameter, nil where there is none.
function get_script_args (...)
  local args = nmap.registry.args or {}
  local count = select("#", ...)
  local values = {}
  for i = 1, count do
    local names = select(i, ...)
    if type(names) == "table" then
      for _, name in ipairs(names) do
        values[i] = script_arg(args, name)
        if values[i] ~= nil then break end
      end
    else
      values[i] = script_arg(args, names)
    end
  end
  return table.unpack(values, 1, count)
end

-- Output --------------------------------------------------------------------------------------------------------

--- Makes a table that remembers in which order its keys were set.
--
-- <code>pairs</code> visits the keys in that order; setting a key to nil removes it, and a key that comes back comes
-- last. The length operator gives the number of keys.
-- @usage
-- local out = stdnse.output_table()
-- out.title = "x"
-- out.size = 3
-- return out
-- @return An empty table.
function output_table ()
  local order, slot, values = {}, {}, {}
  local last, count = 0, 0
  local meta = { __index = values }

  function meta.__newindex (_, key, value)
    if value == nil then
      if slot[key] then
        order[slot[key]] = nil
        slot[key], values[key] = nil, nil
        count = count - 1
      end
      return
    end
    if not slot[key] then
      last, count = last + 1, count + 1
      order[last], slot[key] = key, last
    end
    values[key] = value
  end

  function meta.__len () return count end

  function meta.__pairs (self)
    local at = 0
    return function ()
      while at < last do
        at = at + 1
        local key = order[at]
        if key ~= nil then return key, values[key] end
      end
    end, self, nil
  end

  return setmetatable({}, meta)
end

-- Appends the lines of one level. A level's name stands at its own indentation, its items two columns deeper.
local function format_level (lines, data, indent, mark)
  if type(data) ~= "table" then data = { data ~= "" and data or nil } end
  if #data == 0 then return end
  if data.name then
    local warning = data.warning and " (WARNING: " .. data.warning .. ")" or ""
    lines[#lines + 1] = indent .. mark .. data.name .. warning
  elseif data.warning then
    lines[#lines + 1] = indent .. mark .. "(WARNING: " .. data.warning .. ")"
  end
  local deeper = indent .. "  "
  for _, item in ipairs(data) do
    if type(item) == "table" then
      format_level(lines, item, deeper, mark)
    elseif type(item) == "string" then
      item = string.gsub(item, "\r", "")
      if string.sub(item, -1) == "\n" then item = string.sub(item, 1, -2) end
      for line in string.gmatch(item .. "\n", "(.-)\n") do
        lines[#lines + 1] = deeper .. mark .. line
      end
    end
  end
end

--- Formats text for output as an indented list.
--
-- An array of strings makes one line each; an array inside it is indented further. Field <code>name</code> of a table
-- is its heading and <code>warning</code> is added to the heading. Tables without items are left out.
-- Structured output (see <code>stdnse.output_table</code>) is the better choice for new scripts.
-- @param status False if <code>data</code> is an error message; it is then shown only when debugging.
-- @param data A string, or a table as described.
-- @param indent What to put before every line. Default: nothing.
-- @return The text, beginning with a line break, or nil if there is nothing to show.
function format_output (status, data, indent)
  assert(data ~= nil, "format_output: no data")
  local lines = {}
  if status or nmap.debugging() > 0 then format_level(lines, data, indent or "", status and "" or "ERROR: ") end
  if #lines == 0 then return nil end
  return (indent and "" or "\n") .. table.concat(lines, "\n") .. "\n"
end

--- Prints a value as Lua source would show it, tables with all they hold.
-- @param obj The value.
-- @param printer A function called with pieces of text. Default: writes to standard output.
function pretty_printer (obj, printer)
  printer = printer or _G.io.write
  local open = {}
  local function show (value, indent)
    if type(value) == "string" then
      printer(string.format("%q", value))
    elseif type(value) ~= "table" then
      printer(tostring(value))
    elseif open[value] then
      printer("{ ... }")
    else
      open[value] = true
      printer("{\n")
      for key, item in pairs(value) do
        printer(indent .. "\t[")
        show(key, indent .. "\t")
        printer("] = ")
        show(item, indent .. "\t")
        printer(",\n")
      end
      printer(indent .. "}")
      open[value] = nil
    end
  end
  show(obj, "")
  printer("\n")
end

--- Replaces an empty or absent string.
-- @param text The string.
-- @param blank What to use in its place. Default: <code>&lt;blank&gt;</code>.
-- @return One of the two.
function string_or_blank (text, blank)
  if text == nil or text == "" then return blank or "<blank>" end
  return text
end

-- Numbers and bytes ---------------------------------------------------------------------------------------------

local function hex_byte (c) return string.format("%02x", string.byte(c)) end

--- Shows a string or a number in hexadecimal.
-- @usage stdnse.tohex("abc") --> "616263"
-- @usage stdnse.tohex("abc", { separator = ":" }) --> "61:62:63"
-- @usage stdnse.tohex("abc", { separator = " ", group = 4 }) --> "61 6263"
-- @usage stdnse.tohex(123456) --> "1e240"
-- @param s The string, or an integer.
-- @param options Table with <code>separator</code>, put between groups of digits, and <code>group</code>, digits in a
--                group counted from the end (default 2).
-- @return Lower-case digits; two for each byte of a string.
function tohex (s, options)
  local digits
  if type(s) == "number" then
    digits = string.format("%x", s)
  elseif type(s) == "string" then
    digits = string.gsub(s, ".", hex_byte)
  else
    error("string or integer expected, got " .. type(s))
  end
  local separator = options and options.separator
  if not separator then return digits end
  local group = options.group or 2
  local groups = {}
  -- The first group takes what is left over, so that the last ones are full.
  local from = #digits % group
  if from > 0 then groups[1] = string.sub(digits, 1, from) end
  for at = from + 1, #digits, group do
    groups[#groups + 1] = string.sub(digits, at, at + group - 1)
  end
  return table.concat(groups, separator)
end

--- Reads hexadecimal digits.
-- @param hex Pairs of digits; white space is skipped.
-- @return A string of bytes, or nil and a message.
function fromhex (hex)
  hex = string.gsub(hex, "%s+", "")
  local bad = string.find(hex, "%X")
  if bad then return nil, "not a hexadecimal digit at position " .. bad end
  if #hex % 2 ~= 0 then return nil, "odd number of hexadecimal digits" end
  return (string.gsub(hex, "%x%x", function (pair) return string.char(tonumber(pair, 16)) end))
end

--- Shows a number in octal.
-- @param n An integer.
-- @return Digits.
function tooctal (n) return string.format("%o", n) end

local NIBBLES = { [0] = "0000", "0001", "0010", "0011", "0100", "0101", "0110", "0111",
  "1000", "1001", "1010", "1011", "1100", "1101", "1110", "1111" }

--- Shows a number in binary, in groups of four digits without a separator.
-- @param n An integer.
-- @return Digits.
function tobinary (n)
  return (string.gsub(string.format("%x", n), "%x", function (digit) return NIBBLES[tonumber(digit, 16)] end))
end

--- Shows a hardware address.
-- @param mac Six bytes.
-- @return A string such as <code>00:16:3e:00:00:01</code>.
function format_mac (mac) return tohex(mac, { separator = ":" }) end

-- Time ----------------------------------------------------------------------------------------------------------

--- Milliseconds since 1970.
-- @return A number.
function clock_ms () return nmap.clock() * 1000 end

--- Microseconds since 1970.
-- @return A number.
function clock_us () return nmap.clock() * 1000000 end

local UNIT_SECONDS = { ms = 0.001, s = 1, m = 60, h = 3600 }

--- Reads a length of time such as <code>500ms</code>, <code>10s</code>, <code>2m</code>, <code>1.5h</code>.
--
-- A number without unit is seconds.
-- @param timespec The text, or a number.
-- @return Seconds, or nil and a message.
function parse_timespec (timespec)
  if timespec == nil then return nil, "no time given" end
  local number, unit = string.match(tostring(timespec), "^([0-9.]+)(.*)$")
  number = number and tonumber(number)
  if not number then
    return nil, string.format("\"%s\" is not a length of time", tostring(timespec))
  end
  if unit == "" then unit = "s" end
  if not UNIT_SECONDS[unit] then
    return nil, string.format("\"%s\" is not a length of time: unknown unit \"%s\"", timespec, unit)
  end
  return number * UNIT_SECONDS[unit]
end

-- Milliseconds: what a host we know nothing about gets, and the least a fast one gets.
local TIMEOUT_MAX, TIMEOUT_MIN = 8000, 1000

--- Works out how long to wait for a host, from the round-trip times seen during the scan.
-- @param host The host table; others than tables get the longest time.
-- @param max_timeout The most, in milliseconds. Default 8000.
-- @param min_timeout The least, in milliseconds. Default 1000.
-- @return Milliseconds.
function get_timeout (host, max_timeout, min_timeout)
  max_timeout = max_timeout or TIMEOUT_MAX
  local times = type(host) == "table" and host.times
  if not (times and times.timeout) then return max_timeout end
  -- Twice the time-out of probes: a service needs longer than a network stack.
  return math.max(math.min(2000 * times.timeout, max_timeout), min_timeout or TIMEOUT_MIN)
end

-- Hosts, ports, sockets -----------------------------------------------------------------------------------------

--- The best name for a host: the one given as target, the one found by reverse lookup, or the address.
-- @param host A host table, or a string that is returned as it is.
-- @return A string, or nil.
function get_hostname (host)
  if type(host) ~= "table" then return host end
  if host.targetname then return host.targetname end
  if host.name and host.name ~= "" then return host.name end
  return host.ip
end

--- Lists the interfaces a script may use: the one of option <code>-e</code>, or all.
-- @param filter_func Called with an interface table as in <code>nmap.list_interfaces</code>; those for which it
--                    returns nil or false are left out, and a table it returns takes the interface's place.
-- @return An array of interface tables.
function get_script_interfaces (filter_func)
  local found = {}
  local name = nmap.get_interface()
  -- An address-less interface has an entry in the list only, so that is where the name is looked up too.
  local list = nmap.list_interfaces() or {}
  for _, iface in ipairs(list) do
    if not name or iface.device == name or iface.shortname == name then
      local kept = iface
      if filter_func then kept = filter_func(iface) end
      if kept then found[#found + 1] = type(kept) == "table" and kept or iface end
    end
  end
  return found
end

--- Makes a function that reads from a socket one piece at a time.
-- @param socket A connected socket.
-- @param sep A pattern that matches what ends a piece. Default: a line end.
-- @param buffer Bytes received earlier. Default: none.
-- @return A function that returns the next piece without the separator, or nil and an error once nothing is left.
function make_buffer (socket, sep, buffer)
  sep = sep or "\r?\n"
  buffer = buffer or ""
  -- What stands before pos was returned already; it is dropped when more data arrives.
  local pos, failure = 1, nil
  return function ()
    while true do
      local from, to = string.find(buffer, sep, pos)
      if from and to >= from then
        local piece = string.sub(buffer, pos, from - 1)
        pos = to + 1
        return piece
      elseif failure then
        if pos > #buffer then return nil, failure end
        local rest = string.sub(buffer, pos)
        pos = #buffer + 1
        return rest
      end
      local status, data = socket:receive()
      if status then
        buffer = string.sub(buffer, pos) .. data
        pos = 1
      else
        failure = data
      end
    end
  end
end

-- Registry ------------------------------------------------------------------------------------------------------

-- Follows a path of keys from nmap.registry; makes the missing tables if asked to.
local function registry_table (subkeys, create)
  local t = nmap.registry
  if type(subkeys) ~= "table" then subkeys = { subkeys } end
  for _, key in ipairs(subkeys) do
    if t[key] == nil then
      if not create then return nil end
      t[key] = {}
    end
    t = t[key]
    if type(t) ~= "table" then return t end
  end
  return t
end

local function has_value (t, value)
  for _, item in pairs(t) do
    if item == value then return true end
  end
  return false
end

--- Reads from the registry.
-- @param subkeys An array of keys that lead there, one after the other.
-- @return What is there, or nil.
function registry_get (subkeys) return registry_table(subkeys, false) end

--- Tells whether something is in the registry.
-- @param subkeys An array of keys that lead to a table.
-- @param key The key to look for there, or nil for any.
-- @param value The value to look for, or nil for any.
-- @return True or false.
function registry_exists (subkeys, key, value)
  local t = registry_table(subkeys, false)
  if type(t) ~= "table" then return false end
  if key == nil then
    if value == nil then return true end
    return has_value(t, value)
  end
  if value == nil then return t[key] ~= nil end
  return t[key] == value
end

--- Adds a value to an array in the registry.
-- @param subkeys An array of keys that lead to the array; what is missing is made.
-- @param value The value.
-- @param allow_duplicates True to add it although it is there.
function registry_add_array (subkeys, value, allow_duplicates)
  local t = registry_table(subkeys, true)
  if allow_duplicates or not has_value(t, value) then t[#t + 1] = value end
end

--- Sets a key of a table in the registry.
-- @param subkeys An array of keys that lead to the table; what is missing is made.
-- @param key The key.
-- @param value The value.
-- @param allow_duplicates True to set it although another key has the value.
function registry_add_table (subkeys, key, value, allow_duplicates)
  local t = registry_table(subkeys, true)
  if allow_duplicates or not has_value(t, value) then t[key] = value end
end

return _ENV
