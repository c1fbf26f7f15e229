local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Looks for paths of a web server that are known to be of interest: places where people log in, status pages, consoles of
databases and frameworks, files of version control and backups, descriptions of interfaces.

The list is our own. A path that needs an identity (401) or is forbidden (403, with argument <code>displayall</code>)
exists, too.
]]

---
-- @args http-enum.basepath What stands before each path. Default: none.
-- @args http-enum.displayall Show paths with any status that is not that of absent pages.
-- @args http-enum.category The one category of paths to look for: admin, files, status, api or general.
--
-- @usage
-- perilune -p 80 --script http-enum TARGET
--
-- @output
-- 80/tcp open  http
-- | http-enum:
-- |   /admin/: Possible admin folder (401 Unauthorized)
-- |   /robots.txt: Robots file
-- |_  /.git/HEAD: Git folder

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "intrusive", "vuln" }

portrule = shortport.http

-- Category, description, then the paths; a pattern says what a real one contains.
local PATHS = {
  { "admin", "Possible admin folder", "/admin/", "/administrator/", "/admin.php", "/login.php", "/login/", "/manage/",
    "/management/", "/cpanel/", "/controlpanel/", "/webadmin/", "/backend/" },
  { "admin", "Wordpress login page.", "/wp-login.php", "/blog/wp-login.php", "/wordpress/wp-login.php",
    pattern = "wp%-" },
  { "admin", "Drupal login page", "/user/login", pattern = "[dD]rupal" },
  { "admin", "Joomla! administration", "/administrator/index.php", pattern = "[jJ]oomla" },
  { "admin", "phpMyAdmin", "/phpmyadmin/", "/phpMyAdmin/", "/pma/", pattern = "phpMyAdmin" },
  { "admin", "Adminer", "/adminer.php", "/adminer/", pattern = "[aA]dminer" },
  { "admin", "Apache Tomcat manager", "/manager/html", "/host-manager/html", "/manager/status" },
  { "admin", "JBoss or WildFly console", "/jmx-console/", "/web-console/", "/console/App.html" },
  { "admin", "WebLogic console", "/console/login/LoginForm.jsp" },
  { "admin", "Jenkins", "/jenkins/", pattern = "[jJ]enkins" },
  { "admin", "Webmail", "/webmail/", "/roundcube/", "/squirrelmail/", "/owa/", "/mail/" },
  { "status", "Apache status page", "/server-status", pattern = "Apache" },
  { "status", "Apache configuration page", "/server-info", pattern = "Apache" },
  { "status", "nginx status page", "/nginx_status", "/stub_status", pattern = "Active connections" },
  { "status", "PHP-FPM status page", "/fpm-status", "/status", pattern = "pool:" },
  { "status", "HAProxy statistics", "/haproxy?stats", "/stats", pattern = "HAProxy" },
  { "status", "Possible information file", "/phpinfo.php", "/info.php", "/test.php", "/php_info.php" },
  { "status", "Metrics for Prometheus", "/metrics", pattern = "# TYPE " },
  { "status", "Spring Boot actuator", "/actuator", "/actuator/env", "/actuator/heapdump", "/env" },
  { "status", "Debugging page of Go programs", "/debug/pprof/", "/debug/vars" },
  { "api", "Description of an interface", "/swagger.json", "/swagger/v1/swagger.json", "/v2/api-docs", "/v3/api-docs",
    "/openapi.json", "/swagger-ui.html", "/swagger/", "/api-docs" },
  { "api", "GraphQL", "/graphql", "/graphiql" },
  { "api", "Web services", "/axis2/services/listServices", "/services/", "/xmlrpc.php" },
  { "api", "Apache Solr", "/solr/", pattern = "[sS]olr" },
  { "api", "Elasticsearch", "/_cat/indices", "/_cluster/health" },
  { "api", "CouchDB", "/_all_dbs", "/_utils/" },
  { "api", "Docker registry", "/v2/_catalog", pattern = "repositories" },
  { "files", "Git folder", "/.git/HEAD", pattern = "^ref: " },
  { "files", "Subversion folder", "/.svn/entries", "/.svn/wc.db" },
  { "files", "Mercurial folder", "/.hg/requires", "/.hg/store/00manifest.i" },
  { "files", "Bazaar folder", "/.bzr/README" },
  { "files", "CVS folder", "/CVS/Entries" },
  { "files", "Environment file", "/.env", pattern = "[%u_]+%s*=" },
  { "files", "Folder of a Mac", "/.DS_Store" },
  { "files", "Configuration file", "/.htaccess", "/.htpasswd", "/web.config", "/config.php.bak", "/wp-config.php.bak",
    "/config.json", "/config.yml" },
  { "files", "Key or shell history", "/.ssh/id_rsa", "/id_rsa", "/.bash_history", "/server.key" },
  { "files", "Possible backup", "/backup/", "/backups/", "/backup.zip", "/backup.tar.gz", "/backup.sql", "/dump.sql",
    "/db.sql", "/old/", "/www.zip" },
  { "files", "Log file", "/error.log", "/access.log", "/debug.log", "/logs/" },
  { "general", "Robots file", "/robots.txt" },
  { "general", "Site map", "/sitemap.xml" },
  { "general", "Security contacts", "/.well-known/security.txt", "/security.txt", pattern = "[cC]ontact:" },
  { "general", "Adobe Flash crossdomain policy", "/crossdomain.xml", pattern = "cross%-domain" },
  { "general", "Microsoft Silverlight crossdomain policy", "/clientaccesspolicy.xml" },
  { "general", "OpenID configuration", "/.well-known/openid-configuration" },
  { "general", "Change log or readme", "/CHANGELOG.txt", "/readme.html", "/README.md", "/INSTALL.txt" },
  { "general", "Potentially interesting folder", "/cgi-bin/", "/icons/", "/images/", "/img/", "/css/", "/js/", "/lib/",
    "/include/", "/includes/", "/data/", "/upload/", "/uploads/", "/files/", "/download/", "/downloads/", "/docs/",
    "/doc/", "/manual/", "/test/", "/tmp/", "/temp/", "/private/", "/secret/", "/internal/", "/api/", "/stats/" },
}

