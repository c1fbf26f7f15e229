---
-- SMTP (RFC 5321): the dialogue with a mail server, logging in (RFC 4954), switching to TLS (RFC 3207).
--
-- The functions that send a command return true and the whole reply, or false and a text that names the command.
--
-- @usage
-- local socket, greeting = smtp.connect(host, port, { ssl = true, recv_before = true, lines = 1 })
-- if not socket then return nil end
-- local status, response = smtp.ehlo(socket, smtp.get_domain(host))
-- smtp.quit(socket)
--
-- @args smtp.domain The name given with <code>EHLO</code> and used in addresses. Default: <code>client.example.net</code>.
--
-- @copyright MIT OR Apache-2.0

local base64 = require "base64"
local comm = require "comm"
local sasl = require "sasl"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("smtp", stdnse.seeall)

-- A name for documentation (RFC 2606): it is nobody's.
local DEFAULT_DOMAIN = "client.example.net"

-- Longer replies are cut off.
local REPLY_LEN_MAX = 65536

-- The codes that mean success (RFC 5321, 4.3.2; RFC 4954, 6).
local GOOD_CODES = {
  ["CONNECT"] = { 220 },
  ["EHLO"] = { 250 },
  ["HELO"] = { 250 },
  ["STARTTLS"] = { 220 },
  ["MAIL"] = { 250 },
  ["RCPT"] = { 250, 251, 252 },
  ["DATA"] = { 354 },
  ["DATASEND"] = { 250 },
  ["RSET"] = { 250 },
  ["VRFY"] = { 250, 251, 252 },
  ["EXPN"] = { 250, 252 },
  ["HELP"] = { 211, 214 },
  ["NOOP"] = { 250 },
  ["AUTH"] = { 235, 334 },
  ["QUIT"] = { 221 },
  ["ETRN"] = { 250, 251, 252, 253 },
}

--- Tells whether a reply means that a command succeeded.
-- @param cmd The command; what follows its first word is ignored.
-- @param reply The reply.
-- @return True or false.
-- @return The reply, or a text that names the command and the reply.
function check_reply (cmd, reply)
  cmd = string.upper(string.match(cmd or "", "^%S*"))
  if not reply then return false, "SMTP: " .. cmd .. ": no reply" end
  local code = tonumber(string.match(reply, "^(%d%d%d)"))
  for _, good in ipairs(GOOD_CODES[cmd] or {}) do
    if code == good then return true, reply end
  end
  return false, "SMTP: " .. cmd .. " " .. reply
end

--- The name to say with <code>EHLO</code>.
-- @param host The host table.
-- @return The argument <code>smtp.domain</code>, or a name of nobody.
function get_domain (host)
  local domain = stdnse.get_script_args("smtp.domain")
  if type(domain) == "string" and domain ~= "" then return domain end
  return DEFAULT_DOMAIN
end

-- Where a reply ends: behind a line whose code is not followed by a dash (RFC 5321, 4.2.1).
local function reply_end (buffer)
  local pos = 1
  while true do
    local from, to = string.find(buffer, "\r?\n", pos)
    if not from then return nil end
    if not string.find(string.sub(buffer, pos, from - 1), "^%d%d%d%-") then return to end
    pos = to + 1
  end
end

local function receive_reply (socket, early, lines_wanted)
  local buffer = early or ""
  while true do
    if reply_end(buffer) then
      local _, lines = string.gsub(buffer, "\n", "")
      if lines >= (lines_wanted or 1) or buffer == early then return true, buffer end
    end
    if #buffer > REPLY_LEN_MAX then return true, buffer end
    local status, data = socket:receive()
    if not status then
      if buffer ~= "" and reply_end(buffer) then return true, buffer end
      return false, data
    end
    buffer = buffer .. data
  end
end

--- Connects to a server.
-- @param host The host table.
-- @param port The port table.
-- @param opts Options of <code>comm</code>; with <code>ssl</code> set, TLS is tried as well.
-- @return The socket, or nil.
-- @return The greeting if <code>recv_before</code> is set; or an error.
function connect (host, port, opts)
  opts = opts or {}
  local socket, reply, early, _
  if opts.ssl then
    socket, reply, _, early = comm.tryssl(host, port, nil, opts)
  else
    socket, reply, early = comm.opencon(host, port, nil, opts)
  end
  if not socket then return nil, reply end
  if not opts.recv_before then return socket, early or reply end
  local status, greeting = receive_reply(socket, early or reply)
  if not status then
    socket:close()
    return nil, greeting
  end
  return socket, greeting
end

--- Sends a command and reads the reply, whatever it is.
-- @param socket The socket.
-- @param cmd The command.
-- @param data What follows it on the line.
-- @param lines The reply is read until it has this many lines. Default: to its end.
-- @return True, or nil.
-- @return The reply, or an error.
function query (socket, cmd, data, lines)
  local line = data and data ~= "" and cmd .. " " .. data or cmd
  local status, err = socket:send(line .. "\r\n")
  if not status then return nil, "SMTP " .. line .. ": sending failed: " .. tostring(err) end
  local received, reply = receive_reply(socket, nil, lines)
  if not received then return nil, "SMTP " .. line .. ": no reply: " .. tostring(reply) end
  return true, reply
end

local function checked (socket, name, data)
  local status, reply = query(socket, name, data)
  if not status then return false, reply end
  return check_reply(name, reply)
end

--- Introduces the client (<code>EHLO</code>).
-- @param socket The socket.
-- @param domain The client's name.
-- @return True or false.
-- @return The reply, or an error.
function ehlo (socket, domain)
  return checked(socket, "EHLO", domain or get_domain())
