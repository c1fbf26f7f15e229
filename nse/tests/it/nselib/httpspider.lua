local stub = require "stub"
local httpspider = require "httpspider"

local HOST, PORT = { ip = "10.0.0.1" }, { number = 80, protocol = "tcp", state = "open", version = {} }
local URL, Links = httpspider.URL, httpspider.LinkExtractor

local u = URL:new("http://www.Example.com:8080/a/b.html;p?x=1#f")
check("parts", '"http" "www.example.com" 8080 "/a/b.html" "/a/" "/a/b.html;p?x=1" "example.com"', u:getProto(),
  u:getHost(), u:getPort(), u:getPath(), u:getDir(), u:getFile(), u:getDomain())
check("whole", '"http://www.example.com:8080/a/b.html;p?x=1" "https://h:443/" "http://[::1]:80/"', tostring(u),
  tostring(URL:new("https://h/")), tostring(URL:new("http://[::1]/")))
check("no URL of HTTP", "nil nil nil nil nil", URL:new("/x"), URL:new("ftp://h/"), URL:new("mailto:a"), URL:new(""),
  URL:new("http://h:99999/"))
check("domain of an address", '"10.1.2.3"', URL:new("http://10.1.2.3/"):getDomain())

check("absolute", "true false false", Links.isAbsolute("mailto:a"), Links.isAbsolute("//h/"), Links.isAbsolute("a/b:c"))
local base = URL:new("http://h:8080/d/e.html")
check("made absolute", '"http://h:8080/d/x" "http://h:8080/y" "http://o/z" "http://b/c/x"',
  Links.createAbsolute(base, "x"), Links.createAbsolute(base, "/y"), Links.createAbsolute(base, "//o/z"),
  Links.createAbsolute(base, "x", "http://b/c/"))

-- A site of pages by their paths; what is fetched.
local function crawl (site, options)
  stub.peer = function (sent)
    local path = sent:match("^%u+ (%S+)")
    local body = site[path]
    if type(body) == "function" then return { body() } end
    local status = body and "200 OK" or "404 Not Found"
    body = body or "none"
    return { ("HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s"):format(status, #body, body) }
  end
  options = options or {}
  options.scriptname = "test"
  -- Each site has a port of its own, so that the cache of one is not that of another.
  PORT.number = PORT.number + 1
  local crawler = httpspider.Crawler:new(HOST, { number = PORT.number, protocol = "tcp", version = {} }, options.start,
    options)
  local list = {}
  for _ = 1, 200 do
    local status, r = crawler:crawl()
    if not status then
      assert(not r.err, r.reason)
      return list, crawler
    end
    list[#list + 1] = (tostring(r.url):gsub("^http://10%.0%.0%.1:%d+", ""))
  end
end

check("links", '{1="/",2="/a.html",3="/b/",4="/s.js",5="/form",6="/next",7="/q?a=1&b=2"}', (crawl({
  ["/"] = "<a href='a.html'>A</a><A HREF = \"b/\"><script src=/s.js></script><form action='/form'>"
    .. "<meta http-equiv=refresh content='5; url=/next'><a href='/a.html#part'><a href='/q?a=1&amp;b=2'>"
    .. "<a href='mailto:x@y'><a href='http://other/'><a href='javascript:f()'><img src='p.png'>",
})))
check("links of links", '{1="/",2="/1",3="/2"}', (crawl({ ["/"] = "<a href=/1>", ["/1"] = "<a href=/2><a href=/>" })))
check("base", '{1="/",2="/x/",3="/x/y"}', (crawl({ ["/"] = "<base href='/x/'><a href='y'>" })))
check("depth", '{1="/",2="/a/b/x"}', (crawl({ ["/"] = "<a href=/a/b/x><a href=/a/b/c/x>" }, { maxdepth = 2 })))
check("pages", '{1="/",2="/1"}', (crawl({ ["/"] = "<a href=/1><a href=/2>" }, { maxpagecount = 2 })))
check("everything", '{1="/",2="/p.png"}', (crawl({ ["/"] = "<img src=p.png>" }, { noblacklist = true })))
check("no scraping", '{1="/"}', (crawl({ ["/"] = "<a href=/1>" }, { doscraping = false })))
check("quotes without end", '{1="/"}', (crawl({ ["/"] = ("<a href=\""):rep(2000) })))
local _, crawler = crawl({}, { maxdepth = -1, maxpagecount = 5 })
check("limits", '"Spidering limited to: maxpagecount=5; withinhost=10.0.0.1"', crawler:getLimitations())
check("no limits", "nil", select(2, crawl({}, { maxdepth = -1, maxpagecount = -1, withinhost = false })):getLimitations())
check("resource", "true false", crawler:isresource(URL:new("http://h/a.JS?x"), "js"),
  crawler:isresource(URL:new("http://h/js"), "js"))
check("blacklist of one's own", '{1="/",2="/2"}', (crawl({ ["/"] = "<a href=/1><a href=/2>" },
  { blacklist = { function (one) return one:getPath() == "/1" end } })))
local endless = 0
check("endless site", "20", #crawl(setmetatable({}, { __index = function ()
  endless = endless + 1
  return ("<a href=/%d>"):format(endless)
end })))

local PAGE = "<html><base href='/x/'><a href=\"a.html?x=1&amp;y=2#z\">a</a><a HREF = 'b'><img src=c.png>"
  .. "<form action='http://10.0.0.1/d'><meta http-equiv=refresh content='5; url=/e'><a href='http://[::1]:80/'></html>"
for _, page in ipairs(mutants(PAGE, 500)) do
  local ran, err = pcall(function ()
    return httpspider.LinkExtractor:new(URL:new("http://10.0.0.1/"), page, {}):getLinks()
  end)
  if not ran then check("damaged: " .. page, "true", ran, err) end
end