local function wanted_paths (category)
  local list = {}
  for _, entry in ipairs(PATHS) do
    if not category or entry[1] == category then
      for i = 3, #entry do list[#list + 1] = { path = entry[i], what = entry[2], pattern = entry.pattern } end
    end
  end
  return list
end

local function describe (one, response)
  local text = one.what
  local title = string.match(string.sub(response.body or "", 1, 2048), "<[tT][iI][tT][lL][eE]>%s*([^<]*)")
  if response.status == 200 and title and string.find(string.lower(title), "^index of") then
    text = text .. " w/ directory listing"
  end
  if response.status ~= 200 then text = text .. " (" .. http.get_status_string(response) .. ")" end
  return text
end

action = function (host, port)
  local base, all, category = stdnse.get_script_args(SCRIPT_NAME .. ".basepath", SCRIPT_NAME .. ".displayall",
    SCRIPT_NAME .. ".category")
  base = string.gsub(base or "", "/$", "")
  local ok, status_404, page_404 = http.identify_404(host, port)
  if not ok then
    stdnse.debug1("absent pages can't be told from others: %s", tostring(status_404))
    return nil
  end
  local list, requests = wanted_paths(category), nil
  for _, one in ipairs(list) do requests = http.pipeline_add(base .. one.path, nil, requests, "GET") end
  local responses = http.pipeline_go(host, port, requests) or {}

  local result, lines = stdnse.output_table(), {}
  for i, one in ipairs(list) do
    local response = responses[i]
    if response and http.page_exists(response, status_404, page_404, one.path, all)
      and (all or response.status == 200 or response.status == 401) then
      local right = response.status ~= 200 or not one.pattern or string.find(response.body or "", one.pattern)
      if right then
        local text = describe(one, response)
        result[base .. one.path] = text
        lines[#lines + 1] = ("  %s%s: %s"):format(base, one.path, text)
      end
    end
  end
  if #lines == 0 then return nil end
  return result, "\n" .. table.concat(lines, "\n")
end
