---
-- A spider: fetches a web site page by page, following its links.
--
-- Each call of <code>crawl</code> gives the next page. Links come from the attributes <code>href</code>,
-- <code>src</code> and <code>action</code> and from refreshing pages. A page is fetched once; what comes next is decided
-- by rules: functions that get a URL object. One rule of the whitelist must accept a URL, if there are any, and none of
-- the blacklist. Without options, the spider stays within the host and port it began with, goes three folders deep,
-- fetches 20 pages and leaves out pictures, archives, films and the like.
--
-- @usage
-- local crawler = httpspider.Crawler:new(host, port, nil, { scriptname = SCRIPT_NAME })
-- crawler:set_timeout(10000)
-- while true do
--   local status, r = crawler:crawl()
--   if not status then
--     if r.err then return stdnse.format_output(false, r.reason) end
--     break
--   end
--   print(tostring(r.url), r.response.status)
-- end
--
-- @args httpspider.maxdepth How many folders below the first one are visited; negative for no limit. Default: 3.
-- @args httpspider.maxpagecount How many pages are fetched; negative for no limit. Default: 20.
-- @args httpspider.url Where to begin. Default: <code>/</code>.
-- @args httpspider.withinhost False to leave the host, too. Default: true.
-- @args httpspider.withindomain True to visit all hosts of the domain. Default: false.
-- @args httpspider.noblacklist Fetch pictures and the like, too.
-- @args httpspider.useheadfornonwebfiles Ask only for the header of what is no page.
-- @args httpspider.doscraping False to fetch the first page only.
--
-- @copyright MIT OR Apache-2.0

local http = require "http"
local nmap = require "nmap"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local url = require "url"
_ENV = stdnse.module("httpspider", stdnse.seeall)

-- A page with more links, or a site with more URLs waiting, has its remaining ones left out.
local MAX_LINKS, MAX_QUEUE = 2000, 20000
local MAX_URL_LEN = 4096

-- Options ---------------------------------------------------------------------------------------------------------

--- What a crawler may do.
-- @class table
-- @name Options
Options = {}
Options.__index = Options

local FALSE_WORDS = { ["0"] = true, ["false"] = true, no = true }

local function as_boolean (value)
  if type(value) == "string" then return not FALSE_WORDS[string.lower(value)] end
  return value ~= 0 and value ~= nil and value ~= false
end

--- Makes options; those that are absent get their default.
-- @name Options.new
-- @class function
-- @param options A table of options.
-- @return The options.
function Options:new (options)
  local o = {}
  for key, value in pairs(options) do o[key] = value end
  o.whitelist, o.blacklist = o.whitelist or {}, o.blacklist or {}
  return setmetatable(o, self)
end

--- Adds a rule that says what may be visited.
-- @name Options.addWhitelist
-- @class function
-- @param func A function that gets a URL object.
function Options:addWhitelist (func) table.insert(self.whitelist, func) end

--- Adds a rule that says what may not be visited.
-- @name Options.addBlacklist
-- @class function
-- @param func A function that gets a URL object.
function Options:addBlacklist (func) table.insert(self.blacklist, func) end

-- URLs ------------------------------------------------------------------------------------------------------------

--- An absolute URL of HTTP or HTTPS.
-- @class table
-- @name URL
URL = {}
URL.__index = URL

--- Takes a URL apart.
-- @name URL.new
-- @class function
-- @param u The URL.
-- @return The object, or nil if it is none of HTTP.
function URL:new (u)
  local o = setmetatable({ raw = u }, self)
  if not o:parse() then return nil end
  return o
end

local function domain_of (host)
  if string.find(host, "^[%d.]+$") or string.find(host, ":", 1, true) then return host end
  return string.match(host, "^[^.]+%.(.+%..+)$") or host
end

