local shortport = require "shortport"
local smtp = require "smtp"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Tells whether a mail server takes messages from strangers for strangers.

It begins messages with several forms of sender and recipient, and takes each back before any text is sent: no mail is
delivered. A server may still refuse what it accepted so far, so that a finding is a hint.
]]

---
-- @args smtp-open-relay.domain The domain of the strangers' addresses. Default: as for <code>smtp.domain</code>.
-- @args smtp-open-relay.from The sender's name. Default: <code>antispam</code>.
-- @args smtp-open-relay.to The recipient's name. Default: <code>relaytest</code>.
-- @args smtp-open-relay.ip The address used for the server. Default: the target's.
--
-- @usage
-- perilune -p 25 --script smtp-open-relay TARGET
--
-- @output
-- PORT   STATE SERVICE
-- 25/tcp open  smtp
-- | smtp-open-relay: Server is an open relay (1/16 tests)
-- |_ MAIL FROM:<antispam@client.example.net> -> RCPT TO:<relaytest@client.example.net>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive", "external" }

portrule = shortport.port_or_service({ 25, 465, 587 }, { "smtp", "smtps", "submission" })

-- Pairs of sender and recipient. The forms of recipient are those of RFC 5321 and of its forerunners: routed by "%", "!"
-- or ":", quoted, by address.
local function pairs_to_try (from, to, domain, ip, server)
  local stranger = from .. "@" .. domain
  local target = to .. "@" .. domain
  local at_ip, at_server = "[" .. ip .. "]", server
  return {
    { stranger, target },
    { "", target },
    { from, target },
    { from .. "@" .. at_ip, target },
    { from .. "@" .. at_server, target },
    { from .. "@" .. at_ip, to .. "%" .. domain .. "@" .. at_ip },
    { from .. "@" .. at_ip, to .. "%" .. domain .. "@" .. at_server },
    { from .. "@" .. at_ip, '"' .. target .. '"' },
    { from .. "@" .. at_ip, '"' .. to .. "%" .. domain .. '"' },
    { from .. "@" .. at_ip, target .. "@" .. at_ip },
    { from .. "@" .. at_ip, '"' .. target .. '"@' .. at_ip },
    { from .. "@" .. at_ip, target .. "@" .. at_server },
    { from .. "@" .. at_ip, "@" .. at_ip .. ":" .. target },
    { from .. "@" .. at_ip, "@" .. at_server .. ":" .. target },
    { from .. "@" .. at_ip, domain .. "!" .. to },
    { from .. "@" .. at_ip, domain .. "!" .. to .. "@" .. at_server },
  }
end

action = function (host, port)
  local socket, greeting = smtp.connect(host, port, { ssl = true, recv_before = true, lines = 1 })
  if not socket then
    stdnse.debug1("could not connect: %s", greeting)
    return nil
  end
  local domain, from, to, ip = stdnse.get_script_args(SCRIPT_NAME .. ".domain", SCRIPT_NAME .. ".from",
    SCRIPT_NAME .. ".to", SCRIPT_NAME .. ".ip")
  domain = domain or smtp.get_domain(host)
  local status, reply = smtp.ehlo(socket, domain)
  if not status then
    smtp.quit(socket)
    return nil
  end
  local server = string.match(reply, "^250[ %-]([%w%.%-]+)") or stdnse.get_hostname(host)

  local tries = pairs_to_try(from or "antispam", to or "relaytest", domain, ip or host.ip, server)
  local found = {}
  for _, one in ipairs(tries) do
    status, reply = smtp.reset(socket)
    if not status then
      smtp.quit(socket)
      return ("Couldn't go on after %d relaying tests (%s)"):format(#found, (string.gsub(reply, "[\r\n]+", " ")))
    end
    status, reply = smtp.mail(socket, one[1])
    if string.find(reply, "530 ", 1, true) or string.find(reply, "STARTTLS", 1, true) then
      smtp.quit(socket)
      return "Server doesn't seem to be an open relay, authentication is required"
    end
    if status then
      status, reply = smtp.recipient(socket, one[2])
      if status then
        found[#found + 1] = (" MAIL FROM:<%s> -> RCPT TO:<%s>"):format(one[1], one[2])
      end
    end
  end
  smtp.quit(socket)
  if #found == 0 then return "Server doesn't seem to be an open relay, all tests failed" end
  table.insert(found, 1, ("Server is an open relay (%d/%d tests)"):format(#found, #tries))
  return table.concat(found, "\n")
end
