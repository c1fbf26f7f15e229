---
-- Delimiters for the socket method <code>receive_buf</code>.
--
-- A delimiter function gets the bytes received so far and returns where the delimiter starts and ends, or nil when
-- more bytes are needed.
--
-- @usage
-- sock:receive_buf(match.numbytes(80), true)
-- sock:receive_buf(match.pattern_limit("\r\n\r\n", 65536), false)
--
-- @copyright MIT OR Apache-2.0

local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("match", stdnse.seeall)

--- Makes a delimiter that is satisfied by a number of bytes.
--
-- Use it with <code>keep</code> set to true: the last byte counts as the delimiter.
-- @param num The number of bytes.
-- @return A delimiter function.
function numbytes (num)
  return function (buf)
    if #buf >= num then return num, num end
    return nil
  end
end

--- Makes a delimiter that looks for a pattern, and gives up after a number of bytes.
--
-- Once <code>within</code> bytes are there without a match the delimiter is taken to be the last of them, so that
-- a peer that never sends the pattern cannot make the buffer grow without bound.
-- @param pattern A Lua pattern.
-- @param within The number of bytes.
-- @return A delimiter function.
function pattern_limit (pattern, within)
  return function (buf)
    local from, to = string.find(buf, pattern)
    if from then return from, to end
    if #buf >= within then return within, within end
    return nil
  end
end

return _ENV
