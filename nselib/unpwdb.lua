---
-- User names and passwords to try.
--
-- The built-in lists are short: what devices and servers come with, and what leaks show people to use most.
--
-- An iterator of this library is a function that returns the next word, nil after the last one, and starts again when
-- called with <code>"reset"</code>.
--
-- @usage
-- local status, usernames = unpwdb.usernames()
-- if not status then return end
-- for user in usernames do try(user) end
--
-- @args userdb File of user names, one a line; lines that start with <code>#!comment</code> are skipped.
-- @args passdb File of passwords.
-- @args unpwdb.userlimit How many user names to use at most.
-- @args unpwdb.passlimit How many passwords to use at most.
-- @args unpwdb.timelimit How long to go on, as <code>30m</code>; <code>0</code> is for ever. Default: 5, 10 or 15
--       minutes, the longer the slower the timing template.
--
-- @copyright MIT OR Apache-2.0

local io = require "io"
local nmap = require "nmap"
local os = require "os"
local stdnse = require "stdnse"
local string = require "string"
_ENV = stdnse.module("unpwdb", stdnse.seeall)

-- Words that are read from a file.
local WORDS_MAX = 5000000

local function read_words (path)
  local file, message = io.open(path, "r")
  if not file then return nil, message end
  local words = {}
  for line in file:lines() do
    if string.sub(line, 1, 9) ~= "#!comment" then words[#words + 1] = (string.gsub(line, "\r$", "")) end
    if #words >= WORDS_MAX then break end
  end
  file:close()
  return words
end

-- The list an argument names, one of the data folders, or our own.
local function words_of (argument, file)
  local path = stdnse.get_script_args(argument)
  if type(path) ~= "string" then path = "nselib/data/" .. file end
  return read_words(nmap.fetchfile(path) or path)
end

--- Makes an iterator over an array.
-- @param table The array.
-- @return An iterator.
function table_iterator (table)
  local at = 0
  return function (command)
    if command == "reset" then
      at = 0
      return nil
    end
    at = at + 1
    return table[at]
  end
end

--- How long scripts that guess passwords may go on.
-- @return Seconds; nil for no limit.
function timelimit ()
  local argument = stdnse.get_script_args("unpwdb.timelimit")
  if argument then
    local seconds, message = stdnse.parse_timespec(argument)
    if not seconds then error("unpwdb.timelimit: " .. message) end
    return seconds > 0 and seconds or nil
  end
  local level = nmap.timing_level()
  if level <= 2 then return 15 * 60 end
  return level == 3 and 10 * 60 or 5 * 60
end

--- Ends an iterator after some time or some words.
-- @param iterator The iterator.
-- @param time_limit Seconds, or nil.
-- @param count_limit How many words, or nil.
-- @param label What to call it in messages.
-- @return An iterator.
function limited_iterator (iterator, time_limit, count_limit, label)
  local start, count = os.time(), 0
  label = label or "limited_iterator"
  return function (command)
    if command == "reset" then
      count = 0
      return iterator(command)
    end
    count = count + 1
    if count_limit and count_limit > 0 and count > count_limit then
      stdnse.debug1("%s: the limit of %d is reached", label, count_limit)
      return nil
    end
    if time_limit and time_limit > 0 and os.time() - start >= time_limit then
      stdnse.debug1("%s: the time is up", label)
      return nil
    end
    return iterator(command)
  end
end

--- Keeps the words for which a function says so.
-- @param iterator The iterator.
-- @param filter The function.
-- @return An iterator.
function filter_iterator (iterator, filter)
  return function (command)
    if command == "reset" then return iterator(command) end
    while true do
      local word = iterator(command)
      if word == nil or filter(word) then return word end
    end
  end
end

--- Puts one iterator behind another.
-- @param iter1 The first one.
-- @param iter2 The second one.
-- @return An iterator.
function concat_iterators (iter1, iter2)
  local ended = false
  return function (command)
    if command == "reset" then
      ended = false
      iter1(command)
      return iter2(command)
    end
    if not ended then
      local word = iter1(command)
      if word ~= nil then return word end
      ended = true
    end
    return iter2(command)
  end
end

local function limited (words, message, label, argument, time_limit, count_limit)
  if not words then return false, message end
  time_limit = time_limit or timelimit()
  count_limit = count_limit or tonumber((stdnse.get_script_args(argument)))
  return true, limited_iterator(table_iterator(words), time_limit, count_limit, label)
end

--- An iterator over user names.
-- @param time_limit Seconds. Default: see <code>timelimit</code>.
-- @param count_limit How many. Default: that of the argument, or all.
-- @return True and an iterator; or false and a message.
function usernames (time_limit, count_limit)
  local words, message = words_of("userdb", "usernames.lst")
  return limited(words, message, "usernames", "unpwdb.userlimit", time_limit, count_limit)
end

--- An iterator over passwords; the empty one comes first.
-- @param time_limit Seconds. Default: see <code>timelimit</code>.
-- @param count_limit How many. Default: that of the argument, or all.
-- @return True and an iterator; or false and a message.
function passwords (time_limit, count_limit)
  local words, message = words_of("passdb", "passwords.lst")
  return limited(words, message, "passwords", "unpwdb.passlimit", time_limit, count_limit)
end

return _ENV
