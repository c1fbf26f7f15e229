local shortport = require "shortport"
local stdnse = require "stdnse"
local vnc = require "vnc"

description = [[
Shows the name and the size of a VNC server's desktop.

It logs in with what <code>vnc-brute</code> found, or without a password where the server asks for none.
]]

---
-- @args vnc-title.password The password.
--
-- @usage
-- perilune -p 5900 --script vnc-title TARGET
--
-- @output
-- PORT     STATE SERVICE
-- 5900/tcp open  vnc
-- | vnc-title:
-- |   name: moon:0 (root)
-- |   geometry: 1024 x 768
-- |_  color_depth: 24

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "intrusive", "discovery" }
dependencies = { "vnc-brute" }

portrule = shortport.port_or_service({ 5900, 5901, 5902 }, "vnc")

-- Pairs of name and password that may be known.
local function logins (host, port)
  local list = {}
  local password = stdnse.get_script_args(SCRIPT_NAME .. ".password")
  if password then list[1] = { "", password } end
  local ok, creds = pcall(require, "creds")
  if ok and creds then
    for account in creds.Credentials:new(creds.ALL_DATA, host, port):getCredentials() do
      list[#list + 1] = { account.user or "", account.pass or "" }
    end
  end
  list[#list + 1] = {}
  return list
end

local function desktop (host, port, username, password)
  local client = vnc.VNC:new(host, port)
  local status, err = client:connect()
  if status then status, err = client:handshake() end
  if status then
    if password then
      status, err = client:login(username, password)
    else
      status, err = client:login(nil, nil, vnc.VNC.sectypes.NONE)
    end
  end
  local init
  if status then status, init = client:client_init(true) end
  client:disconnect()
  if status then return init end
  stdnse.debug1("not let in: %s", err or init)
end

action = function (host, port)
  local tries = logins(host, port)
  for _, pair in ipairs(tries) do
    local init = desktop(host, port, pair[1], pair[2])
    if init then
      local result = stdnse.output_table()
      result.name = init.name
      result.geometry = ("%d x %d"):format(init.width, init.height)
      result.color_depth = init.depth
      return result
    end
  end
  return nil
end
