---
-- Errors that tell their whole story: each level of calls may say what it was trying when the one below failed.
--
-- @usage
-- local function get_config (host, port)
--   local status, data = oops.raise("can't read the file", fetch(host, port))
--   ...
-- end
-- action = function (host, port)
--   return oops.output(get_config(host, port))
-- end
-- -- A failure prints "The script encountered an error: can't read the file", and with debugging on:
-- -- The script encountered an error:
-- -- - can't read the file:
-- -- - connection refused
--
-- @copyright MIT OR Apache-2.0

local nmap = require "nmap"
local stdnse = require "stdnse"
local table = require "table"
_ENV = stdnse.module("oops", stdnse.seeall)

-- An array of messages, the outermost first.
local Oops = {}
Oops.__index = Oops

function Oops:new (message)
  return setmetatable({ message }, self)
end

-- Adds a message, or all messages of another error, in front.
function Oops:push (message)
  if getmetatable(message) == Oops then
    table.move(self, 1, #self, #message + 1)
    table.move(message, 1, #message, 1, self)
  else
    table.insert(self, 1, message)
  end
  return self
end

-- The whole story is for who looks for a bug; others get what the script itself was trying.
function Oops:__tostring ()
  local head = "The script encountered an error:"
  if nmap.debugging() == 0 then return head .. " " .. tostring(self[1]) end
  local lines = {}
  for i, message in ipairs(self) do lines[i] = "- " .. tostring(message) end
  return head .. "\n" .. table.concat(lines, ":\n")
end

--- Makes an error, or adds a message to one.
-- @param message The message.
-- @param previous The error that led to it: a message, or what this function returned.
-- @return An error object, which <code>tostring</code> shows whole.
function err (message, previous)
  if previous == nil then
    return getmetatable(message) == Oops and message or Oops:new(message)
  end
  if getmetatable(previous) ~= Oops then previous = Oops:new(previous) end
  return previous:push(message)
end

--- Adds a message to the results of a call that failed; results of one that did not pass through.
-- @param message What was tried.
-- @param status The call's first result: whether it succeeded.
-- @param previous The call's second result: what it returned, or an error.
-- @param ... The call's further results.
-- @return The results, with the message added to the error if <code>status</code> is false or nil.
function raise (message, status, previous, ...)
  if status then return status, previous, ... end
  return status, err(message, previous), ...
end

--- Makes a script's output of a call's results.
-- @param status Whether the call succeeded.
-- @param message What it returned, or an error.
-- @return The result if it succeeded, otherwise an error object, which shows as its message.
function output (status, message)
  if status then return message end
  return err(message == nil and "unknown error" or message)
end

return _ENV
