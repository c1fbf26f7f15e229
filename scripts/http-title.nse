local http = require "http"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"

description = [[
Shows the title of a web server's first page.

Redirects are followed as far as the <code>http</code> library's rules allow: up to five, on the same port and host.
Where they lead is shown as well.
]]

---
-- @args http-title.url The path to fetch. Default: <code>/</code>.
--
-- @usage
-- perilune -p 80 --script http-title --script-args http-title.url=/login TARGET
--
-- @output
-- PORT   STATE SERVICE
-- 80/tcp open  http
-- |_http-title: Welcome
--
-- @output
-- 80/tcp open  http
-- | http-title: Sign in
-- |_Requested resource was /login
--
-- @xmloutput
-- <elem key="title">Sign in</elem>
-- <elem key="redirect_url">/login</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "default", "discovery", "safe" }

portrule = shortport.http

-- Longer titles are cut to this, dots included.
local TITLE_LEN_MAX = 65

local function shown (title)
  title = string.gsub(title, "[\r\n\t]", "")
  if #title > TITLE_LEN_MAX then
    title = string.sub(title, 1, TITLE_LEN_MAX - 3) .. "..."
  end
  return title
end

-- The text between the tags. It may hold "<": nothing but the end tag ends a title (HTML, 13.1.2.2).
local function find_title (body)
  local _, name_end = string.find(body, "<%s*[tT][iI][tT][lL][eE]%f[%s/>]")
  local start = name_end and string.find(body, ">", name_end + 1, true)
  if not start then return nil end
  local stop = string.find(body, "</%s*[tT][iI][tT][lL][eE]%f[%s>]", start + 1)
  return stop and string.sub(body, start + 1, stop - 1)
end

local function redirect_target (response)
  return response.location and response.location[#response.location]
end

action = function (host, port)
  local path = stdnse.get_script_args(SCRIPT_NAME .. ".url") or "/"
  local response = http.get(host, port, path)
  if not response.status then
    stdnse.debug1("no response: %s", response["status-line"])
    return nil
  end

  local result = stdnse.output_table()
  local target = redirect_target(response)
  if target and string.find(tostring(response.status), "^30[12378]") then
    result.redirect_url = target
    return result, "Did not follow redirect to " .. target
  end

  local title = find_title(response.body or "")
  result.title = title
  local text
  if title and title ~= "" then
    text = shown(title)
  else
    local media = response.header["content-type"]
    text = media and ("Site doesn't have a title (%s)."):format(media) or "Site doesn't have a title."
  end
  if target then
    result.redirect_url = target
    text = text .. "\nRequested resource was " .. target
  end
  return result, text
end
