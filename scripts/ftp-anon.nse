local ftp = require "ftp"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Tells whether an FTP server lets anybody in as <code>anonymous</code>, and lists the first folder it shows.

Entries that anybody may write are marked. By default up to twenty lines are shown.
]]

---
-- @args ftp-anon.maxlist How many lines of the listing to show: 0 for none, a negative number for all. Default: 20.
--
-- @usage
-- perilune -p 21 --script ftp-anon --script-args ftp-anon.maxlist=-1 TARGET
--
-- @output
-- PORT   STATE SERVICE
-- 21/tcp open  ftp
-- | ftp-anon: Anonymous FTP login allowed (FTP code 230)
-- | drwxr-xr-x    2 0        0            4096 Nov 27 10:00 pub
-- |_drwxrwxrwx    2 14       50           4096 Nov 27 10:00 incoming [NSE: writeable]

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "auth", "safe" }

portrule = ftp.portrule

local LISTING_LEN_MAX = 1048576

local DEFAULT_LINES = 20

local function read_listing (socket, buffer)
  local data, err = ftp.pasv(socket, buffer)
  if not data then return nil, err end
  local status, failure = socket:send("LIST\r\n")
  if not status then return nil, failure end
  local code, message = ftp.read_reply(buffer)
  if not code or code >= 300 then
    data:close()
    return nil, message
  end
  local parts, len = {}, 0
  while len < LISTING_LEN_MAX do
    local received, bytes = data:receive()
    if not received then break end
    parts[#parts + 1] = bytes
    len = len + #bytes
  end
  data:close()
  return table.concat(parts)
end

-- The last of the three groups of permissions is everybody's.
local function is_writable (line)
  return string.find(line, "^[dl%-][r%-][w%-][^%s][r%-][w%-][^%s][r%-]w") ~= nil
end

local function limit ()
  local argument = stdnse.get_script_args(SCRIPT_NAME .. ".maxlist")
  return tonumber(argument) or DEFAULT_LINES
end

action = function (host, port)
  local socket, code, message, buffer = ftp.connect(host, port)
  if not socket then
    stdnse.debug1("could not connect: %s", code)
    return nil
  end
  if code ~= 220 then
    stdnse.debug1("greeted with %d %s", code, message)
    ftp.close(socket)
    return nil
  end

  local status
  status, code, message = ftp.auth(socket, buffer, "anonymous", "guest@example.org")
  if not status and code == 421 or code == 530 and string.find(message, "TLS", 1, true) then
    -- Servers that want TLS before anything else say so.
    if code == 530 and ftp.starttls(socket, buffer) and socket:reconnect_ssl() then
      buffer = stdnse.make_buffer(socket, "\r?\n")
      status, code, message = ftp.auth(socket, buffer, "anonymous", "guest@example.org")
    end
  end
  if not status then
    stdnse.debug1("not let in: %s %s", code, message)
    ftp.close(socket)
    return nil
  end

  local lines = { ("Anonymous FTP login allowed (FTP code %d)"):format(code) }
  local shown_max = limit()
  if shown_max ~= 0 then
    local listing, err = read_listing(socket, buffer)
    if not listing then
      lines[#lines + 1] = "Can't get directory listing: " .. tostring(err)
    else
      local count = 0
      for line in string.gmatch(listing, "[^\r\n]+") do
        count = count + 1
        if shown_max < 0 or count <= shown_max then
          lines[#lines + 1] = is_writable(line) and line .. " [NSE: writeable]" or line
        end
      end
      if shown_max > 0 and count > shown_max then
        lines[#lines + 1] = ("Only %d shown. Use --script-args %s.maxlist=-1 to see all."):format(shown_max, SCRIPT_NAME)
      end
    end
  end
  ftp.close(socket)
  return table.concat(lines, "\n")
end
