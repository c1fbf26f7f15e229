nmap.registry.args = {}
local brute = require "brute"
local creds = require "creds"
local unpwdb = require "unpwdb"

local function list (...) return unpwdb.table_iterator({ ... }) end
local function all (iterator)
  local found = {}
  for user, password in iterator do found[#found + 1] = user .. ":" .. password end
  return table.concat(found, " ")
end

local I = brute.Iterators
check("pairs", '"a:x a:y b:x b:y" "a:x b:x a:y b:y" "a:A B:B" "a:a B:b" "a:X"',
  all(I.user_pw_iterator(list("a", "b"), list("x", "y"))), all(I.pw_user_iterator(list("a", "b"), list("x", "y"))),
  all(I.pw_same_as_user_iterator(list("a", "B"), "upper")), all(I.pw_same_as_user_iterator(list("a", "B"), "lower")),
  all(I.pw_ucase_iterator(list("a"), list("x"))))
check("arrays", '"a:x"', all(I.account_iterator({ "a" }, { "x" }, "pass")))

local err = brute.Error:new("no")
check("error", '"no" false false false false nil', err:getMessage(), err:isRetry(), err:isAbort(), err:isDone(),
  err:isReduce(), err:isInvalidAccount())
err:setRetry(true)
err:setAbort(true)
err:setInvalidAccount("u")
check("error set", 'true true "u"', err:isRetry(), err:isAbort(), err:isInvalidAccount())
check("modes", "true false", brute.Options:new():setMode("pass"), (brute.Options:new():setMode("x")))

-- A service with two accounts, one of which fails at first.
local guesses, flaky = {}, 1
local Driver = {}
Driver.__index = Driver
function Driver:new (h, p, options) return setmetatable({ options = options }, self) end
function Driver:connect () return true end
function Driver:disconnect () return true end
function Driver:login (user, password)
  guesses[#guesses + 1] = user .. ":" .. password
  if user == "locked" then
    local e = brute.Error:new("locked")
    e:setInvalidAccount(user)
    return false, e
  end
  if flaky > 0 then
    flaky = flaky - 1
    local e = brute.Error:new("try later")
    e:setRetry(true)
    return false, e
  end
  if password == "secret" .. user then return true, creds.Account:new(user, password, creds.State.VALID) end
  return false, brute.Error:new("wrong")
end

local function engine ()
  local e = brute.Engine:new(Driver, host, port, {})
  e:setMaxThreads(3)
  e:setUsernameIterator(list("a", "locked", "b"))
  e:setPasswordIterator(list("x", "secreta", "secretb", "y"))
  e.options.script_name = "test"
  return e
end
local status, result = engine():start()
check("found", 'true 2 "a:secreta - Valid credentials" "b:secretb - Valid credentials"', status, #result.Accounts,
  tostring(result.Accounts[1]), tostring(result.Accounts[2]))
check("statistics", '"Performed ' .. #guesses .. ' guesses in 0 seconds, average tps: ' .. #guesses .. '.0"',
  result.Statistics)
local tried = table.concat(guesses, " ")
check("the name is tried first", "true", tried:find("a:a", 1, true) ~= nil)
-- Guesses under way when an account is known may still be made.
check("no more guesses for known and locked accounts", "true", select(2, tried:gsub("locked:", "")) <= 3
  and not tried:find("a:y", 1, true))
local c = creds.Credentials:new("test", host, port)
check("kept", "2", #c:getTable())

local first = engine()
first.options:setOption("firstonly", true)
first.options:setTitle("Users")
status, result = first:start()
check("first only", "true 1", status, #result.Users)

-- Pairs of a script's own come instead of all others, each once.
guesses = {}
local own = engine()
own.iterator = brute.Iterators.pw_user_iterator(list("", ""), list("x", "x", "y"))
own:setMaxThreads(1)
own.options:setTitle("Places")
status, result = own:start()
check("own pairs", 'true ":x :y" "No valid accounts found"', status, table.concat(guesses, " "), result.Accounts)

local none = engine()
none:setPasswordIterator(list("x"))
none.options:setTitle("Accounts")
status, result = none:start()
check("nothing found", 'true "No valid accounts found"', status, result.Accounts)

local only = engine()
only.options:setOption("passonly", true)
function Driver:login (user, password)
  if user == "" and password == "y" then return true, creds.Account:new(user, password, creds.State.VALID) end
  return false, brute.Error:new("wrong")
end
status, result = only:start()
check("passwords only", '"y - Valid credentials" 4', tostring(result.Accounts[1]),
  tonumber(result.Statistics:match("%d+")))

function Driver:login ()
  local e = brute.Error:new("go away")
  e:setAbort(true)
  return false, e
end
status, result = engine():start()
check("aborted", 'true "go away"', status, result.ERROR)

function Driver:connect () return false, "refused" end
status, result = engine():start()
check("a dead service", "true 0 true", status, tonumber(result.Statistics:match("%d+")), #guesses < 1000)

local socket = brute.new_socket()
check("sockets", "true true", socket:set_timeout(100), (socket:connect(host, port)) == nil)
