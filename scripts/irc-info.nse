local comm = require "comm"
local irc = require "irc"
local match = require "match"
local rand = require "rand"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Logs in to an IRC server and shows its name, software, load, uptime and modes.

It asks <code>LUSERS</code>, <code>VERSION</code>, <code>STATS</code>, <code>WHO</code> and <code>QUIT</code>.
]]

---
-- @usage
-- perilune -p 6667 --script irc-info TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 6667/tcp open  irc
-- | irc-info:
-- |   server: irc.example.org
-- |   version: ngircd-26.1. irc.example.org
-- |   servers: 1
-- |   ops: 0
-- |   chans: 0
-- |   users: 1
-- |   lservers: 0
-- |   lusers: 1
-- |   uptime: 0 days, 0:00:12
-- |   source host: 127.0.0.1
-- |_  source ident: NONE or BLOCKED

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = irc.portrule

local LINE_LEN_MAX = 1024
local LINES_MAX = 1000

-- What the numeric replies of RFC 2812, 5 tell.
local REPLIES = {
  ["001"] = function (info, rest) info.greeting = rest end,
  ["004"] = function (info, rest)
    info.server, info.version004 = string.match(rest, "^%S+ (%S+) (%S+)")
  end,
  ["351"] = function (info, rest)
    -- What follows a colon are the server's comments.
    info.version = string.match(rest, "^%S+ (.-)%s+:") or string.match(rest, "^%S+ (.*)$")
  end,
  ["251"] = function (info, rest)
    local users, invisible, servers = string.match(rest, "(%d+) users and (%d+) %a+ on (%d+)")
    if not users then
      users, servers = string.match(rest, "(%d+) users.- (%d+) servers?")
    end
    if users then info.users = tostring(tonumber(users) + (tonumber(invisible) or 0)) end
    info.servers = servers
  end,
  ["252"] = function (info, rest) info.ops = string.match(rest, "^%S+ (%d+)") end,
  ["254"] = function (info, rest) info.chans = string.match(rest, "^%S+ (%d+)") end,
  ["255"] = function (info, rest)
    info.lusers, info.lservers = string.match(rest, "(%d+) clients?.- (%d+) servers?")
    if not info.lusers then
      info.lusers, info.lservers = string.match(rest, "(%d+) users?, .-(%d+) servers?")
    end
  end,
  ["242"] = function (info, rest) info.uptime = string.match(rest, "[Uu]p (.*)$") end,
  ["352"] = function (info, rest)
    local ident, source = string.match(rest, "^%S+ %S+ (%S+) (%S+)")
    info["source ident"] = ident and string.sub(ident, 1, 1) == "~" and "NONE or BLOCKED" or ident
    info["source host"] = source
  end,
  ["433"] = function (info) info.nick_taken = true end,
  ["464"] = function (info) info.refused = "a password is wanted" end,
  ["465"] = function (info) info.refused = "banned" end,
}

local SHOWN = { "server", "version", "servers", "ops", "chans", "users", "lservers", "lusers", "uptime",
  "source host", "source ident", "error" }

local function converse (socket, nick)
  local info, asked = {}, false
  for _ = 1, LINES_MAX do
    local status, line = socket:receive_buf(match.pattern_limit("\r?\n", LINE_LEN_MAX), false)
    if not status then break end
    local token = string.match(line, "^PING (.*)$")
    local code, rest = string.match(line, "^:%S+ (%d%d%d) (.*)$")
    if token then
      socket:send("PONG " .. token .. "\r\n")
    elseif string.find(line, "^ERROR") then
      local text = string.match(line, "^ERROR :?(.*)$")
      if not asked then info.error = text end
      break
    elseif code and REPLIES[code] then
      REPLIES[code](info, rest)
      if info.nick_taken or info.refused then break end
    end
    -- The message of the day, or the word that there is none, ends what a server says first.
    if (code == "376" or code == "422") and not asked then
      asked = true
      socket:send(("LUSERS\r\nVERSION\r\nSTATS u\r\nWHO %s\r\nQUIT\r\n"):format(nick))
    end
  end
  return info
end

action = function (host, port)
  local nick = rand.random_alpha(9)
  local login = ("NICK %s\r\nUSER %s 8 * :%s\r\n"):format(nick, nick, nick)
  local socket, first = comm.tryssl(host, port, login, { timeout = 10000, recv_before = false, lines = 0 })
  if not socket then
    stdnse.debug1("could not connect: %s", first)
    return nil
  end
  -- What came with the connection is put in front of what follows.
  local early = first or ""
  local reader = {
    send = function (_, data) return socket:send(data) end,
    receive_buf = function (_, delimiter, keep)
      local from, to = delimiter(early)
      while not from do
        local status, data = socket:receive()
        if not status then return status, data end
        early = early .. data
        from, to = delimiter(early)
      end
      local line = string.sub(early, 1, keep and to or from - 1)
      early = string.sub(early, to + 1)
      return true, line
    end,
  }
  local info = converse(reader, nick)
  socket:close()
  info.version = info.version or info.version004
  info.error = info.error or info.refused
  local result = stdnse.output_table()
  for _, name in ipairs(SHOWN) do result[name] = info[name] end
  if #result == 0 then return nil end
  return result
end
