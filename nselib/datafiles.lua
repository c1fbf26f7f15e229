---
-- Reads data files, and looks up the names of services, protocols, RPC programs and makers of network hardware.
--
-- A parser is described by a table. An array of one pattern or function gives an array, with what is captured of each
-- line. A table of one pair gives a table: the key captures or computes the index, the value what stands there. A table
-- of such tables with names gives a table of results with those names.
--
-- @usage
-- -- Lines such as "9 Cisco" to { [9] = "Cisco" }.
-- local status, names = datafiles.parse_file("numbers.txt", {
--   [function (line) return tonumber(line:match("^(%d+)")) end] = "^%d+%s+(.*)",
-- })
--
-- @copyright MIT OR Apache-2.0

local io = require "io"
local nmap = require "nmap"
local nmapdb = require "nmapdb"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("datafiles", stdnse.seeall)

-- Lines of a file that are read; the longest lists in use have a tenth of that.
local LINES_MAX = 1000000

-- Tables that look a name up when it is asked for: the lists are inside the program and need not be copied.
local function lookup (f)
  return setmetatable({}, { __index = function (t, key)
    local value = f(key)
    rawset(t, key, value)
    return value
  end })
end

local function in_range (key, limit) return type(key) == "number" and key % 1 == 0 and key >= 0 and key <= limit end

--- Names of IP protocols by number.
-- @return True.
-- @return The table.
function parse_protocols ()
  return true, lookup(function (number)
    return in_range(number, 255) and nmapdb.getprotbynum(number // 1) or nil
  end)
end

--- Names of services by port number.
-- @param protocol <code>tcp</code>, <code>udp</code> or <code>sctp</code>. Without it, the result holds a table for each.
-- @return True, or false and a message.
-- @return The table.
function parse_services (protocol)
  local function of (name)
    return lookup(function (number)
      return in_range(number, 65535) and nmapdb.getservbyport(number // 1, name) or nil
    end)
  end
  if not protocol then return true, { tcp = of("tcp"), udp = of("udp"), sctp = of("sctp") } end
  if protocol ~= "tcp" and protocol ~= "udp" and protocol ~= "sctp" then
    return false, "Bad protocol for nmap-services: use tcp, udp, or sctp"
  end
  return true, of(protocol)
end

--- Names of ONC RPC programs by number.
-- @return True.
-- @return The table.
function parse_rpc ()
  local path = nmap.fetchfile("nmap-rpc")
  if path then
    return parse_file("nmap-rpc", {
      [function (line) return tonumber(string.match(line, "^%S+%s+(%d+)")) end] = "^([^%s#]+)%s+%d+",
    })
  end
  return true, require "data.rpc"
end

--- Makers of network hardware by the first three bytes of its addresses.
-- @return True.
-- @return The table; its keys are six hexadecimal digits.
function parse_mac_prefixes ()
  return true, lookup(function (prefix)
    local digits = type(prefix) == "string" and string.match(prefix, "^%x%x%x%x%x%x")
    if not digits then return nil end
    return nmapdb.mac2corp(stdnse.fromhex(digits .. string.rep("0", 12 - #digits)))
  end)
end

--- Reads the lines of a file.
-- @param file A name as for <code>nmap.fetchfile</code>, or a path.
-- @return True and an array of lines; or false and a message.
function read_from_file (file)
  local path = nmap.fetchfile(file) or file
  local handle, message = io.open(path, "r")
  if not handle then return false, "could not be read: " .. tostring(message) end
  local lines = {}
  for line in handle:lines() do
    lines[#lines + 1] = string.gsub(line, "\r$", "")
    if #lines >= LINES_MAX then break end
  end
  handle:close()
  return true, lines
end

local function capture (line, what)
  if type(what) == "function" then return what(line) end
  return string.match(line, what)
end

--- Captures something of each line.
-- @param lines The lines.
-- @param v_pattern A pattern with one capture, or a function that gets the line. Lines without a result are left out.
-- @return True and an array; or false and a message.
function get_array (lines, v_pattern)
  if type(v_pattern) ~= "string" and type(v_pattern) ~= "function" then
    return false, "Error in datafiles.get_array: expected a pattern or a function."
  end
  local found = {}
  for _, line in ipairs(lines) do
    local value = capture(line, v_pattern)
    if value ~= nil then found[#found + 1] = value end
  end
  return true, found
end

--- Captures an index and a value of each line.
-- @param lines The lines.
-- @param i_pattern A pattern or function for the index. Lines without one are left out.
-- @param v_pattern A pattern or function for the value.
-- @return True and a table; or false and a message.
function get_assoc_array (lines, i_pattern, v_pattern)
  for _, what in ipairs({ i_pattern, v_pattern }) do
    if type(what) ~= "string" and type(what) ~= "function" then
      return false, "Error in datafiles.get_assoc_array: expected patterns or functions."
    end
  end
  local found = {}
  for _, line in ipairs(lines) do
    local index = capture(line, i_pattern)
    if index ~= nil then found[index] = capture(line, v_pattern) end
  end
  return true, found
end

--- Applies the description of a parser to lines.
-- @param lines The lines.
-- @param data_struct The description, see above.
-- @return True and the result; or false and a message.
function parse_lines (lines, data_struct)
  if type(data_struct) ~= "table" or next(data_struct) == nil then
    return false, "Error in datafiles.parse_lines: Expected a table that describes the data."
  end
  local key, value = next(data_struct)
  if type(value) ~= "table" then
    if type(key) == "number" then return get_array(lines, value) end
    return get_assoc_array(lines, key, value)
  end
  local results = {}
  for name, inner in pairs(data_struct) do
    if type(inner) ~= "table" then return false, "Error in datafiles.parse_lines: a mixed description." end
    local k, v = next(inner)
    local status
    if type(k) == "number" then
      status, results[name] = get_array(lines, v)
    else
      status, results[name] = get_assoc_array(lines, k, v)
    end
    if not status then return false, results[name] end
  end
  return true, results
end

--- Reads a file.
-- @param filename A name as for <code>nmap.fetchfile</code>, or a path.
-- @param ... Descriptions, see above; an empty table stands for all lines as they are.
-- @return True and a result for each description; or false and a message.
function parse_file (filename, ...)
  local descriptions, results = { ... }, {}
  if type(filename) ~= "string" or filename == "" then
    return false, "Error in datafiles.parse_file: Expected the name of a file."
  end
  if type(descriptions[1]) ~= "table" then
    return false, "Error in datafiles.parse_file: Expected second parameter as table."
  end
  local status, lines = read_from_file(filename)
  if not status then
    return false, string.format("Error in datafiles.parse_file: %s %s.", filename, lines)
  end
  for i, description in ipairs(descriptions) do
    if next(description) == nil then
      results[i] = lines
    else
      status, results[i] = parse_lines(lines, description)
    end
    if not status then return false, results[i] end
  end
  return true, table.unpack(results)
end

return _ENV
