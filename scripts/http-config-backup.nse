local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Looks for copies of configuration files of content management systems and frameworks: a server sends what it does not run,
and inside are names and passwords of databases.
]]

---
-- @args http-config-backup.path The folder of the program. Default: <code>/</code>.
--
-- @usage
-- perilune -p 80 --script http-config-backup TARGET
--
-- @output
-- 80/tcp open  http
-- | http-config-backup:
-- |_  /wp-config.php.bak: Wordpress, has credentials

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "auth", "intrusive" }

portrule = shortport.http

-- The program, its configuration file, and what is inside of every one.
local FILES = {
  { "Wordpress", "wp-config.php", "DB_PASSWORD" },
  { "Joomla!", "configuration.php", "class JConfig" },
  { "Drupal", "sites/default/settings.php", "databases" },
  { "phpMyAdmin", "config.inc.php", "Servers" },
  { "MediaWiki", "LocalSettings.php", "wgDBpassword" },
  { "Moodle", "config.php", "CFG%->dbpass" },
  { "phpBB", "config.php", "dbpasswd" },
  { "Magento", "app/etc/env.php", "password" },
  { "PrestaShop", "config/settings.inc.php", "_DB_PASSWD_" },
  { "Laravel", ".env", "APP_KEY" },
  { "Django", "settings.py", "SECRET_KEY" },
  { "Rails", "config/database.yml", "adapter:" },
}

-- Names of copies as editors and people make them.
local function copies_of (path)
  local folder, name = string.match(path, "^(.-)([^/]*)$")
  local base = string.match(name, "^(.+)%.[^.]*$") or name
  return { folder .. name .. "~", folder .. name .. ".bak", folder .. name .. ".old", folder .. name .. ".orig",
    folder .. name .. ".save", folder .. name .. ".swp", folder .. "." .. name .. ".swp", folder .. name .. ".txt",
    folder .. "%23" .. name .. "%23", folder .. "Copy%20of%20" .. name, folder .. base .. ".bak", folder .. base .. ".old" }
end

action = function (host, port)
  local root = stdnse.get_script_args(SCRIPT_NAME .. ".path") or "/"
  if string.sub(root, -1) ~= "/" then root = root .. "/" end
  local ok, status_404 = http.identify_404(host, port)
  if not ok then
    stdnse.debug1("absent pages can't be told from others: %s", tostring(status_404))
    return nil
  end
  local asked, requests = {}, nil
  for _, file in ipairs(FILES) do
    for _, copy in ipairs(copies_of(file[2])) do
      asked[#asked + 1] = { root .. copy, file }
      requests = http.pipeline_add(root .. copy, nil, requests, "GET")
    end
  end
  local lines, seen = {}, {}
  for i, response in ipairs(http.pipeline_go(host, port, requests) or {}) do
    local path, file = table.unpack(asked[i])
    local found = response.status == 200 and response.body and string.find(response.body, file[3])
    if found and not seen[path] then
      seen[path] = true
      lines[#lines + 1] = ("  %s: %s, has credentials"):format(path, file[1])
    end
  end
  if #lines == 0 then return nil end
  return "\n" .. table.concat(lines, "\n")
end