end

--- Asks for help (<code>HELP</code>).
-- @param socket The socket.
-- @return True or false.
-- @return The reply, or an error.
function help (socket)
  return checked(socket, "HELP")
end

local function in_brackets (address)
  address = address or ""
  if string.find(address, "^<.*>$") then return address end
  return "<" .. address .. ">"
end

--- Begins a message (<code>MAIL FROM</code>).
-- @param socket The socket.
-- @param address The sender, with or without angle brackets.
-- @param esmtp_opts Parameters such as <code>SIZE=100</code>: an array, or a table of names and values.
-- @return True or false.
-- @return The reply, or an error.
function mail (socket, address, esmtp_opts)
  local words = { "FROM:" .. in_brackets(address) }
  for key, value in pairs(esmtp_opts or {}) do
    if type(key) == "number" then
      words[#words + 1] = tostring(value)
    else
      words[#words + 1] = key .. "=" .. tostring(value)
    end
  end
  return checked(socket, "MAIL", table.concat(words, " "))
end

--- Names a recipient (<code>RCPT TO</code>).
-- @param socket The socket.
-- @param address The address, with or without angle brackets.
-- @return True or false.
-- @return The reply, or an error.
function recipient (socket, address)
  return checked(socket, "RCPT", "TO:" .. in_brackets(address))
end

--- Sends a message (<code>DATA</code>).
-- @param socket The socket.
-- @param data The message.
-- @return True or false.
-- @return The reply, or an error.
function datasend (socket, data)
  local status, reply = checked(socket, "DATA")
  if not status then return false, reply end
  -- A dot at the start of a line is doubled (RFC 5321, 4.5.2).
  data = string.gsub(string.gsub(data or "", "\r?\n", "\r\n"), "^%.", "..")
  data = string.gsub(data, "\n%.", "\n..")
  if not string.find(data, "\r\n$") then data = data .. "\r\n" end
  status, reply = query(socket, data .. ".")
  if not status then return false, reply end
  return check_reply("DATASEND", reply)
end

--- Forgets the message that was begun (<code>RSET</code>).
-- @param socket The socket.
-- @return True or false.
-- @return The reply, or an error.
function reset (socket)
  return checked(socket, "RSET")
end

--- Asks whether a mailbox is there (<code>VRFY</code>).
-- @param socket The socket.
-- @param mailbox The mailbox.
-- @return True or false.
-- @return The reply, or an error.
function verify (socket, mailbox)
  return checked(socket, "VRFY", mailbox)
end

--- Says goodbye and closes the connection.
-- @param socket The socket.
function quit (socket)
  socket:send("QUIT\r\n")
  socket:receive()
  socket:close()
end

--- Switches to TLS.
-- @param socket The socket, after <code>ehlo</code>.
-- @return True or false.
-- @return The reply, or an error.
function starttls (socket)
  local status, reply = checked(socket, "STARTTLS")
  if not status then return false, reply end
  local secured, err = socket:reconnect_ssl()
  if not secured then return false, err end
  return true, reply
end

--- The mechanisms of authentication that a server offers.
-- @param response The reply to <code>EHLO</code>.
-- @return An array of names in capitals, or nil if there are none.
function get_auth_mech (response)
  local list, seen = {}, {}
  for line in string.gmatch(response or "", "[^\r\n]+") do
    -- Some servers write it with an equals sign, as a draft of old had it.
    local names = string.match(string.upper(line), "^%d%d%d[ %-]AUTH[ =](.+)$")
    for name in string.gmatch(names or "", "[^%s=]+") do
      if not seen[name] then
        seen[name] = true
        list[#list + 1] = name
      end
    end
  end
  if #list == 0 then return nil end
  return list
end

-- The text of a reply 334, decoded.
local function challenge_of (reply)
  local encoded = string.match(reply or "", "^334[ %-]?([%w+/=]*)")
  if not encoded then return nil end
  return base64.dec(encoded) or ""
end

--- Logs in.
-- @param socket The socket, after <code>ehlo</code>.
-- @param username The user's name.
-- @param password The password.
-- @param mech The mechanism: <code>LOGIN</code>, <code>PLAIN</code>, <code>CRAM-MD5</code>, <code>DIGEST-MD5</code> or
--             <code>NTLM</code>.
-- @return True if the login is accepted, else false.
-- @return The reply, or an error.
function login (socket, username, password, mech)
  mech = string.upper(mech)
  local helper
  if mech ~= "LOGIN" then
    helper = sasl.Helper:new(mech)
    if not helper:get_mechanism() then return false, "The mechanism is not supported: " .. mech end
  end
  local status, reply = query(socket, "AUTH", mech)
  if not status then return false, reply end

  local answers
  if mech == "LOGIN" then
    answers = { function () return username end, function () return password end }
  elseif mech == "PLAIN" then
    answers = { function () return helper:encode(username, password) end }
  elseif mech == "CRAM-MD5" then
    answers = { function (challenge) return helper:encode(username, password, challenge) end }
  elseif mech == "DIGEST-MD5" then
    answers = {
      function (challenge) return (helper:encode(username, password, challenge, "smtp")) end,
      function () return "" end,
    }
  else
    answers = {
      function () return helper:encode(username, password) end,
      function (challenge) return helper:encode(username, password, challenge) end,
    }
  end
  for _, answer in ipairs(answers) do
    local challenge = challenge_of(reply)
    if not challenge then break end
    status, reply = query(socket, base64.enc(answer(challenge) or ""))
    if not status then return false, reply end
  end
  if string.find(reply, "^235") then return true, reply end
  return false, "SMTP: AUTH " .. reply
end

return _ENV
