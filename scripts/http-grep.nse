local httpspider = require "httpspider"
local shortport = require "shortport"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Looks in the pages of a web site for a text: a pattern of one's own, or addresses of mail, of hosts inside, numbers of
cards and the like.
]]

---
-- @args http-grep.match The pattern to look for. Default: addresses of mail.
-- @args http-grep.builtins One kind, or a table of kinds: email, ip, phone, ssn, mastercard, visa, amex. 1 for all.
-- @args http-grep.maxhits How many are shown of each page. Default: 20.
--
-- @usage
-- perilune -p 80 --script http-grep --script-args http-grep.builtins=ip TARGET
--
-- @output
-- 80/tcp open  http
-- | http-grep:
-- |   (1) http://192.0.2.1:80/:
-- |     (1) ip:
-- |_      + 10.1.2.3

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "discovery", "safe" }

portrule = shortport.http

local KINDS = {
  email = "%f[%w._%%+-][%w._%%+-]+@[%w.-]+%.%a%a+",
  ip = "%f[%d]%d%d?%d?%.%d%d?%d?%.%d%d?%d?%.%d%d?%d?%f[%D]",
  phone = "%f[%d]%d%d%d[-. ]%d%d%d[-. ]%d%d%d%d%f[%D]",
  ssn = "%f[%d]%d%d%d%-%d%d%-%d%d%d%d%f[%D]",
  mastercard = "%f[%d]5[1-5]%d%d[- ]?%d%d%d%d[- ]?%d%d%d%d[- ]?%d%d%d%d%f[%D]",
  visa = "%f[%d]4%d%d%d[- ]?%d%d%d%d[- ]?%d%d%d%d[- ]?%d%d%d%d%f[%D]",
  amex = "%f[%d]3[47]%d%d[- ]?%d%d%d%d%d%d[- ]?%d%d%d%d%d%f[%D]",
}
local CARDS = { mastercard = true, visa = true, amex = true }
local MAX_BODY = 512 * 1024

-- The check digit of card numbers (ISO/IEC 7812-1, annex B).
local function has_check_digit (text)
  local digits, sum = string.gsub(text, "%D", ""), 0
  for i = 1, #digits do
    local digit = tonumber(string.sub(digits, -i, -i))
    if i % 2 == 0 then digit = digit * 2 end
    sum = sum + (digit > 9 and digit - 9 or digit)
  end
  return sum % 10 == 0
end

local function is_address (text)
  for part in string.gmatch(text, "%d+") do
    if tonumber(part) > 255 then return false end
  end
  return true
end

local function hits_of (body, kind, pattern, limit)
  local list, seen = {}, {}
  for text in string.gmatch(string.sub(body, 1, MAX_BODY), pattern) do
    local fits = (not CARDS[kind] or has_check_digit(text)) and (kind ~= "ip" or is_address(text))
    if fits and not seen[text] then
      seen[text] = true
      list[#list + 1] = "+ " .. string.sub(text, 1, 200)
      if #list >= limit then break end
    end
  end
  return list
end

local function wanted_patterns ()
  local match, kinds = stdnse.get_script_args(SCRIPT_NAME .. ".match", SCRIPT_NAME .. ".builtins")
  local list = {}
  if match then list[1] = { "match", match } end
  if not match and not kinds then kinds = "email" end
  if kinds == 1 or kinds == "1" then
    kinds = {}
    for kind in pairs(KINDS) do kinds[#kinds + 1] = kind end
    table.sort(kinds)
  end
  for _, kind in ipairs(type(kinds) == "table" and kinds or { kinds }) do
    if KINDS[kind] then list[#list + 1] = { kind, KINDS[kind] } end
  end
  return list
end

action = function (host, port)
  local limit = tonumber((stdnse.get_script_args(SCRIPT_NAME .. ".maxhits"))) or 20
  local patterns = wanted_patterns()
  for _, pattern in ipairs(patterns) do
    local ok, err = pcall(string.find, "", pattern[2])
    if not ok then return stdnse.format_output(false, err) end
  end
  local crawler = httpspider.Crawler:new(host, port, nil, { scriptname = SCRIPT_NAME })
  local result = stdnse.output_table()
  while true do
    local status, r = crawler:crawl()
    if not status then
      if r.err then return stdnse.format_output(false, r.reason) end
      break
    end
    local page, total = stdnse.output_table(), 0
    for _, pattern in ipairs(patterns) do
      local hits = hits_of(r.response.body or "", pattern[1], pattern[2], limit)
      if #hits > 0 then
        page[("(%d) %s"):format(#hits, pattern[1])] = hits
        total = total + #hits
      end
    end
    if total > 0 then result[("(%d) %s"):format(total, tostring(r.url))] = page end
  end
  if #result == 0 then return nil end
  return result
end
