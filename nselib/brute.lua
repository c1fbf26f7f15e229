---
-- Guesses passwords with several connections at once.
--
-- A script brings a driver, a class with these methods: <code>new(self, host, port, options)</code>, which makes an
-- object for one connection, <code>connect(self)</code>, <code>login(self, username, password)</code> and
-- <code>disconnect(self)</code>. The first and the last return true, or false and a message. <code>login</code> returns
-- true and a <code>creds.Account</code>, or false and a <code>brute.Error</code>. An optional <code>check(self)</code>
-- is called once before all.
--
-- @usage
-- local engine = brute.Engine:new(Driver, host, port)
-- engine.options.script_name = SCRIPT_NAME
-- local status, result = engine:start()
-- return result
--
-- @args brute.firstonly Given as a word, the engine stops after the first account.
-- @args brute.passonly Given as a word, only passwords are tried, without a user name.
-- @args brute.emptypass Given as a word, an empty password is tried for each user.
-- @args brute.useraspass False not to try the name as the password.
-- @args brute.unique False to go on with a user whose password is known.
-- @args brute.mode <code>user</code> (all passwords of one user first), <code>pass</code> (all users with one password
--                  first) or <code>creds</code> (pairs of <code>brute.credfile</code>).
-- @args brute.credfile File of pairs <code>user/password</code>, one a line.
-- @args brute.retries How often to try again when a connection fails. Default 2.
-- @args brute.delay How long to wait between two guesses of a connection. Default: not at all.
-- @args brute.threads How many connections at most. Default 20.
-- @args brute.start How many connections to begin with. Default 5.
-- @args brute.guesses How many guesses for each account. Default: no limit.
-- @args brute.killstagnated False to go on after 100 errors in a row.
--
-- @copyright MIT OR Apache-2.0

local creds = require "creds"
local io = require "io"
local math = require "math"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local unpwdb = require "unpwdb"
_ENV = stdnse.module("brute", stdnse.seeall)

-- Connections at the beginning and at most.
local THREADS_START, THREADS_MAX = 5, 20
-- Failures in a row after which the service is taken to have had enough.
local FAILURES_MAX = 100
-- Guesses without a failure after which one more connection is tried.
local GUESSES_PER_THREAD = 20
-- Pairs of a script's own that are kept in mind so that none is tried twice.
local REPEATS_MAX = 100000

-- Options ---------------------------------------------------------------------------------------------------------

local function is_false (value) return value == false or value == "false" or value == "0" or value == 0 end

--- Reads an argument that says yes or no.
-- @param arg Name of the argument.
-- @param default What holds without it.
-- @return True or false.
function checkBoolArg (arg, default)
  local value = stdnse.get_script_args(arg)
  if value == nil then return default end
  return not is_false(value)
end

--- The options of an engine: <code>firstonly</code>, <code>passonly</code>, <code>emptypass</code>,
-- <code>useraspass</code>, <code>max_retries</code>, <code>max_guesses</code>, <code>delay</code> (seconds),
-- <code>killstagnated</code>, <code>mode</code>, <code>title</code>, <code>nostore</code> and <code>script_name</code>.
-- @class table
-- @name Options
Options = {}
Options.__index = Options

function Options:new ()
  local seconds = stdnse.parse_timespec(stdnse.get_script_args("brute.delay") or 0) or 0
  return setmetatable({
    emptypass = checkBoolArg("brute.emptypass", false),
    useraspass = checkBoolArg("brute.useraspass", true),
    firstonly = checkBoolArg("brute.firstonly", false),
    passonly = checkBoolArg("brute.passonly", false),
    unique = checkBoolArg("brute.unique", true),
    killstagnated = checkBoolArg("brute.killstagnated", true),
    max_retries = tonumber((stdnse.get_script_args("brute.retries"))) or 2,
    max_guesses = tonumber((stdnse.get_script_args("brute.guesses"))) or 0,
    delay = seconds,
    mode = stdnse.get_script_args("brute.mode"),
  }, self)
