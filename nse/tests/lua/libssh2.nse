-- The library `libssh2` by example, against a server whose port it gets; `folder` holds keys.
local libssh2 = require "libssh2"
local stdnse = require "stdnse"
portrule = function() return true end

local function results(...)
  local list = table.pack(...)
  for i = 1, list.n do list[i] = tostring(list[i]) end
  return table.concat(list, " ", 1, list.n)
end

action = function(host, port)
  local folder, user = stdnse.get_script_args("folder", "user")
  local lines = {}
  local function note(...) lines[#lines + 1] = results(...) end
  local function fails(f, ...) lines[#lines + 1] = "! " .. tostring((select(2, pcall(f, ...)))) end
  local function open() return libssh2.session_open(host, port.number) end

  local s = open()
  note(type(s), tostring(s):match("^ssh2: 0x") ~= nil)
  note(#libssh2.hostkey_hash(s), #libssh2.hostkey_hash(s, "md5"))
  fails(libssh2.hostkey_hash, s, "sha256")
  note(select("#", libssh2.userauth_banner(s)), select("#", libssh2.set_timeout(s, 1000)))
  local methods = libssh2.userauth_list(s, user)
  note(table.concat(methods, ","))
  note(libssh2.userauth_banner(s):match("^ssh%-"))
  note(libssh2.userauth_password(s, user, "wrong"))
  local blob = libssh2.read_publickey(folder .. "/ed25519.pub")
  local other = blob:sub(1, -2) .. string.char(blob:byte(-1) ~ 1)
  note(libssh2.publickey_canauth(s, user, blob), libssh2.publickey_canauth(s, user, other))
  fails(libssh2.publickey_canauth, s, user, "x")
  fails(libssh2.read_publickey, "/no/such/file")
  note(libssh2.userauth_publickey(s, user, "/no/such/file", nil, nil))
  note(libssh2.userauth_keyboard_interactive(s, user, function() return {} end))
  note(libssh2.userauth_publickey(s, user, folder .. "/locked", "wrong", nil))
  note(libssh2.userauth_publickey(s, user, folder .. "/locked", "secret", folder .. "/locked.pub"))

  local function run(command, no_pty)
    local c = libssh2.open_channel(s, no_pty)
    libssh2.channel_exec(s, c, command)
    libssh2.channel_send_eof(s, c)
    local out, errors = {}, {}
    while not libssh2.channel_eof(c) do
      out[#out + 1] = libssh2.channel_read(s, c)
      if not libssh2.channel_eof(c) then errors[#errors + 1] = libssh2.channel_read_stderr(s, c) end
    end
    libssh2.channel_close(s, c)
    return (table.concat(out):gsub("\r", "")), table.concat(errors)
  end
  note(run("echo out; echo err >&2", true))
  note((run("test -t 0 && echo terminal", false)), #(run("test -t 0 && echo terminal", true)))
  note(#(run("head -c 100000 /dev/zero", true)))
  local c = libssh2.open_channel(s, true)
  note(type(c), tostring(c):match("^userdata: 0x") ~= nil)
  libssh2.channel_exec(s, c, "cat")
  note(libssh2.channel_write(s, c, "hello"))
  fails(libssh2.channel_write, s, c, 5)
  note(libssh2.channel_read(s, c))
  note(libssh2.channel_eof(c))
  fails(libssh2.channel_request, s, c, "no-such-request")
  libssh2.channel_send_eof(s, c)
  note(libssh2.channel_read(s, c))
  note(libssh2.channel_eof(c), select("#", libssh2.channel_close(s, c)))
  note(select("#", libssh2.session_close(s)), select("#", libssh2.session_close(s)))
  fails(libssh2.userauth_list, s, user)
  fails(libssh2.userauth_list, {}, user)
  fails(libssh2.session_open, host, 1)

  -- Keys as text, and requests by name.
  s = open()
  local text = io.open(folder .. "/rsa"):read("a")
  note(libssh2.userauth_publickey_frommemory(s, user, text, nil, nil))
  c = libssh2.open_channel(s, true)
  libssh2.channel_request_pty_ex(s, c, "vt100", nil, 100, 30, 0, 0)
  libssh2.channel_request(s, c, "exec", "stty size")
  note((libssh2.channel_read(s, c):gsub("%s+$", "")))
  libssh2.session_close(s)
  return table.concat(lines, "\n")
end
