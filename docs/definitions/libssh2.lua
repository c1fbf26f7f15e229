---@meta libssh2

---@class libssh2.Session: userdata
---@class libssh2.Channel: userdata

---Connections to SSH servers.
---@class libssh2lib
libssh2 = {}

---Connects, and agrees on keys.
---@param host Host|string
---@param port integer
---@return libssh2.Session|false session
---@return string? message
function libssh2.session_open(host, port) end

---@param session libssh2.Session
function libssh2.session_close(session) end

---@param session libssh2.Session
---@param milliseconds integer
function libssh2.set_timeout(session, milliseconds) end

---The key's hash in hexadecimal digits.
---@param session libssh2.Session
---@param algorithm? "sha1"|"md5"
---@return string|false hash
---@return string? message
function libssh2.hostkey_hash(session, algorithm) end

---Ways to authenticate; `none_auth` when none is needed.
---@param session libssh2.Session
---@param user string
---@return string[]|"none_auth"|false methods
---@return string? message
function libssh2.userauth_list(session, user) end

---@param session libssh2.Session
---@return string? banner
function libssh2.userauth_banner(session) end

---@param session libssh2.Session
---@param user string
---@param password string
---@return boolean accepted
function libssh2.userauth_password(session, user, password) end

---Key files of one's own.
---@param session libssh2.Session
---@param user string
---@param private_file string
---@param passphrase? string
---@param public_file? string
---@return boolean accepted
function libssh2.userauth_publickey(session, user, private_file, passphrase, public_file) end

---@param session libssh2.Session
---@param user string
---@param private_key string
---@param passphrase? string
---@param public_key? string
---@return boolean accepted
function libssh2.userauth_publickey_frommemory(session, user, private_key, passphrase, public_key) end

---@param session libssh2.Session
---@param user string
---@param answer fun(user: string, name: string, instruction: string, prompts: string[]): string[]
---@return boolean accepted
function libssh2.userauth_keyboard_interactive(session, user, answer) end

---The key in a file, decoded.
---@param path string
---@return string key
function libssh2.read_publickey(path) end

---Whether a key would be accepted.
---@param session libssh2.Session
---@param user string
---@param key string
---@return boolean accepted
function libssh2.publickey_canauth(session, user, key) end

---@param session libssh2.Session
---@param no_terminal? boolean
---@return libssh2.Channel channel
function libssh2.open_channel(session, no_terminal) end

---@param session libssh2.Session
---@param channel libssh2.Channel
---@param command string
function libssh2.channel_exec(session, channel, command) end

---@param session libssh2.Session
---@param channel libssh2.Channel
function libssh2.channel_shell(session, channel) end

---@param session libssh2.Session
---@param channel libssh2.Channel
---@param kind? string
---@param payload? string
function libssh2.channel_request(session, channel, kind, payload) end

---@param session libssh2.Session
---@param channel libssh2.Channel
---@param terminal string
---@param modes string?
---@param width integer
---@param height integer
---@param width_pixels integer
---@param height_pixels integer
function libssh2.channel_request_pty_ex(session, channel, terminal, modes, width, height, width_pixels, height_pixels) end

---@param session libssh2.Session
---@param channel libssh2.Channel
---@return string? data
function libssh2.channel_read(session, channel) end

---@param session libssh2.Session
---@param channel libssh2.Channel
---@return string? data
function libssh2.channel_read_stderr(session, channel) end

---@param session libssh2.Session
---@param channel libssh2.Channel
---@param data string
---@return integer count
function libssh2.channel_write(session, channel, data) end

---@param session libssh2.Session
---@param channel libssh2.Channel
function libssh2.channel_send_eof(session, channel) end

---@param channel libssh2.Channel
---@return boolean ended
function libssh2.channel_eof(channel) end

---@param session libssh2.Session
---@param channel libssh2.Channel
function libssh2.channel_close(session, channel) end

return libssh2
