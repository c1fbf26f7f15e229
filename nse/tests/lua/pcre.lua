-- The library `pcre` by example.
local pcre = require "pcre"

local function same(found, expected)
  if found ~= expected then error(("expected %q, found %q"):format(tostring(expected), tostring(found)), 2) end
end
local function fails(text, f, ...)
  local ok, message = pcall(f, ...)
  same(ok, false)
  same(message, text)
end
local function results(...)
  local list = table.pack(...)
  for i = 1, list.n do list[i] = tostring(list[i]) end
  return table.concat(list, "|", 1, list.n)
end
local function listed(first, last, groups)
  if not first then return "none" end
  local texts = {}
  for i = 1, #groups do texts[i] = tostring(groups[i]) end
  return first .. "-" .. last .. " " .. table.concat(texts, ",")
end

same(pcre.version(), "8.39 2016-06-14")
local flags = pcre.flags()
same(flags.CASELESS + flags.MULTILINE + flags.DOTALL + flags.EXTENDED + flags.ANCHORED, 0x1f)
same(flags.BSR_UNICODE, 0x1000000)

local r = pcre.new("(a)(b)?(?<name>c)", 0, "C")
same(tostring(r):match("^pcre_regex_handle: 0x%x+$") ~= nil, true)
same(listed(r:match("xxac")), "3-4 a,false,c")
same(select(3, r:match("abc")).name, "c")
same(listed(r:exec("xxac")), "3-4 3,3,false,false,4,4")
same(select("#", r:match("none")), 0)
same(select("#", r:exec("none")), 0)
same(listed(pcre.new("", 0, "C"):match("abc")), "1-0 ")
same(listed(pcre.new("x*", 0, "C"):match("abc", 3)), "3-2 ")

-- Where the search starts.
local b = pcre.new("b", 0, "C")
local function where(start) return listed(b:exec("abab", start)) end
same(results(where(1), where(0), where(3), where(-1), where(-2), where(-100), where(5), where(6)), "2-2 |2-2 |4-4 |4-4 |4-4 |2-2 |none|none")

-- Options of compiling and matching.
same(listed(pcre.new("B", flags.CASELESS, "C"):match("ab")), "2-2 ")
same(listed(b:match("ab", 1, flags.ANCHORED)), "none")
same(listed(b:match("ab", 2, flags.ANCHORED)), "2-2 ")
same(listed(pcre.new("^a", 0, "C"):match("a", 1, flags.NOTBOL)), "none")
same(listed(pcre.new("a$", 0, "C"):match("a", 1, flags.NOTEOL)), "none")
same(listed(pcre.new("x*", 0, "C"):match("ax", 1, flags.NOTEMPTY)), "2-2 ")
same(listed(b:match("b", 1, flags.PARTIAL)), "none")
same(listed(pcre.new("a\0b", 0, "C"):match("xa")), "2-2 ")

-- gmatch
local seen = {}
local function note(text, groups) seen[#seen + 1] = text .. (groups[1] or "") end
local word = pcre.new("(\\w)\\w*", 0, "C")
same(word:gmatch("one two three", note), 3)
same(table.concat(seen, " "), "oneo twot threet")
seen = {}
same(word:gmatch("one two three", note, 2), 2)
same(word:gmatch("one two three", function(text) return text == "two" end), 2)
same(pcre.new("x*", 0, "C"):gmatch("axb", note), 4)
same(pcre.new("z", 0, "C"):gmatch("axb", note), 0)
fails("thrown", word.gmatch, word, "one", function() error("thrown", 0) end)

-- Errors.
fails("PCRE compilation failed", pcre.new, "a", 0)
fails("PCRE compilation failed", pcre.new, "a", 0, nil)
fails("cannot set locale", pcre.new, "a", 0, "no such locale")
fails("missing ) (pattern offset: 3)", pcre.new, "a(", 0, "C")
fails("nothing to repeat (pattern offset: 1)", pcre.new, "*", 0, "C")
fails("bad argument #1 to '?' (pcre_regex_handle expected, got number)", r.match, 1)
fails("bad argument #2 to 'pcre.new' (number expected, got string)", pcre.new, "a", "x")
-- A match that takes too many steps is none.
same(select("#", pcre.new("^(?:(?=(a))a|aa)*\\1b$", 0, "C"):match(("a"):rep(60))), 0)
return "done"
