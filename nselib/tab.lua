---
-- Text in columns.
--
-- @usage
-- local t = tab.new()
-- tab.addrow(t, "port", "service")
-- tab.addrow(t, 21, "ftp")
-- return tab.dump(t)
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("tab", stdnse.seeall)

-- Columns between two cells.
local GAP = 2

--- Lays a table out: every column is as wide as its widest cell.
-- @param t The table.
-- @return A string, one line a row, each with a line end.
function dump (t)
  local widths = {}
  for i = 1, t.row do
    for at, cell in pairs(t[i] or {}) do widths[at] = math.max(widths[at] or 0, #cell) end
  end
  local lines = {}
  for i = 1, t.row do
    local row, cells = t[i] or {}, {}
    local last = 0
    for at in pairs(row) do last = math.max(last, at) end
    for at = 1, last do
      local cell = row[at] or ""
      if at < last then cell = cell .. string.rep(" ", (widths[at] or 0) - #cell + GAP) end
      cells[at] = cell
    end
    -- A row that was only begun does not show.
    if t[i] or i < t.row then lines[#lines + 1] = table.concat(cells) .. "\n" end
  end
  return table.concat(lines)
end

local metatable = { __tostring = dump }

--- Makes an empty table.
-- @return A table for the other functions; <code>tostring</code> lays it out.
function new () return setmetatable({ row = 1 }, metatable) end

--- Sets a cell of the current row.
-- @param t The table.
-- @param v The value.
-- @param c The column, from 1.
function add (t, c, v)
  t[t.row] = t[t.row] or {}
  t[t.row][c] = tostring(v)
end

--- Fills the current row, from its first column on, and begins the next one.
-- @param t The table.
-- @param ... The values.
function addrow (t, ...)
  for i = 1, select("#", ...) do add(t, i, (select(i, ...))) end
  nextrow(t)
end

--- Begins a new row.
-- @param t The table.
function nextrow (t)
  t[t.row] = t[t.row] or {}
  t.row = t.row + 1
end

return _ENV
