local shortport = require "shortport"
local smtp = require "smtp"
local stdnse = require "stdnse"
local string = require "string"
local unpwdb = require "unpwdb"

description = [[
Finds out which mailboxes a mail server has, by <code>RCPT</code>, <code>VRFY</code> or <code>EXPN</code>.

A method that the server does not know, or which says yes to a name that nobody has, is given up.
]]

---
-- @args smtp-enum-users.methods The methods in the order to try them. Default: <code>RCPT,VRFY,EXPN</code>.
-- @args smtp-enum-users.domain The domain of the addresses. Default: as for <code>smtp.domain</code>.
--
-- @usage
-- perilune -p 25 --script smtp-enum-users --script-args smtp-enum-users.methods={VRFY} TARGET
--
-- @output
-- PORT   STATE SERVICE
-- 25/tcp open  smtp
-- | smtp-enum-users:
-- |   root
-- |_  postmaster

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "auth", "external", "intrusive" }

portrule = shortport.port_or_service({ 25, 465, 587 }, { "smtp", "smtps", "submission" })

local KNOWN = { RCPT = true, VRFY = true, EXPN = true }

local function methods ()
  local argument = stdnse.get_script_args(SCRIPT_NAME .. ".methods")
  if argument == nil then return { "RCPT", "VRFY", "EXPN" } end
  if type(argument) == "string" then
    local list = {}
    for word in string.gmatch(argument, "[^,%s]+") do list[#list + 1] = word end
    argument = list
  end
  local chosen = {}
  for _, word in ipairs(type(argument) == "table" and argument or {}) do
    word = string.upper(word)
    if not KNOWN[word] then return nil, "unknown method: " .. word end
    chosen[#chosen + 1] = word
  end
  return chosen
end

-- Asks for one name. Result: true if it is there, false if not, nil and a reason if the method is of no use.
local function ask (socket, method, username, domain)
  local status, reply
  if method == "RCPT" then
    status, reply = smtp.query(socket, "RCPT", ("TO:<%s@%s>"):format(username, domain))
  else
    status, reply = smtp.query(socket, method, username)
  end
  if not status then return nil, reply end
  local code = string.match(reply, "^(%d%d%d)")
  if code == "250" or code == "251" then return true end
  if code == "550" or code == "551" or code == "553" or code == "554" then
    if string.find(string.lower(reply), "relay", 1, true) then return nil, method .. ": relaying is denied" end
    return false
  end
  if code == "530" then return nil, "authentication is required" end
  return nil, ("%s was answered with %s"):format(method, string.match(reply, "^[^\r\n]*"))
end

local function try_method (socket, method, domain, found)
  if method == "RCPT" then
    local status, reply = smtp.mail(socket, "usertest@" .. domain)
    if not status then return nil, reply end
  end
  local there, why = ask(socket, method, "nobody" .. math.random(100000, 999999), domain)
  if there == nil then return nil, why end
  if there then return nil, method .. " accepts any name" end
  local status, next_name = unpwdb.usernames()
  if not status then return nil, "no list of names" end
  for username in next_name do
    there, why = ask(socket, method, username, domain)
    if there == nil then return nil, why end
    if there then found[#found + 1] = username end
  end
  return true
end

action = function (host, port)
  local chosen, err = methods()
  if not chosen then return stdnse.format_output(false, err) end
  local domain = stdnse.get_script_args(SCRIPT_NAME .. ".domain") or smtp.get_domain(host)
  local found, reasons = {}, {}
  for _, method in ipairs(chosen) do
    local socket, greeting = smtp.connect(host, port, { ssl = true, recv_before = true, lines = 1 })
    if not socket then return nil end
    local status, why = smtp.ehlo(socket, domain)
    if status then status, why = try_method(socket, method, domain, found) end
    smtp.quit(socket)
    if status then
      reasons = {}
      break
    end
    reasons[#reasons + 1] = why
    if #found > 0 then break end
  end
  if #found == 0 then
    for _, why in ipairs(reasons) do found[#found + 1] = "Couldn't find any accounts: " .. string.gsub(why, "[\r\n]+$", "") end
  end
  if #found == 0 then return nil end
  return stdnse.format_output(true, found)
end