--- Fills in the parts.
-- @name URL.parse
-- @class function
-- @return True if it is a URL of HTTP.
function URL:parse ()
  local text = string.gsub(self.raw, "#.*$", "")
  local proto, authority, rest = string.match(text, "^(%a+)://([^/?]+)(.*)$")
  proto = proto and string.lower(proto)
  if proto ~= "http" and proto ~= "https" then return false end
  authority = string.match(authority, "@(.*)$") or authority
  local host, port = string.match(authority, "^(.-):(%d+)$")
  -- The colons of an IPv6 address are inside its brackets.
  if not host or string.find(host, "^%[[^%]]*$") then host, port = authority, nil end
  host = string.match(host, "^%[(.*)%]$") or host
  port = tonumber(port) or url.get_default_port(proto)
  if host == "" or port > 65535 then return false end
  if string.sub(rest, 1, 1) == "?" then rest = "/" .. rest end
  self.proto, self.host, self.port, self.file = proto, string.lower(host), port, rest
  self.path = string.match(rest, "^([^?;]*)")
  self.dir = string.match(self.path, "^.*/") or "/"
  self.domain = domain_of(self.host)
  return true
end

--- The protocol.
-- @name URL.getProto
-- @class function
-- @return <code>http</code> or <code>https</code>.
function URL:getProto () return self.proto end
--- The host.
-- @name URL.getHost
-- @class function
-- @return A name or an address.
function URL:getHost () return self.host end
--- The port.
-- @name URL.getPort
-- @class function
-- @return A number.
function URL:getPort () return self.port end
--- The path without query.
-- @name URL.getPath
-- @class function
-- @return The path.
function URL:getPath () return self.path end
--- The folder of the path, with the last slash.
-- @name URL.getDir
-- @class function
-- @return The folder.
function URL:getDir () return self.dir end
--- The path with query.
-- @name URL.getFile
-- @class function
-- @return What a request asks for.
function URL:getFile () return self.file end
--- The host's domain.
-- @name URL.getDomain
-- @class function
-- @return The name without its first label, if two are left; otherwise the host.
function URL:getDomain () return self.domain end

function URL:__tostring ()
  local host = string.find(self.host, ":", 1, true) and "[" .. self.host .. "]" or self.host
  return string.format("%s://%s:%d%s", self.proto, host, self.port, self.file)
end

-- The queue -------------------------------------------------------------------------------------------------------

--- URLs to visit, first come, first served.
-- @class table
-- @name UrlQueue
UrlQueue = {}
UrlQueue.__index = UrlQueue

--- Makes a queue.
-- @name UrlQueue.new
-- @class function
-- @param options The crawler's options.
-- @return An empty queue.
function UrlQueue:new (options)
  return setmetatable({ options = options, urls = {}, first = 1, last = 0 }, self)
end

--- Adds a URL.
-- @name UrlQueue.add
-- @class function
-- @param u The URL object.
function UrlQueue:add (u)
  if self.last - self.first + 1 >= MAX_QUEUE then return end
  self.last = self.last + 1
  self.urls[self.last] = u
end

--- Takes the next URL.
-- @name UrlQueue.getNext
-- @class function
-- @return The URL object, or nil.
function UrlQueue:getNext ()
  local u = self.urls[self.first]
  if not u then return nil end
  self.urls[self.first] = nil
  self.first = self.first + 1
  return u
end

--- Prints what is waiting, when debugging.
-- @name UrlQueue.dump
-- @class function
function UrlQueue:dump ()
  for i = self.first, self.last do stdnse.debug1("httpspider: waiting: %s", tostring(self.urls[i])) end
end

-- Links -----------------------------------------------------------------------------------------------------------

--- The links of a page.
-- @class table
-- @name LinkExtractor
LinkExtractor = {}
LinkExtractor.__index = LinkExtractor

--- Reads a page.
-- @name LinkExtractor.new
-- @class function
-- @param base The page's URL object.
-- @param html The page.
-- @param options The crawler's options.
-- @return The extractor.
function LinkExtractor:new (base, html, options)
  local o = setmetatable({ url = base, html = html or "", options = options, links = {} }, self)
  o:parse()
  return o
