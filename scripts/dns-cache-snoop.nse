local dns = require "dns"
local shortport = require "shortport"
local stdnse = require "stdnse"
local stringaux = require "stringaux"

description = [[
Finds out which names a name server has looked up for its users.

The server is asked not to ask others: what it answers it has kept from before.
]]

---
-- @args dns-cache-snoop.domains The names to ask for. Default: those of some sites that many people visit.
-- @args dns-cache-snoop.mode <code>nonrecursive</code> (the default), or <code>timed</code>: ask as usual and take the
--       answers that come at once for kept ones. The latter makes the server keep the names.
--
-- @usage
-- perilune -sU -p 53 --script dns-cache-snoop --script-args 'dns-cache-snoop.domains={a.example,b.example}' TARGET
--
-- @output
-- 53/udp open  domain
-- | dns-cache-snoop: 1 of 2 tested domains are cached.
-- |_a.example

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "intrusive", "discovery" }

portrule = shortport.portnumber(53, "udp")

local DOMAINS = {
  "www.google.com", "www.youtube.com", "www.facebook.com", "www.wikipedia.org", "www.instagram.com", "www.reddit.com",
  "www.amazon.com", "www.microsoft.com", "www.apple.com", "www.netflix.com", "www.linkedin.com", "www.github.com",
  "www.bing.com", "www.yahoo.com", "www.office.com", "www.cloudflare.com", "www.openai.com", "www.whatsapp.com",
  "www.tiktok.com", "www.twitch.tv", "www.ebay.com", "www.paypal.com", "www.mozilla.org", "www.debian.org",
  "www.ubuntu.com", "www.bbc.co.uk", "www.cnn.com", "www.nytimes.com", "www.stackoverflow.com", "www.dropbox.com",
}

local function is_kept (host, port, name)
  local status, packet = dns.query(name,
    { host = host.ip, port = port.number, norecurse = true, retPkt = true, tries = 1 })
  -- A referral has no answers.
  return status and #packet.answers > 0
end

-- Rounds of asking for a name that nobody has: how long the server takes at least to ask others.
local function is_quick (host, port, name)
  local function ask (what)
    local before = stdnse.clock_us()
    local status = dns.query(what, { host = host.ip, port = port.number, retPkt = true, tries = 1 })
    return status and stdnse.clock_us() - before or nil
  end
  local first, second = ask(name), ask(name)
  -- The second answer is certainly a kept one: a first one that was about as quick was, too.
  return first and second and first < second * 2 + 1000
end

action = function (host, port)
  local domains = stdnse.get_script_args(SCRIPT_NAME .. ".domains") or DOMAINS
  if type(domains) == "string" then domains = stringaux.strsplit("[,%s]+", domains) end
  local mode = stdnse.get_script_args(SCRIPT_NAME .. ".mode") or "nonrecursive"
  local test = mode == "timed" and is_quick or is_kept
  local kept = {}
  for _, name in ipairs(domains) do
    if test(host, port, name) then kept[#kept + 1] = name end
  end
  local text = ("%d of %d tested domains are cached."):format(#kept, #domains)
  if #kept > 0 then text = text .. "\n" .. stringaux.strjoin("\n", kept) end
  return kept, text
end
