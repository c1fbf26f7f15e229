local http = require "http"
local io = require "io"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Looks for other web sites of a server by asking for its first page under many names: usual ones of the target's domain.

Names that are answered in the same way are counted; those that stand out are listed.
]]

---
-- @args http-vhosts.domain The domain. Default: that of the target's name; without one, bare names are tried.
-- @args http-vhosts.path The path to ask for. Default: <code>/</code>.
-- @args http-vhosts.filelist A file of names, one a line. Default: a list of our own.
-- @args http-vhosts.collapse How many names with the same status are listed one by one. Default: 20.
--
-- @usage
-- perilune -p 80 --script http-vhosts --script-args http-vhosts.domain=example.com TARGET
--
-- @output
-- 80/tcp open  http
-- | http-vhosts:
-- | www.example.com : 301 -> https://www.example.com/
-- | admin.example.com : 200
-- |_98 names had status 404

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive" }

portrule = shortport.http

local NAMES = { "", "www", "www1", "www2", "web", "admin", "administrator", "api", "app", "apps", "auth", "backup",
  "beta", "blog", "cdn", "chat", "ci", "client", "cloud", "cms", "confluence", "console", "corp", "cpanel", "crm",
  "customer", "dashboard", "data", "db", "demo", "dev", "developer", "dns", "docs", "download", "edge", "erp",
  "exchange", "extranet", "files", "forum", "ftp", "gateway", "git", "gitlab", "grafana", "help", "helpdesk", "home",
  "host", "hr", "images", "img", "info", "internal", "intranet", "jenkins", "jira", "kibana", "lab", "ldap", "legacy",
  "local", "login", "m", "mail", "manage", "media", "mobile", "monitor", "mx", "mysql", "new", "news", "ns", "ns1",
  "office", "old", "owa", "panel", "partner", "phpmyadmin", "portal", "pre", "preprod", "private", "prod", "proxy",
  "qa", "registry", "remote", "search", "secure", "server", "shop", "signin", "site", "smtp", "sql", "ssh", "sso",
  "stage", "staging", "static", "stats", "status", "store", "support", "svn", "test", "testing", "ticket", "tools",
  "uat", "upload", "vpn", "web1", "webmail", "wiki", "wordpress", "work", "xml" }
local MAX_NAMES = 100000

local function file_names (path)
  local names = {}
  for line in io.lines(path) do
    local name = string.match(line, "^%s*([%w._-]+)")
    if name then names[#names + 1] = name end
    if #names >= MAX_NAMES then break end
  end
  return names
end

-- The domain: what is left of the target's name without its first label, if that is a domain.
local function domain_of (host)
  local name = host.targetname or host.name
  if not name or name == "" then return nil end
  return string.match(name, "^[^.]+%.(.+%..+)$") or name
end

local function full_name (name, domain)
  if not domain then return name ~= "" and name or nil end
  return name == "" and domain or name .. "." .. domain
end

-- What tells one answer from another.
local function answer_of (response)
  local location = response.header.location
  return tostring(response.status) .. (location and " -> " .. location or "")
end

action = function (host, port)
  local domain, path, list, collapse = stdnse.get_script_args(SCRIPT_NAME .. ".domain", SCRIPT_NAME .. ".path",
    SCRIPT_NAME .. ".filelist", SCRIPT_NAME .. ".collapse")
  domain, path, collapse = domain or domain_of(host), path or "/", tonumber(collapse) or 20
  local names = NAMES
  if list then
    local ok, result = pcall(file_names, list)
    if not ok then return stdnse.format_output(false, result) end
    names = result
  end

  local requests, asked = nil, {}
  for _, name in ipairs(names) do
    local full = full_name(name, domain)
    if full then
      asked[#asked + 1] = full
      requests = http.pipeline_add(path, { header = { Host = full }, bypass_cache = true, no_cache = true }, requests,
        "HEAD")
    end
  end
  local responses = http.pipeline_go(host, port, requests) or {}
  local groups, order = {}, {}
  for i, name in ipairs(asked) do
    local response = responses[i]
    if response and response.status then
      local answer = answer_of(response)
      -- The name inside the answer does not make it another one.
      local key = string.gsub(answer, string.gsub(name, "%p", "%%%0"), "<name>")
      if not groups[key] then
        groups[key] = { status = response.status }
        order[#order + 1] = groups[key]
      end
      table.insert(groups[key], name .. " : " .. answer)
    end
  end
  if #order == 0 then return nil end
  local lines, counts = {}, {}
  for _, group in ipairs(order) do
    if #group > collapse then
      counts[#counts + 1] = ("%d names had status %d"):format(#group, group.status)
    else
      table.move(group, 1, #group, #lines + 1, lines)
    end
  end
  table.move(counts, 1, #counts, #lines + 1, lines)
  return "\n" .. table.concat(lines, "\n")
end
