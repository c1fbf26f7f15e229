---
-- Listings of files, the same for every protocol.
--
-- A listing has volumes, a volume has files, and both may have remarks and errors. How much is shown is for the user to
-- say, with arguments of the script or of this library.
--
-- @usage
-- local output = ls.new_listing()
-- ls.new_vol(output, "/pub", false)
-- for _, file in ipairs(files) do
--   if not ls.add_file(output, { file.size, file.time, file.name }) then break end
-- end
-- ls.end_vol(output)
-- return ls.end_listing(output)
--
-- @args ls.maxfiles How many files of a volume are listed; 0 for no limit. Default: 10.
-- @args ls.maxdepth How many levels of folders are visited; 0 for no limit. Default: 1.
-- @args ls.errors Show errors, too.
-- @args ls.human Show sizes with units; scripts do that before they add a file.
-- @args ls.checksum Show checksums of files where the script can make them.
-- @args ls.empty Show empty volumes, too.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("ls", stdnse.seeall)

local DEFAULTS = { maxfiles = 10, maxdepth = 1, errors = false, human = false, checksum = false, empty = false }
-- Beyond this a listing without limit ends, too.
local MAX_FILES = 100000

local TRUE_WORDS = { ["1"] = true, ["true"] = true, yes = true, on = true }

--- The value of an option.
-- @param argname <code>maxfiles</code>, <code>maxdepth</code>, <code>errors</code>, <code>human</code>,
--                <code>checksum</code> or <code>empty</code>.
-- @return A number or a truth value; nil for other names.
function config (argname)
  local default = DEFAULTS[argname]
  if default == nil then return nil end
  local names = { "ls." .. argname }
  local id = stdnse.getid()
  if id then table.insert(names, 1, id .. "." .. argname) end
  local value
  for _, name in ipairs(names) do
    -- The whole names only: a bare "errors" may be meant for any script.
    value = (nmap.registry.args or {})[name]
    for _, word in ipairs(nmap.registry.args or {}) do
      if word == name then value = true end
    end
    if value ~= nil then break end
  end
  if value == nil then return default end
  if type(default) == "number" then return tonumber(value) or default end
  return value == true or TRUE_WORDS[string.lower(tostring(value))] == true
end

--- Begins a listing.
-- @return The listing, for the other functions.
function new_listing ()
  return { errors = {}, info = {}, total = { files = 0, bytes = 0 }, volumes = {} }
end

--- Begins a volume.
-- @param output The listing.
-- @param name The volume's name.
-- @param hasperms True if its files have permissions and owners.
function new_vol (output, name, hasperms)
  output.curvol = { name = name, hasperms = hasperms, count = 0, bytes = 0, files = {}, errors = {}, info = {} }
end

-- Decimal units, as listings mean them.
local UNITS = { K = 1e3, M = 1e6, G = 1e9, T = 1e12, P = 1e15 }

-- A size as a number; 0 if it is none.
local function size_of (text)
  local number, unit = string.match(tostring(text), "^%s*([%d.]+)%s*(%a?)")
  number = number and tonumber(number)
  if not number then return 0 end
  return math.floor(number * (UNITS[string.upper(unit)] or 1))
end

--- Adds a file to the volume.
-- @param output The listing.
-- @param file An array of texts: size, time and name; before them permissions, user and group if the volume has them; a
--             checksum may come last.
-- @return True if there is room for more files.
function add_file (output, file)
  local volume = output.curvol
  if not volume then error("ls.add_file: no volume was begun", 2) end
  local size_at = volume.hasperms and 4 or 1
  local row = {}
  for i, value in ipairs(file) do row[i] = tostring(value) end
  if not row[size_at] then error("ls.add_file: not enough fields", 2) end
  local size = size_of(row[size_at])
  volume.count, volume.bytes = volume.count + 1, volume.bytes + size
  output.total.files, output.total.bytes = output.total.files + 1, output.total.bytes + size
  volume.files[volume.count] = row
  local limit = config("maxfiles")
  if limit <= 0 then limit = MAX_FILES end
  return volume.count < math.min(limit, MAX_FILES)
end

