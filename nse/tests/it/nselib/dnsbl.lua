local dns = require "dns"
local dnsbl = require "dnsbl"
local stdnse = require "stdnse"

-- Names have the address in reverse (RFC 5782, 2.1 and 2.4).
local asked
local answers = {}
dns.query = function (name)
  asked[#asked + 1] = name
  local found = answers[name:match("%.([a-z0-9]+%.[a-z]+%.?[a-z]*)$")] or answers[name]
  if not found then return false, "No Such Name" end
  return true, found
end
-- Threads do not run here: each is done when it is begun.
stdnse.new_thread = function (f, ...)
  f(...)
  local thread = coroutine.create(function () end)
  coroutine.resume(thread)
  return thread
end
nmap.condvar = function () return function () end end
local function look (category, ip, mode, filter)
  asked = {}
  local helper = dnsbl.Helper:new(category, mode)
  if filter then helper:setFilter(filter) end
  return helper:checkBL(ip)
end
answers["2.2.0.192.zen.spamhaus.org"] = { "127.0.0.4" }
answers["2.2.0.192.bl.spamcop.net"] = { "127.0.0.2" }
answers["2.2.0.192.psbl.surriel.com"] = { "127.255.255.254" }
check("listed", '{1={"name"="bl.spamcop.net","result"={"details"={1="reported by users"},"state"="SPAM"}},2={"name"="zen.spamhaus.org","result"={"details"={1="exploited host (XBL)"},"state"="SPAM"}}}',
  look("SPAM", "192.0.2.2"))
check("short", '{1={"name"="zen.spamhaus.org","result"={"state"="SPAM"}}}', look("spam", "192.0.2.2", "short", "zen.spamhaus.org"))
check("asked", '{1="2.2.0.192.zen.spamhaus.org"}', asked)
check("not listed", "{}", look("PROXY", "192.0.2.9"))
check("version 6", "{}", look("SPAM", "2001:db8::1", "long", "zen.spamhaus.org"))
check("its name", '"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.zen.spamhaus.org"', asked[1])
local helper = dnsbl.Helper:new("SPAM")
helper:setFilter("none.example")
check("filter", 'false "Invalid service was supplied (none.example)"', helper:validateFilter())
check("category", 'false "Invalid service category was supplied (X)"', dnsbl.Helper:new("x"):validateFilter())
check("lists", '"all.bl.blocklist.de" {1="config: dnsbl.httpbl.org.apikey - the key for http:BL"}', dnsbl.Helper:new("ATTACK"):listServices()[1],
  dnsbl.Helper:new("ATTACK"):listServices()[3])
check("no key, no question", "1", #dnsbl.Helper:new("ATTACK"):getServices())
