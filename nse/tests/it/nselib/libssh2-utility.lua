local utility = require "libssh2-utility"

-- The compiled module is replaced: what is tested is which of its functions are called with what.
local calls = {}
local replies = {
  session_open = function () return "session" end,
  userauth_list = function () return { "publickey", "password", "keyboard-interactive" } end,
  userauth_password = function (_, _, password) return password == "right" end,
  userauth_keyboard_interactive = function (_, user, ask) return ask(user, "", "", { "Password:" })[1] == "asked" end,
  publickey_canauth = function () return true end,
  userauth_banner = function () end,
  open_channel = function () return "channel" end,
  channel_eof = function () return #calls > 12 end,
  channel_read = function () return "out" end,
}
for name in pairs(libssh2) do
  libssh2[name] = function (...)
    calls[#calls + 1] = name
    if replies[name] then return replies[name](...) end
  end
end

local port = { number = 22, protocol = "tcp" }
local connection = utility.SSHConnection:new()
check("not connected", 'false nil false false', (connection:list("u")), connection:banner(), connection:password_auth("u", "p"),
  connection:publickey_canauth("u", "k"))
check("connect", 'true "session"', connection:connect(host, port), connection.session)
check("list", '{1="publickey",2="password",3="keyboard-interactive"}', connection:list("u"))
check("passwords", "true false", connection:password_auth("u", "right"), connection:password_auth("u", "wrong"))
check("log on either way", "true true false", connection:login("u", "right"), connection:login("u", "asked"), connection:login("u", "x"))
check("keys", "true false", connection:publickey_canauth("u", "key"), connection:publickey_canauth("u", nil))
check("run", '""', connection:run_remote("true"))
calls = {}
check("output", 'true', connection:run_remote("id"):find("^outout") ~= nil)
connection:disconnect()
check("disconnected", "nil", connection.session)
replies.session_open = function () error("ERROR", 0) end
check("failed", 'false "ERROR"', (connection:connect_pcall(host, port)), connection.session)
replies.userauth_list = function () return "none_auth" end
connection.session = "session"
check("let in as it is", "true", connection:login("u", "p"))
