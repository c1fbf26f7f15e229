---
-- String buffers: pieces that are joined once, at the end.
--
-- Joining a long text piece by piece with <code>..</code> copies it each time; a buffer keeps the pieces in a list.
--
-- @usage
-- local buf = strbuf.new("HEAD / HTTP/1.0\r\n")
-- buf = buf .. "Host: example.com\r\n" .. "\r\n"
-- socket:send(strbuf.dump(buf))
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local table = require "table"
_ENV = stdnse.module("strbuf", stdnse.seeall)

local metatable = {}

local function is_buffer (value) return getmetatable(value) == metatable end

--- Appends to a buffer.
--
-- The operator <code>..</code> with a buffer on its left does the same.
-- @param sbuf The buffer, which is changed.
-- @param s A string, or a buffer whose pieces are appended.
-- @return The buffer.
function concatbuf (sbuf, s)
  if not is_buffer(sbuf) then error("strbuf: the left side is not a buffer", 2) end
  if type(s) == "string" then
    sbuf[#sbuf + 1] = s
  elseif is_buffer(s) then
    table.move(s, 1, #s, #sbuf + 1, sbuf)
  else
    error("strbuf: only strings and buffers can be appended, got " .. type(s), 2)
  end
  return sbuf
end

--- Compares two buffers piece by piece; the operator <code>==</code> does the same.
-- @param sbuf1 A buffer.
-- @param sbuf2 Another one.
-- @return True or false.
function eqbuf (sbuf1, sbuf2)
  if #sbuf1 ~= #sbuf2 then return false end
  for i = 1, #sbuf1 do
    if sbuf1[i] ~= sbuf2[i] then return false end
  end
  return true
end

--- Empties a buffer.
-- @param sbuf The buffer.
function clear (sbuf)
  for i = #sbuf, 1, -1 do sbuf[i] = nil end
end

--- Joins the pieces of a buffer.
-- @name dump
-- @class function
-- @param sbuf The buffer.
-- @param delimiter What stands between two pieces. Default: nothing.
-- @param first First piece. Default: 1.
-- @param last Last piece. Default: all.
-- @return A string.
dump = table.concat

--- Joins the pieces of a buffer, one a line; <code>tostring</code> does the same.
-- @param sbuf The buffer.
-- @return A string.
function tostring (sbuf) return dump(sbuf, "\n") end

metatable.__concat = concatbuf
metatable.__eq = eqbuf
metatable.__tostring = tostring

--- Makes a buffer.
-- @param ... Its first pieces, strings.
-- @return A buffer.
function new (...)
  local sbuf = setmetatable({}, metatable)
  for i = 1, select("#", ...) do concatbuf(sbuf, (select(i, ...))) end
  return sbuf
end

return _ENV