end

--- Sets how pairs are made.
-- @name Options.setMode
-- @param mode <code>user</code>, <code>pass</code>, <code>creds</code> or <code>password</code> (no user names).
-- @return True; or false and a message.
function Options:setMode (mode)
  if mode ~= "user" and mode ~= "pass" and mode ~= "creds" and mode ~= "password" then
    stdnse.debug1("brute: unknown mode %s", tostring(mode))
    return false, "unknown mode"
  end
  self.mode = mode
  return true
end

--- Sets any option.
-- @name Options.setOption
-- @param param Its name.
-- @param value Its value.
function Options:setOption (param, value) self[param] = value end

--- Sets the heading of the accounts in the output.
-- @name Options.setTitle
-- @param title The heading. Default: <code>Accounts</code>.
function Options:setTitle (title) self.title = title end

-- Errors ------------------------------------------------------------------------------------------------------------

--- Why a guess failed. Without more said, the account is not valid.
-- @class table
-- @name Error
Error = {}
Error.__index = Error

--- Makes an error.
-- @name Error.new
-- @param msg The message.
-- @return The error.
function Error:new (msg) return setmetatable({ msg = msg, done = false }, self) end

--- Tells whether the guess shall be made again.
-- @name Error.isRetry
-- @return True or false.
function Error:isRetry () return self.retry == true end

--- Says whether the guess shall be made again, with a new connection.
-- @name Error.setRetry
-- @param r True or false.
function Error:setRetry (r) self.retry = r end

--- Tells whether all guessing shall end.
-- @name Error.isAbort
-- @return True or false.
function Error:isAbort () return self.abort == true end

--- Says whether all guessing shall end.
-- @name Error.setAbort
-- @param b True or false.
function Error:setAbort (b) self.abort = b end

--- Tells whether this connection has done its work.
-- @name Error.isDone
-- @return True or false.
function Error:isDone () return self.done end

--- Says whether this connection has done its work.
-- @name Error.setDone
-- @param b True or false.
function Error:setDone (b) self.done = b end

--- Tells whether fewer connections shall be used.
-- @name Error.isReduce
-- @return True or false.
function Error:isReduce () return self.reduce == true end

--- Says that the service wants fewer connections.
-- @name Error.setReduce
-- @param r True or false.
function Error:setReduce (r) self.reduce = r end

--- The user whose account does not exist or is locked.
-- @name Error.isInvalidAccount
-- @return The name, or nil.
function Error:isInvalidAccount () return self.invalid_account end

--- Says that further guesses for a user are useless.
-- @name Error.setInvalidAccount
-- @param username The name.
function Error:setInvalidAccount (username) self.invalid_account = username end

--- The message.
-- @name Error.getMessage
-- @return A string.
function Error:getMessage () return self.msg end

-- Iterators ---------------------------------------------------------------------------------------------------------

--- Ways to pair names with passwords. Each returns a function that gives the next pair.
-- @class table
-- @name Iterators
Iterators = {}

-- All of the inner words for each of the outer ones.
local function pairs_of (outer, inner, swap)
  local current = outer()
  inner("reset")
  return function (command)
    if command == "reset" then
      outer("reset")
      inner("reset")
      current = outer()
      return nil
    end
    while current ~= nil do
      local word = inner()
      if word ~= nil then
        if swap then return word, current end
        return current, word
      end
      inner("reset")
      current = outer()
    end
  end
end

--- All passwords of the first user, then those of the second one, and so on.
-- @name Iterators.user_pw_iterator
-- @param users An iterator of user names.
-- @param pass An iterator of passwords.
-- @return An iterator of pairs.
function Iterators.user_pw_iterator (users, pass) return pairs_of(users, pass, false) end

--- All users with the first password, then with the second one, and so on.
-- @name Iterators.pw_user_iterator
-- @param users An iterator of user names.
-- @param pass An iterator of passwords.
-- @return An iterator of pairs.
function Iterators.pw_user_iterator (users, pass) return pairs_of(pass, users, true) end