end

--- Tells whether a link names its protocol.
-- @name LinkExtractor.isAbsolute
-- @class function
-- @param link The link.
-- @return True or false.
function LinkExtractor.isAbsolute (link) return string.find(link, "^%a[%w+.-]*:") ~= nil end

--- Makes a relative link absolute.
-- @name LinkExtractor.createAbsolute
-- @class function
-- @param base_url The URL object of the page.
-- @param rel_url The link.
-- @param base_href What the page's <code>base</code> element says, if it has one.
-- @return The URL, a string.
function LinkExtractor.createAbsolute (base_url, rel_url, base_href)
  local page = tostring(base_url)
  -- The default port goes without saying.
  if base_url.port == url.get_default_port(base_url.proto) then
    page = string.gsub(page, "^(%a+://[^/?]-):%d+", "%1", 1)
  end
  local base = base_href and url.absolute(page, base_href) or page
  return url.absolute(base, rel_url)
end

--- How many folders a URL is below the page's.
-- @name LinkExtractor.getDepth
-- @class function
-- @param u The URL object.
-- @return A number, -1 if the URL is not below the folder of the page.
function LinkExtractor:getDepth (u)
  local base = (self.options and self.options.base_url or self.url):getDir()
  if string.sub(u:getDir(), 1, #base) ~= base then return -1 end
  local _, count = string.gsub(string.sub(u:getDir(), #base + 1), "/", "")
  return count
end

--- Tells whether a URL may be visited.
-- @name LinkExtractor.validate_link
-- @class function
-- @param u The URL object.
-- @return True or false.
function LinkExtractor:validate_link (u)
  local options = self.options or {}
  local depth = options.maxdepth
  if depth and depth >= 0 and self:getDepth(u) > depth then return false end
  local accepted = true
  for i, rule in ipairs(options.whitelist or {}) do
    if i == 1 then accepted = false end
    if rule(u) then accepted = true break end
  end
  if not accepted then return false end
  for _, rule in ipairs(options.blacklist or {}) do
    if rule(u) then return false end
  end
  return true
end

-- The beginnings of attributes that hold a link. The value is read from where they end, so that quotes which are never
-- closed cost one look each, up to MAX_URL_LEN.
local ATTRIBUTES = { "[hH][rR][eE][fF]%s*=%s*()", "[sS][rR][cC]%s*=%s*()", "[aA][cC][tT][iI][oO][nN]%s*=%s*()" }

local function attribute_value (html, at)
  local piece = string.sub(html, at, at + MAX_URL_LEN)
  return string.match(piece, '^"([^"<>]*)"') or string.match(piece, "^'([^'<>]*)'")
    or string.match(piece, "^([^%s\"'<>]+)")
end

local PREDEFINED = { ["&amp;"] = "&", ["&#38;"] = "&", ["&quot;"] = '"', ["&#39;"] = "'" }

-- Every link of the page as it is written, in the page's order.
local function raw_links (html)
  local found = {}
  for _, pattern in ipairs(ATTRIBUTES) do
    for at in string.gmatch(html, "%f[%w]" .. pattern) do
      local value = attribute_value(html, at)
      if value then found[#found + 1] = { at, value } end
      if #found > MAX_LINKS then break end
    end
  end
  for at in string.gmatch(html, "%d;%s*[uU][rR][lL]=()") do
    local value = string.match(string.sub(html, at, at + MAX_URL_LEN), "^['\"]?([^'\">]+)")
    if value then found[#found + 1] = { at, value } end
    if #found > 2 * MAX_LINKS then break end
  end
  table.sort(found, function (a, b) return a[1] < b[1] end)
  local links = {}
  for i, item in ipairs(found) do
    links[i] = string.gsub(item[2], "&#?%w+;", PREDEFINED)
  end
  return links
end

--- Reads the page's links.
-- @name LinkExtractor.parse
-- @class function
function LinkExtractor:parse ()
  local html = self.html
  local base_at = string.match(html, "<%s*[bB][aA][sS][eE]%s+[hH][rR][eE][fF]%s*=%s*()")
  local base_href = base_at and attribute_value(html, base_at)
  local seen = {}
  for _, link in ipairs(raw_links(html)) do
    link = string.gsub(link, "^%s+", "")
    link = string.gsub(link, "#.*$", "")
    local usable = link ~= "" and #link <= MAX_URL_LEN
      and (not self.isAbsolute(link) or string.find(link, "^[hH][tT][tT][pP][sS]?:"))
    if usable then
      local u = URL:new(self.createAbsolute(self.url, link, base_href))
      if u and not seen[tostring(u)] and self:validate_link(u) then
        seen[tostring(u)] = true
        table.insert(self.links, tostring(u))
      end
    end
    if #self.links >= MAX_LINKS then return end
  end
end

--- The links that may be visited.
-- @name LinkExtractor.getLinks
-- @class function
-- @return An array of absolute URLs, strings.
function LinkExtractor:getLinks () return self.links end

-- The crawler -----------------------------------------------------------------------------------------------------

--- Visits a site.
-- @class table
-- @name Crawler
Crawler = {}
Crawler.__index = Crawler

-- What a default crawl doesn't fetch: files that are no pages and may be large.
local BLACKLIST = { "png", "jpg", "jpeg", "gif", "bmp", "svg", "webp", "tif", "tiff", "mp3", "ogg", "wav", "avi", "flv",
  "mkv", "mov", "mp4", "mpeg", "mpg", "webm", "wmv", "zip", "gz", "tgz", "bz2", "xz", "7z", "rar", "tar", "iso", "img",
  "exe", "msi", "dmg", "deb", "rpm", "apk", "jar", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "pdf", "ps", "swf",
  "woff", "woff2", "ttf", "eot" }

local WEB_FILES = { htm = true, html = true, xhtml = true, php = true, asp = true, aspx = true, jsp = true, jspx = true,
  cgi = true, pl = true, cfm = true, ["do"] = true, action = true }

-- An option's value: what the script said, then its argument, then the library's, then the default.
local function choose (given, script, name, default)
  if given ~= nil then return given end
  local value
  if script then value = stdnse.get_script_args(script .. "." .. name) end
  if value == nil then value = (nmap.registry.args or {})["httpspider." .. name] end
  if value == nil then return default end
  return value
end

--- Makes a crawler.
-- @name Crawler.new
-- @class function
-- @param host The host table.
-- @param port The port table.
-- @param start The path to begin with. Default: argument <code>url</code>, or <code>/</code>.
-- @param options Table with <code>scriptname</code>, whose arguments count before the library's, and the options of the
--                same names as the library's arguments; <code>redirect_ok</code> is for the <code>http</code> library.
-- @return The crawler.
function Crawler:new (host, port, start, options)
  options = options or {}
  local script = options.scriptname
  local o = setmetatable({ host = host, port = port, processed = {}, page_count = 0 }, self)
  local function pick (name, default) return choose(options[name], script, name, default) end
  o.options = Options:new({
    scriptname = script,
    whitelist = options.whitelist,
    blacklist = options.blacklist,
    maxdepth = tonumber(pick("maxdepth", 3)) or 3,
    maxpagecount = tonumber(pick("maxpagecount", 20)) or 20,
    timeout = options.timeout or 10000,
    redirect_ok = options.redirect_ok,
    useheadfornonwebfiles = as_boolean(pick("useheadfornonwebfiles", false)),
  })
  o.url = start or pick("url", "/")
  o:set_base()
  o:set_limits(pick("withinhost", nil), pick("withindomain", false))
  if not as_boolean(pick("noblacklist", false)) then o:addDefaultBlacklist() end
  local scrape = pick("doscraping", true)
  if type(scrape) ~= "function" then
    local value = as_boolean(scrape)
    scrape = function () return value end
  end
  o.options.doscraping = scrape
  o.urlqueue = UrlQueue:new(o.options)
  if o.options.base_url then o.urlqueue:add(o.options.base_url) end
  return o
end

function Crawler:set_base ()
  local start = self.url
  if not LinkExtractor.isAbsolute(start) then
    local port, tunnel = self.port, false
    local number = type(port) == "table" and port.number or port
    if type(port) == "table" then
      tunnel = port.service == "https" or port.service == "https-alt" or
        type(port.version) == "table" and port.version.service_tunnel == "ssl"
    end
    local name = stdnse.get_hostname(self.host)
    if string.find(name, ":", 1, true) then name = "[" .. name .. "]" end
    if string.sub(start, 1, 1) ~= "/" then start = "/" .. start end
    start = string.format("%s://%s:%d%s", (tunnel or number == 443) and "https" or "http", name, number, start)
  end
  self.options.base_url = URL:new(start)
end

function Crawler:set_limits (withinhost, withindomain)
  local o = self.options
  withindomain = as_boolean(withindomain)
  -- Whoever asks for the domain does not mean the host alone.
  if withinhost == nil then withinhost = not withindomain end
  o.withindomain, o.withinhost = false, false
  if type(withinhost) == "function" then
    o.withinhost = withinhost
  elseif as_boolean(withinhost) then
    o.withinhost = function (u) return self:iswithinhost(u) end
  end
  if withindomain then o.withindomain = function (u) return self:iswithindomain(u) end end
  local limit = o.withinhost or o.withindomain
  if limit then o:addWhitelist(limit) end
end

--- Takes <code>www.</code> off a name.
-- @name Crawler.removewww
-- @class function
-- @param name The name.
-- @return The name without it.
function Crawler.removewww (name) return (string.gsub(name, "^www%.", "")) end

--- Tells whether a URL is on the host and port where the crawler began.
-- @name Crawler.iswithinhost
-- @class function
-- @param u The URL object.
-- @return True or false.
function Crawler:iswithinhost (u)
  local base = self.options.base_url
  return base ~= nil and u:getPort() == base:getPort()
    and self.removewww(u:getHost()) == self.removewww(base:getHost())
end

--- Tells whether a URL is in the domain where the crawler began.
-- @name Crawler.iswithindomain
-- @class function
-- @param u The URL object.
-- @return True or false.
function Crawler:iswithindomain (u)
  local base = self.options.base_url
  if not base then return false end
  local domain, host = base:getDomain(), u:getHost()
  return host == domain or string.sub(host, -#domain - 1) == "." .. domain
end

--- Tells whether a URL has an extension.
-- @name Crawler.isresource
-- @class function
-- @param u The URL object.
-- @param ext The extension, such as <code>"js"</code>.
-- @return True or false.
function Crawler:isresource (u, ext)
  local found = string.match(u:getPath(), "%.([^./]+)$")
  return found ~= nil and string.lower(found) == string.lower(ext)
end

--- Keeps the crawler from files that are no pages.
-- @name Crawler.addDefaultBlacklist
-- @class function
function Crawler:addDefaultBlacklist ()
  local set = {}
  for _, ext in ipairs(BLACKLIST) do set[ext] = true end
  self.options:addBlacklist(function (u)
    local ext = string.match(u:getPath(), "%.([^./]+)$")
    return ext ~= nil and set[string.lower(ext)] == true
  end)
end

--- Sets how long a page may take.
-- @name Crawler.set_timeout
-- @class function
-- @param timeout Milliseconds.
function Crawler:set_timeout (timeout) self.options.timeout = timeout end

--- How many pages were fetched.
-- @name Crawler.getPageCount
-- @class function
-- @return A number.
function Crawler:getPageCount () return self.page_count end

--- The limits as a line of text.
-- @name Crawler.getLimitations
-- @class function
-- @return The text, or nil if there are none.
function Crawler:getLimitations ()
  local o, base = self.options, self.options.base_url
  local limits = {}
  if o.maxdepth >= 0 then limits[#limits + 1] = "maxdepth=" .. o.maxdepth end
  if o.maxpagecount >= 0 then limits[#limits + 1] = "maxpagecount=" .. o.maxpagecount end
  if o.withindomain and base then limits[#limits + 1] = "withindomain=" .. base:getDomain() end
  if o.withinhost and base then limits[#limits + 1] = "withinhost=" .. base:getHost() end
  if #limits == 0 then return nil end
  return "Spidering limited to: " .. table.concat(limits, "; ")
end

--- Ends the crawl.
-- @name Crawler.stop
-- @class function
function Crawler:stop () self.stopped = true end

-- Where a URL is fetched: the host table as long as it names the same host, so that the scanned address is used.
function Crawler:place (u)
  local base = self.options.base_url
  if u:getHost() == base:getHost() and u:getPort() == base:getPort() and u:getProto() == base:getProto() then
    return self.host, self.port
  end
  local tunnel = u:getProto() == "https" and "ssl" or "none"
  return u:getHost(), { number = u:getPort(), protocol = "tcp", state = "open", service = u:getProto(),
    version = { service_tunnel = tunnel } }
end

function Crawler:fetch (u)
  local o = self.options
  local host, port = self:place(u)
  local request = { timeout = o.timeout, redirect_ok = o.redirect_ok, truncated_ok = true }
  local path = u:getFile() ~= "" and u:getFile() or "/"
  local ext = string.match(u:getPath(), "%.([^./]+)$")
  if o.useheadfornonwebfiles and ext and not WEB_FILES[string.lower(ext)] then
    return http.head(host, port, path, request)
  end
  return http.get(host, port, path, request)
end

function Crawler:collect (u, response)
  local media = response.header and response.header["content-type"]
  if not response.body or response.body == "" then return end
  if media and not string.find(media, "text/", 1, true) and not string.find(media, "xml", 1, true)
    and not string.find(media, "script", 1, true) then
    return
  end
  local scrape = self.options.doscraping
  if not scrape(u) then return end
  for _, link in ipairs(LinkExtractor:new(u, response.body, self.options):getLinks()) do
    if not self.processed[link] then
      self.processed[link] = true
      self.urlqueue:add(URL:new(link))
    end
  end
end

--- Fetches the next page.
-- @name Crawler.crawl
-- @class function
-- @return True, or false if there is no more.
-- @return A table: with <code>url</code>, a URL object, and <code>response</code> of the <code>http</code> library; or
--         with <code>err</code>, whether something failed, and <code>reason</code>.
function Crawler:crawl ()
  local o = self.options
  if not o.base_url then return false, { err = true, reason = "Not a URL of HTTP: " .. tostring(self.url) } end
  local done = self.stopped and "The crawler was stopped" or
    o.maxpagecount >= 0 and self.page_count >= o.maxpagecount and "Reached the limit of pages"
  local u = not done and self.urlqueue:getNext()
  if not u then return false, { err = false, reason = done or "No more urls", msg = done or "No more urls" } end
  self.processed[tostring(u)] = true
  stdnse.debug2("httpspider: fetching %s", tostring(u))
  local response = self:fetch(u)
  self.page_count = self.page_count + 1
  if not response.status then return true, { url = u, response = response } end
  -- A page that was reached by redirects is the one where they led.
  local was_followed = response.location and (response.status < 300 or response.status > 399)
  local target = was_followed and response.location[#response.location]
  local here = target and URL:new(LinkExtractor.createAbsolute(u, target)) or u
  self.processed[tostring(here)] = true
  self:collect(here, response)
  return true, { url = here, response = response }
end

return _ENV