--- Notes an error, of the volume that was begun or of the whole. It is shown if the user wants errors.
-- @param output The listing.
-- @param err The message.
-- @param level At which level of debugging it is printed. Default: 1.
-- @return True.
function report_error (output, err, level)
  table.insert((output.curvol or output).errors, err)
  stdnse.debug(level or 1, "%s", err)
  return true
end

--- Notes a remark, of the volume that was begun or of the whole.
-- @param output The listing.
-- @param info The text.
-- @param level At which level of debugging it is printed. Default: 1.
-- @return True.
function report_info (output, info, level)
  table.insert((output.curvol or output).info, info)
  stdnse.debug(level or 1, "%s", info)
  return true
end

local HEADINGS = { "SIZE", "TIME", "FILENAME", "CHECKSUM" }
local HEADINGS_WITH_OWNER = { "PERMISSION", "UID", "GID", "SIZE", "TIME", "FILENAME", "CHECKSUM" }
local KEYS = { "size", "time", "filename", "checksum" }
local KEYS_WITH_OWNER = { "permission", "uid", "gid", "size", "time", "filename", "checksum" }

-- Rows as lines, all columns but the last as wide as their widest cell.
local function format_rows (rows)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for i = 1, #row - 1 do widths[i] = math.max(widths[i] or 0, #row[i]) end
  end
  for i, row in ipairs(rows) do
    local cells = {}
    for k, cell in ipairs(row) do cells[k] = k < #row and cell .. string.rep(" ", widths[k] - #cell) or cell end
    lines[i] = table.concat(cells, "  ")
  end
  return lines
end

--- Ends the volume. One without files and remarks is left out, unless the user wants those, too.
-- @param output The listing.
function end_vol (output)
  local volume = output.curvol
  if not volume then return end
  output.curvol = nil
  local errors = config("errors") and #volume.errors > 0
  if volume.count == 0 and #volume.info == 0 and not errors and not config("empty") then return end

  local result = stdnse.output_table()
  result.volume = volume.name
  if #volume.info > 0 then result.info = volume.info end
  if errors then result.errors = volume.errors end
  local lines = { "Volume " .. volume.name }
  for _, info in ipairs(volume.info) do lines[#lines + 1] = "  " .. info end
  for _, err in ipairs(errors and volume.errors or {}) do lines[#lines + 1] = "  ERROR: " .. err end
  if volume.count > 0 then
    local headings = volume.hasperms and HEADINGS_WITH_OWNER or HEADINGS
    local keys = volume.hasperms and KEYS_WITH_OWNER or KEYS
    local rows, files, columns = {}, {}, #headings - 1
    for i, row in ipairs(volume.files) do
      local file = stdnse.output_table()
      for k = 1, math.min(#row, #keys) do file[keys[k]] = row[k] end
      files[i], rows[i + 1] = file, row
      columns = math.max(columns, #row)
    end
    rows[1] = table.move(headings, 1, math.min(columns, #headings), 1, {})
    result.files = files
    table.move(format_rows(rows), 1, #rows, #lines + 1, lines)
    lines[#lines + 1] = ""
  end
  lines[#lines + 1] = ""
  table.insert(output.volumes, result)
  output.texts = output.texts or {}
  table.insert(output.texts, table.concat(lines, "\n"))
end

--- Ends the listing.
-- @param output The listing.
-- @return A table for structured output, or nil if there is nothing to show.
-- @return The text.
function end_listing (output)
  if output.curvol then end_vol(output) end
  local errors = config("errors") and #output.errors > 0
  if #output.volumes == 0 and #output.info == 0 and not errors then return nil end
  local result, lines = stdnse.output_table(), {}
  if #output.info > 0 then result.info = output.info end
  if errors then result.errors = output.errors end
  for _, info in ipairs(output.info) do lines[#lines + 1] = info end
  for _, err in ipairs(errors and output.errors or {}) do lines[#lines + 1] = "ERROR: " .. err end
  result.volumes = output.volumes
  result.total = output.total
  table.move(output.texts or {}, 1, #(output.texts or {}), #lines + 1, lines)
  return result, table.concat(lines, "\n")
end

return _ENV