--- One of the two above.
-- @name Iterators.account_iterator
-- @param users An iterator of user names, or an array.
-- @param pass An iterator of passwords, or an array.
-- @param mode <code>user</code> or <code>pass</code>.
-- @return An iterator of pairs.
function Iterators.account_iterator (users, pass, mode)
  if type(users) == "table" then users = unpwdb.table_iterator(users) end
  if type(pass) == "table" then pass = unpwdb.table_iterator(pass) end
  if mode == "pass" then return Iterators.pw_user_iterator(users, pass) end
  return Iterators.user_pw_iterator(users, pass)
end

local function cased (word, case)
  if case == "upper" then return string.upper(word) end
  if case == "lower" then return string.lower(word) end
  return word
end

--- Every name with itself as the password.
-- @name Iterators.pw_same_as_user_iterator
-- @param users An iterator of user names.
-- @param case <code>upper</code> or <code>lower</code> to change the password's letters.
-- @return An iterator of pairs.
function Iterators.pw_same_as_user_iterator (users, case)
  return function (command)
    local user = users(command)
    if user ~= nil then return user, cased(user, case) end
  end
end

--- Pairs in which the password is in capitals.
-- @name Iterators.pw_ucase_iterator
-- @param users An iterator of user names.
-- @param passwords An iterator of passwords.
-- @param mode <code>user</code> or <code>pass</code>.
-- @return An iterator of pairs.
function Iterators.pw_ucase_iterator (users, passwords, mode)
  local pairs_iterator = Iterators.account_iterator(users, passwords, mode)
  return function (command)
    local user, password = pairs_iterator(command)
    if user ~= nil then return user, string.upper(password) end
  end
end

--- Pairs from a file of lines <code>user/password</code>.
-- @name Iterators.credential_iterator
-- @param f An open file.
-- @return An iterator of pairs.
function Iterators.credential_iterator (f)
  return function (command)
    if command == "reset" then
      f:seek("set")
      return nil
    end
    for line in f:lines() do
      if string.sub(line, 1, 9) ~= "#!comment" then
        local user, password = string.match(string.gsub(line, "\r$", ""), "^([^/]*)/?(.*)$")
        return user, password
      end
    end
  end
end

--- Pairs of the built-in or given lists.
-- @name Iterators.unpwdb_iterator
-- @param mode <code>user</code> or <code>pass</code>.
-- @return An iterator of pairs.
function Iterators.unpwdb_iterator (mode)
  return Iterators.account_iterator(usernames_iterator(), passwords_iterator(), mode)
end

--- The user names to try.
-- @return An iterator.
function usernames_iterator ()
  local status, iterator = unpwdb.usernames()
  if not status then error("brute: no user names: " .. tostring(iterator)) end
  return iterator
end

--- The passwords to try.
-- @return An iterator.
function passwords_iterator ()
  local status, iterator = unpwdb.passwords()
  if not status then error("brute: no passwords: " .. tostring(iterator)) end
  return iterator
end

-- Sockets -----------------------------------------------------------------------------------------------------------

-- Coroutines of workers, and what the engine knows of each.
local worker_data = setmetatable({}, { __mode = "k" })

--- A socket that tells the engine of its failures.
-- @class table
-- @name BruteSocket
BruteSocket = {}

local function wrapped_method (name)
  return function (self, ...)
    local results = table.pack(self.socket[name](self.socket, ...))
    self:checkStatus(results[1], results[2])
    return table.unpack(results, 1, results.n)
  end
end

function BruteSocket.__index (self, key)
  local own = BruteSocket[key]
  if own ~= nil then return own end
  local method = rawget(self, "socket")[key]
  if type(method) ~= "function" then return method end
  local wrapped = wrapped_method(key)
  rawset(self, key, wrapped)
  return wrapped
end

