---
-- What scripts for web services that answer in JSON have in common.
--
-- @usage
-- local info = httpjson.fetch(host, port, "/version")
-- local version = httpjson.at(info, "server", "version")
--
-- @copyright MIT OR Apache-2.0

local http = require "http"
local json = require "json"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("httpjson", stdnse.seeall)

-- What is kept of a text that a service sends.
local MAX_TEXT = 300

--- Fetches a JSON document.
-- @param host The host table.
-- @param port The port table.
-- @param path The path, with its query.
-- @param options Options of the <code>http</code> library.
-- @return The value; nil if there is no such page, or it is no JSON.
-- @return The response table.
function fetch (host, port, path, options)
  local response = http.get(host, port, path, options)
  if response.status ~= 200 or not response.body then return nil, response end
  local ok, value = json.parse(response.body)
  if not ok then
    stdnse.debug1("%s: %s", path, value)
    return nil, response
  end
  return value, response
end

--- Goes into a value, as far as it has the keys.
-- @param value The value.
-- @param ... Keys, one after the other.
-- @return What is there, or nil; <code>null</code> is nil, too.
function at (value, ...)
  for _, key in ipairs({ ... }) do
    if type(value) ~= "table" then return nil end
    value = value[key]
  end
  if value == json.NULL then return nil end
  return value
end

--- Goes into a value to a text, a number or a truth value.
-- @param value The value.
-- @param ... Keys, one after the other.
-- @return It as a text of bounded length, or nil.
function text (value, ...)
  local found = at(value, ...)
  if found == nil or type(found) == "table" then return nil end
  found = tostring(found)
  if found == "" then return nil end
  return string.sub(found, 1, MAX_TEXT)
end

--- Copies texts into a table that is shown.
-- @param result The table.
-- @param value Where they come from.
-- @param fields Array of arrays: the name to show, then the keys that lead to the text.
-- @return How many were there.
function copy (result, value, fields)
  local count = 0
  for _, field in ipairs(fields) do
    local found = text(value, table.unpack(field, 2))
    if found then
      result[field[1]] = found
      count = count + 1
    end
  end
  return count
end

--- The first items of a list as texts.
-- @param list The list.
-- @param limit How many.
-- @param ... Keys that lead to the text inside an item.
-- @return An array of texts; one more says how many were left out. Nil if there are none.
function texts (list, limit, ...)
  if type(list) ~= "table" or list == json.NULL then return nil end
  local out = {}
  for i, item in ipairs(list) do
    if #out >= limit then
      out[#out + 1] = string.format("and %d more", #list - i + 1)
      break
    end
    out[#out + 1] = text(item, ...)
  end
  return #out > 0 and out or nil
end

--- The names of an object's members, sorted.
-- @param object The object.
-- @return An array of names.
function names (object)
  local out = {}
  if type(object) == "table" and object ~= json.NULL then
    for name in pairs(object) do
      if type(name) == "string" then out[#out + 1] = name end
    end
  end
  table.sort(out)
  return out
end

return _ENV
