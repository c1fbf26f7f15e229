local stdnse = require "stdnse"
local string = require "string"
local table = require "table"

description = [[
Shows the readable text in the answers of a service that version detection did not recognise, probe by probe, so that
one can see what it is.
]]

---
-- @args fingerprint-strings.n How many readable octets in a row make a text. Default: 4.
--
-- @usage
-- perilune -sV TARGET
--
-- @output
-- PORT     STATE SERVICE VERSION
-- 4000/tcp open  unknown
-- | fingerprint-strings:
-- |   GenericLines, GetRequest:
-- |_    what do you want?
--
-- @xmloutput
-- <elem key="GenericLines, GetRequest">
--     what do you want?</elem>

author = "The Perilune authors"
license = "MIT OR Apache-2.0"
categories = { "version" }

portrule = function (_, port)
  return type(port.version) == "table" and port.version.service_fp ~= nil and port.version.service_fp ~= ""
end

local ESCAPES = { r = "\r", n = "\n", t = "\t", ["0"] = "\0" }
-- Answers of this many probes are shown.
local ANSWERS_MAX = 64

-- The octets that the text of a fingerprint stands for.
local function unescape (text)
  text = string.gsub(text, "\\(.)(%x?%x?)", function (letter, digits)
    if letter == "x" and #digits == 2 then return string.char(tonumber(digits, 16)) end
    return (ESCAPES[letter] or letter) .. digits
  end)
  return text
end

-- Where the quote is that ends a text; one behind a backslash does not.
local function quote_end (text, pos)
  while true do
    local at, sign = string.match(text, '()([\\"])', pos)
    if not at then return nil end
    if sign == '"' then return at end
    pos = at + 2
  end
end

-- Readable texts of at least that length, each once.
local function readable (data, len_min)
  local found, seen = {}, {}
  for text in string.gmatch(data, "[\t\x20-\x7e]+") do
    text = string.gsub(text, "^%s+", "")
    if #text >= len_min and not seen[text] then
      seen[text] = true
      found[#found + 1] = text
    end
  end
  return found
end

action = function (_, port)
  local len_min = tonumber(stdnse.get_script_args(SCRIPT_NAME .. ".n") or 4) or 4
  local text = port.version.service_fp
  if not text then return nil end
  local fingerprint = string.gsub(text, "\nSF:", "")
  local names, order = {}, {}
  local pos = 1
  for _ = 1, ANSWERS_MAX do
    local from, name, start = string.match(fingerprint, '()%%r%(([^,]*),%x+,"()', pos)
    local finish = from and quote_end(fingerprint, start)
    if not finish then break end
    pos = finish + 1
    local lines = readable(unescape(string.sub(fingerprint, start, finish - 1)), len_min)
    if #lines > 0 then
      local text = "\n    " .. table.concat(lines, "\n    ")
      if not names[text] then
        names[text] = {}
        order[#order + 1] = text
      end
      table.insert(names[text], name)
    end
  end
  if #order == 0 then return nil end
  local result = stdnse.output_table()
  for _, text in ipairs(order) do result[table.concat(names[text], ", ")] = text end
  return result
end
