local http = require "http"
local shortport = require "shortport"
local slaxml = require "slaxml"
local stdnse = require "stdnse"

description = [[
Shows which other sites a web server lets programs in pages read from: policy files of Adobe Flash
(<code>/crossdomain.xml</code>) and Microsoft Silverlight (<code>/clientaccesspolicy.xml</code>).
]]

---
-- @usage
-- perilune -p 80 --script http-cross-domain-policy TARGET
--
-- @output
-- 80/tcp open  http
-- | http-cross-domain-policy:
-- |   /crossdomain.xml:
-- |     Trusted domains:
-- |       *
-- |_    Risk: any site may read what visitors see

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "safe", "vuln" }

portrule = shortport.http

local FILES = { "/crossdomain.xml", "/clientaccesspolicy.xml" }
local MAX_DOMAINS = 100

-- Domains of a policy: attribute domain of the first kind, uri of the second.
local function domains_of (xml)
  local list, element, is_policy = {}, nil, false
  slaxml.parser:new({
    startElement = function (name)
      element = name
      if name == "cross-domain-policy" or name == "access-policy" then is_policy = true end
    end,
    attribute = function (name, value)
      local wanted = name == "domain" and (element == "allow-access-from" or element == "allow-http-request-headers-from")
        or name == "uri" and element == "domain"
      if wanted and #list < MAX_DOMAINS then list[#list + 1] = value end
    end,
  }):parseSAX(xml)
  return is_policy and list
end

action = function (host, port)
  local result = stdnse.output_table()
  for _, path in ipairs(FILES) do
    local response = http.get(host, port, path, { redirect_ok = false })
    local list = response.status == 200 and response.body and domains_of(response.body)
    if list then
      local facts = stdnse.output_table()
      facts["Trusted domains"] = list
      for _, domain in ipairs(list) do
        if domain == "*" or domain == "http://*" or domain == "https://*" then
          facts.Risk = "any site may read what visitors see"
        end
      end
      result[path] = facts
    end
  end
  if #result == 0 then return nil end
  return result
end
