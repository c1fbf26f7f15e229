local shortport = require "shortport"
local smtp = require "smtp"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows the name of a mail server and what it offers: the reply to <code>EHLO</code>, and the one to <code>HELP</code>
where there is one.
]]

---
-- @args smtp.domain The name given with <code>EHLO</code>.
--
-- @usage
-- perilune -p 25,465,587 --script smtp-commands TARGET
--
-- @output
-- PORT   STATE SERVICE
-- 25/tcp open  smtp
-- |_smtp-commands: mail.example.org, PIPELINING, SIZE 10240000, STARTTLS, 8BITMIME

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.port_or_service({ 25, 465, 587 }, { "smtp", "smtps", "submission" })

-- The texts of the lines of a reply.
local function texts (reply)
  local list = {}
  for text in string.gmatch(reply, "%d%d%d[ %-]?([^\r\n]*)") do
    text = string.match(text, "^%s*(.-)%s*$")
    if text ~= "" then list[#list + 1] = text end
  end
  return list
end

action = function (host, port)
  local socket, greeting = smtp.connect(host, port, { ssl = true, recv_before = true, lines = 1 })
  if not socket then
    stdnse.debug1("could not connect: %s", greeting)
    return nil
  end
  local status, reply = smtp.ehlo(socket, smtp.get_domain(host))
  if not status then
    stdnse.debug1("EHLO failed: %s", reply)
    smtp.quit(socket)
    return nil
  end
  local words = texts(reply)
  local result = { table.concat(words, ", ") }
  status, reply = smtp.help(socket)
  if status then result[2] = table.concat(texts(reply), " ") end
  smtp.quit(socket)
  return table.concat(result, "\n")
end