--- Makes a socket.
-- @name BruteSocket.new
-- @param proto As for <code>nmap.new_socket</code>.
-- @return An object with a socket's methods.
function BruteSocket:new (proto) return setmetatable({ socket = nmap.new_socket(proto) }, self) end

--- The socket inside.
-- @name BruteSocket.getSocket
-- @return The socket.
function BruteSocket:getSocket () return self.socket end

--- Takes note of what an operation returned.
-- @name BruteSocket.checkStatus
-- @param status What came first.
-- @param err What came second.
function BruteSocket:checkStatus (status, err)
  local data = worker_data[coroutine.running()]
  if data and not status and type(err) == "string" then data.socket_error = err end
end

--- Makes a socket for a driver.
-- @param proto As for <code>nmap.new_socket</code>.
-- @return A <code>BruteSocket</code>.
function new_socket (proto) return BruteSocket:new(proto) end

-- Engine ------------------------------------------------------------------------------------------------------------

--- Guesses.
-- @class table
-- @name Engine
Engine = {}
Engine.__index = Engine

--- Makes an engine.
-- @name Engine.new
-- @param driver The driver's class.
-- @param host The host table.
-- @param port The port table.
-- @param options Passed to the driver's objects.
-- @return The engine; its options are in field <code>options</code>.
function Engine:new (driver, host, port, options)
  return setmetatable({
    driver = driver,
    host = host,
    port = port,
    driver_options = options,
    options = Options:new(),
    max_threads = tonumber((stdnse.get_script_args("brute.threads"))) or THREADS_MAX,
    start_threads = tonumber((stdnse.get_script_args("brute.start"))) or THREADS_START,
    found = {},
    found_users = {},
    invalid_users = {},
    guesses_of = {},
    retries = {},
    counter = 0,
    failures = 0,
    smooth = 0,
    workers = {},
  }, self)
end

--- Limits the number of connections.
-- @name Engine.setMaxThreads
-- @param max How many at most.
function Engine:setMaxThreads (max) self.max_threads = max end

--- Sets where user names come from.
-- @name Engine.setUsernameIterator
-- @param usernameIterator An iterator.
function Engine:setUsernameIterator (usernameIterator) self.usernames = usernameIterator end

--- Sets where passwords come from.
-- @name Engine.setPasswordIterator
-- @param passwordIterator An iterator.
function Engine:setPasswordIterator (passwordIterator) self.passwords = passwordIterator end

--- How many workers are at it.
-- @name Engine.activeThreads
-- @return A number.
function Engine:activeThreads ()
  local count = 0
  for thread in pairs(self.workers) do
    if coroutine.status(thread) ~= "dead" then count = count + 1 end
  end
  return count
end

--- The same.
-- @name Engine.threadCount
-- @return A number.
function Engine:threadCount () return self:activeThreads() end

local function chain (iterators)
  local at = 1
  return function ()
    while iterators[at] do
      local user, password = iterators[at]()
      if user ~= nil then return user, password end
      at = at + 1
    end
  end
end

local function passwords_only (passwords)
  return function ()
    local password = passwords()
    if password ~= nil then return "", password end
  end
end

-- A script's own pairs, each once.
local function without_repeats (iterator)
  local seen, count = {}, 0
  return function ()
    local user, password = iterator()
    while user ~= nil do
      local pair = string.pack("s4s4", tostring(user), tostring(password))
      if not seen[pair] then
        if count < REPEATS_MAX then seen[pair], count = true, count + 1 end
        return user, password
      end
      user, password = iterator()
    end
  end
end

