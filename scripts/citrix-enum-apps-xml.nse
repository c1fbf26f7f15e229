local citrixxml = require "citrixxml"
local nmap = require "nmap"
local shortport = require "shortport"
local stdnse = require "stdnse"
local table = require "table"

description = [[
Lists the applications of a Citrix farm, as its XML service names them to anybody, with who may use them; with verbosity
their settings, too.
]]

---
-- @usage
-- perilune -p 80,443,8080 --script citrix-enum-apps-xml TARGET
--
-- @output
-- 8080/tcp open  http-proxy
-- | citrix-enum-apps-xml:
-- |   Application: Notepad; Users: ANONYMOUS
-- |_  Application: Registry editor; Users: EXAMPLE\anna; Groups: EXAMPLE\Staff

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.portnumber({ 8080, 80, 443 }, "tcp")

local SETTINGS = {
  { "appisdisabled", "Disabled" }, { "appisdesktop", "Desktop" }, { "AppOnDesktop", "On Desktop" },
  { "Encryption", "Encryption" }, { "EncryptionEnforced", "Encryption enforced" },
  { "AppInStartmenu", "In start menu" }, { "PublisherName", "Publisher" }, { "SSLEnabled", "SSL" },
  { "RemoteAccessEnabled", "Remote Access" },
}

local function accounts (app)
  local lines = {}
  for _, kind in ipairs({ "User", "Group" }) do
    local list = app.AccessList[kind]
    if list then lines[#lines + 1] = kind .. "s: " .. table.concat(list, ", ") end
  end
  return lines
end

-- With verbosity an indented block, without it a line.
local function describe (app)
  if nmap.verbosity() == 0 then
    return "Application: " .. table.concat({ app.FName, table.unpack(accounts(app)) }, "; ")
  end
  local lines = { name = "Application: " .. app.FName }
  for _, setting in ipairs(SETTINGS) do
    local value = app.Settings[setting[1]]
    if value then lines[#lines + 1] = setting[2] .. ": " .. value end
  end
  local who = accounts(app)
  table.move(who, 1, #who, #lines + 1, lines)
  if #lines == 0 then return lines.name end
  return lines
end

action = function (host, port)
  local answer = citrixxml.request_appdata(host, port,
    { ServerType = "all", ClientType = "ica30", DesiredDetails = { "all", "access-list" } })
  if not answer then return nil end
  local apps = citrixxml.parse_appdata_response(answer)
  if #apps == 0 then return nil end
  local lines = {}
  for i, app in ipairs(apps) do lines[i] = describe(app) end
  return stdnse.format_output(true, lines)
end