-- The pairs to try, likely ones first.
local function make_iterator (self)
  local options, mode = self.options, self.options.mode
  local credfile = stdnse.get_script_args("brute.credfile")
  if mode == "creds" or credfile then
    local path = credfile and (nmap.fetchfile(credfile) or credfile)
    local file, message
    if path then file, message = io.open(path, "r") end
    if not file then return nil, "brute.credfile: " .. tostring(message or "no file is given") end
    return Iterators.credential_iterator(file)
  end
  -- A script that brings its own pairs wants these and no others, whatever the mode.
  if self.iterator then return options.unique and without_repeats(self.iterator) or self.iterator end
  local function users () return self.usernames or usernames_iterator() end
  local passwords = self.passwords or passwords_iterator()
  if options.passonly or mode == "password" then return passwords_only(passwords) end
  local iterators = {}
  -- Each way goes over the names anew; given iterators are started over.
  local function fresh ()
    local iterator = users()
    iterator("reset")
    return iterator
  end
  local function once (make)
    local iterator
    return function ()
      iterator = iterator or make()
      return iterator()
    end
  end
  if options.useraspass then iterators[1] = once(function () return Iterators.pw_same_as_user_iterator(fresh()) end) end
  if options.emptypass then
    iterators[#iterators + 1] = once(function ()
      return Iterators.account_iterator(fresh(), unpwdb.table_iterator({ "" }), "user")
    end)
  end
  iterators[#iterators + 1] = once(function () return Iterators.account_iterator(fresh(), passwords, mode or "pass") end)
  return chain(iterators)
end

--- The next pair that is worth a guess.
-- @name Engine.get_next_credential
-- @return User name and password, or nil.
function Engine:get_next_credential ()
  local again = table.remove(self.retries)
  if again then return again.user, again.password, again.count end
  if self.terminate then return nil end
  while true do
    local user, password = self.iterator()
    if user == nil then
      self.exhausted = true
      return nil
    end
    local guesses = self.guesses_of[user] or 0
    local skip = self.invalid_users[user] or (self.options.unique and user ~= "" and self.found_users[user])
      or (self.options.max_guesses > 0 and guesses >= self.options.max_guesses)
      -- The name as the password was tried at first.
      or (self.tried[user] and self.tried[user][password])
    if not skip then
      self.guesses_of[user] = guesses + 1
      if password == user or password == "" then
        self.tried[user] = self.tried[user] or {}
        self.tried[user][password] = true
      end
      return user, password, 0
    end
  end
end

local function note_found (self, user, password, account)
  local data = type(account) == "table" and account or creds.Account:new(user, password, creds.State.VALID)
  -- Where there are no users, none is shown.
  if data.username == "" then data.username = nil end
  self.found_users[user] = true
  table.insert(self.found, data)
  stdnse.debug1("brute: found %s", tostring(data))
  if not self.options.nostore then
    local state = creds.State.VALID
    for number, text in pairs(creds.StateMsg) do
      if text == data.state then state = number end
    end
    local c = creds.Credentials:new(self.options.script_name or stdnse.getid() or "brute", self.host, self.port)
    c:add(data.username, data.password, state)
  end
  if self.options.firstonly then self.terminate = true end
end

local function stop (self, message)
  self.terminate = true
  self.message = self.message or message
end

-- Puts a guess back, or gives it up after too many failures.
local function try_later (self, user, password, count, message)
  self.failures = self.failures + 1
  self.smooth = 0
  if self.options.killstagnated and self.failures >= FAILURES_MAX then
    return stop(self, "The service seems to have failed or is heavily firewalled...")
  end
  if count < self.options.max_retries then
    table.insert(self.retries, 1, { user = user, password = password, count = count + 1 })
  else
    stdnse.debug2("brute: gave %s up: %s", user, tostring(message))
  end
end

local function note_failure (self, user, password, count, err)
  if type(err) ~= "table" then err = Error:new(tostring(err)) end
  if err:isAbort() then return stop(self, err:getMessage()) end
  if err:isReduce() then self.threads = math.max(1, self.threads - 1) end
  if err:isRetry() or err:isReduce() then return try_later(self, user, password, count, err:getMessage()) end
  self.failures = 0
  local invalid = err:isInvalidAccount()
  if invalid then self.invalid_users[type(invalid) == "string" and invalid or user] = true end
end

--- Makes one guess on a connection of its own.
-- @name Engine.doAuthenticate
-- @return True if it could be made, false if there is none left.
function Engine:doAuthenticate ()
  local user, password, count = self:get_next_credential()
  if user == nil then return false end
  local driver = self.driver:new(self.host, self.port, self.driver_options)
  local status, message = driver:connect()
  if not status then
    self.threads = math.max(1, self.threads - 1)
    try_later(self, user, password, count, message)
    return true
  end
  self.counter = self.counter + 1
  local response
  status, response = driver:login(user, password)
  driver:disconnect()
  if status then
    self.failures = 0
    note_found(self, user, password, response)
  else
    note_failure(self, user, password, count, response)
  end
  self.smooth = self.smooth + 1
  if self.smooth % GUESSES_PER_THREAD == 0 then self.threads = math.min(self.max_threads, self.threads + 1) end
  return true
end

--- What a worker does.
-- @name Engine.login
-- @param cvar A condition variable, signalled at the end.
function Engine:login (cvar)
  local condvar = nmap.condvar(cvar)
  local thread = coroutine.running()
  worker_data[thread] = {}
  local ok, err = pcall(function ()
    while not self.terminate and (self.workers[thread] or 0) <= self.threads do
      if not self:doAuthenticate() then break end
      if self.options.delay > 0 then stdnse.sleep(self.options.delay) end
    end
  end)
  if not ok then stop(self, type(err) == "table" and tostring(err.message) or tostring(err)) end
  condvar("signal")
end

--- Starts one worker.
-- @name Engine.addWorker
-- @param cvar The condition variable.
function Engine:addWorker (cvar) self:addWorkerN(cvar, 1) end

--- Starts workers.
-- @name Engine.addWorkerN
-- @param cvar The condition variable.
-- @param n How many.
function Engine:addWorkerN (cvar, n)
  for _ = 1, n do
    local thread = stdnse.new_thread(self.login, self, cvar)
    self.workers[thread] = self:activeThreads()
  end
end

-- Runs workers until nothing is left to guess.
local function run_workers (self)
  local cvar = {}
  local condvar = nmap.condvar(cvar)
  while true do
    for thread in pairs(self.workers) do
      if coroutine.status(thread) == "dead" then self.workers[thread] = nil end
    end
    local active = self:activeThreads()
    local has_work = not self.terminate and (not self.exhausted or #self.retries > 0)
    if active == 0 and not has_work then return end
    if has_work and active < self.threads then
      self:addWorkerN(cvar, self.threads - active)
    end
    condvar("wait")
  end
end

local function result_of (self, seconds)
  local out = stdnse.output_table()
  if #self.found > 0 then
    local shown = {}
    for i, account in ipairs(self.found) do shown[i] = account end
    table.sort(shown, function (a, b) return tostring(a) < tostring(b) end)
    out[self.options.title or "Accounts"] = shown
  else
    -- What was not found is called accounts whatever the heading.
    out.Accounts = "No valid accounts found"
  end
  out.Statistics = string.format("Performed %d guesses in %d seconds, average tps: %.1f",
    self.counter, math.floor(seconds), self.counter / math.max(seconds, 1))
  if self.message then out.ERROR = self.message end
  return out
end

--- Guesses until all is tried, the time is up or the driver says it is enough.
-- @name Engine.start
-- @return True and the output; or false and a message.
function Engine:start ()
  local begin = nmap.clock()
  local probe = self.driver:new(self.host, self.port, self.driver_options)
  if type(probe.check) == "function" then
    local status, message = probe:check()
    if not status then return false, message end
  end
  local message
  self.iterator, message = make_iterator(self)
  if not self.iterator then return false, message end
  self.tried = {}
  self.threads = math.max(1, math.min(self.start_threads, self.max_threads))
  run_workers(self)
  return true, result_of(self, nmap.clock() - begin)
end

return _ENV
