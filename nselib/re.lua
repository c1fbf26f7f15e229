---
-- Patterns of LPeg written as text, in the notation of its module <code>re</code>.
--
-- Written from LPeg's documentation of that notation: <code>'text'</code>, <code>[a-z]</code>, <code>.</code>,
-- <code>%name</code>, <code>rule</code>, <code>(e)</code>, <code>{e}</code>, <code>{}</code>, <code>{~e~}</code>,
-- <code>{|e|}</code>, <code>{:name:e:}</code>, <code>=name</code>, <code>e?</code>, <code>e*</code>, <code>e+</code>,
-- <code>e^n</code>, <code>e -&gt; x</code>, <code>e =&gt; f</code>, <code>&amp;e</code>, <code>!e</code>, sequences,
-- <code>/</code> and <code>rule &lt;- e</code>.
--
-- @usage re.match("the number 423", "[a-z ]* {[0-9]+}") --> "423"
--
-- @copyright MIT OR Apache-2.0

local lpeg = require "lpeg"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("re", stdnse.seeall)

local P, S, R, V = lpeg.P, lpeg.S, lpeg.R, lpeg.V

-- Parentheses within each other.
local DEPTH_MAX = 200

local CLASSES = lpeg.locale()
local PREDEFINED = {
  nl = P("\n"), a = CLASSES.alpha, c = CLASSES.cntrl, d = CLASSES.digit, g = CLASSES.graph, l = CLASSES.lower,
  p = CLASSES.punct, s = CLASSES.space, u = CLASSES.upper, w = CLASSES.alnum, x = CLASSES.xdigit,
}
for _, name in ipairs({ "a", "c", "d", "g", "l", "p", "s", "u", "w", "x" }) do
  PREDEFINED[string.upper(name)] = 1 - PREDEFINED[name]
end
for name, class in pairs(CLASSES) do PREDEFINED[name] = PREDEFINED[name] or class end

-- A reader of one text: its position, what names stand for, and whether rules may be named.
local Reader = {}
Reader.__index = Reader

function Reader:fail (what)
  local near = string.sub(self.text, self.at, self.at + 20)
  error(string.format("pattern error near '%s': %s", near, what), 0)
end

function Reader:skip ()
  while true do
    local after = string.match(self.text, "^%s+()", self.at) or string.match(self.text, "^%-%-[^\n]*()", self.at)
    if not after then return end
    self.at = after
  end
end

-- Takes what a Lua pattern matches here; its captures.
function Reader:take (pattern)
  local found = table.pack(string.match(self.text, "^" .. pattern .. "()", self.at))
  if not found[1] then return nil end
  self.at = found[found.n]
  if found.n == 1 then return true end
  return table.unpack(found, 1, found.n - 1)
end

local NAME = "([%a][%w_]*)"

function Reader:definition (name)
  local value = self.definitions and self.definitions[name]
  if value == nil then self:fail("name '" .. name .. "' undefined") end
  return value
end

function Reader:class ()
  local negated = self:take("%^")
  local set
  local function add (part) set = set and set + part or P(part) end
  local first = true
  while first or not self:take("%]") do
    first = false
    local name = self:take("%%" .. NAME)
    if name then
      add((self.definitions and self.definitions[name]) or PREDEFINED[name] or self:definition(name))
    else
      local from, to = self:take("(.)%-([^%]])")
      if from then
        add(R(from .. to))
      else
        local one = self:take("(.)")
        if not one then self:fail("']' expected") end
        add(S(one))
      end
    end
  end
  if negated then return 1 - set end
  return set
end

function Reader:quoted ()
  local text = self:take("'([^']*)'") or self:take('"([^"]*)"')
  return text
end

-- What an arrow leads to.
function Reader:target ()
  local text = self:quoted()
  if text then return text end
  local number = self:take("(%d+)")
  if number then return tonumber(number) end
  local name = self:take(NAME)
  if name then return self:definition(name) end
  if self:take("{}") then return {} end
  self:fail("a string, number or name expected")
end

function Reader:closing (pattern, shown)
  self:skip()
  if not self:take(pattern) then self:fail("'" .. shown .. "' expected") end
end

function Reader:inner (closing, shown)
  local e = self:expression()
  self:closing(closing, shown)
  return e
end

function Reader:capture ()
  if self:take("~") then return lpeg.Cs(self:inner("~}", "~}")) end
  if self:take("|") then return lpeg.Ct(self:inner("|}", "|}")) end
  if self:take(":") then
    local name = self:take(NAME .. ":")
    local e = self:inner(":}", ":}")
    return name and lpeg.Cg(e, name) or lpeg.Cg(e)
  end
  self:skip()
  if self:take("}") then return lpeg.Cp() end
  return lpeg.C(self:inner("}", "}"))
end

function Reader:primary ()
  local text = self:quoted()
  if text then return P(text) end
  if self:take("%[") then return self:class() end
  if self:take("%.") then return P(1) end
  if self:take("%(") then return self:inner("%)", ")") end
  if self:take("{") then return self:capture() end
  if self:take("=") then
    local name = self:take(NAME) or self:fail("a name expected")
    return lpeg.Cmt(lpeg.Cb(name), function (subject, at, captured)
      local to = at + #captured
      if string.sub(subject, at, to - 1) == captured then return to end
      return nil
    end)
  end
  local name = self:take("%%" .. NAME)
  if name then
    local value = self.definitions and self.definitions[name]
    if value == nil then value = PREDEFINED[name] end
    if value == nil then self:fail("name '" .. name .. "' undefined") end
    return P(value)
  end
  name = self:take("<%s*" .. NAME .. "%s*>") or self:take(NAME)
  if name then
    self.used[#self.used + 1] = name
    return V(name)
  end
end

local function exactly (e, count)
  local all = P(true)
  for _ = 1, count do all = all * e end
  return all
end

-- Repetitions that a text may ask for.
local REPEAT_MAX = 1000

function Reader:suffixed ()
  local e = self:primary()
  if not e then return nil end
  while true do
    self:skip()
    local sign, count
    if self:take("%*") then
      e = e ^ 0
    elseif self:take("%+") then
      e = e ^ 1
    elseif self:take("%?") then
      e = e ^ -1
    else
      sign, count = self:take("%^%s*([+-]?)(%d+)")
      if sign then
        count = tonumber(count)
        if count > REPEAT_MAX then self:fail("too many repetitions") end
        if sign == "" then
          e = exactly(e, count)
        else
          e = e ^ (sign == "-" and -count or count)
        end
      elseif self:take("%->") then
        self:skip()
        local target = self:target()
        if type(target) == "table" and next(target) == nil then
          e = lpeg.Ct(e)
        else
          e = e / target
        end
      elseif self:take("=>") then
        self:skip()
        e = lpeg.Cmt(e, self:definition(self:take(NAME) or self:fail("a name expected")))
      elseif self:take("~>") then
        self:skip()
        e = lpeg.Cf(e, self:definition(self:take(NAME) or self:fail("a name expected")))
      else
        return e
      end
    end
  end
end

function Reader:prefixed ()
  self:skip()
  -- A name with an arrow behind it begins the next rule.
  if string.find(self.text, "^%a[%w_]*%s*<%-", self.at) then return nil end
  if self:take("&") then return #(self:prefixed() or self:fail("a pattern expected")) end
  if self:take("!") then return -(self:prefixed() or self:fail("a pattern expected")) end
  return self:suffixed()
end

function Reader:sequence ()
  local all
  while true do
    local e = self:prefixed()
    if not e then return all or P(true) end
    all = all and all * e or e
  end
end

function Reader:expression ()
  self.depth = self.depth + 1
  if self.depth > DEPTH_MAX then self:fail("too many levels") end
  local all = self:sequence()
  while true do
    self:skip()
    if not self:take("/") then break end
    all = all + self:sequence()
  end
  self.depth = self.depth - 1
  return all
end

function Reader:grammar ()
  local rules, first = {}, nil
  while true do
    self:skip()
    local name = self:take(NAME .. "%s*<%-")
    if not name then break end
    first = first or name
    if rules[name] then self:fail("rule '" .. name .. "' is there twice") end
    rules[name] = self:expression()
  end
  if not first then return self:expression() end
  for _, name in ipairs(self.used) do
    if not rules[name] then error("rule '" .. name .. "' undefined in given grammar", 0) end
  end
  rules[1] = first
  return P(rules)
end

--- Makes a pattern of a text.
-- @param text The text.
-- @param defs What names stand for: patterns and functions.
-- @return A pattern of LPeg. A text that makes no sense raises an error.
function compile (text, defs)
  if lpeg.type(text) == "pattern" then return text end
  local reader = setmetatable({ text = text, at = 1, definitions = defs, depth = 0, used = {} }, Reader)
  local pattern = reader:grammar()
  reader:skip()
  if reader.at <= #text then reader:fail("unexpected") end
  return pattern
end

--- Matches a subject against a pattern at its beginning.
-- @param subject The subject.
-- @param pattern A text or a compiled pattern.
-- @param init Where to start. Default 1.
-- @return What the pattern captures, or the position behind the match; nil without one.
function match (subject, pattern, init) return lpeg.match(compile(pattern), subject, init or 1) end

--- Looks for a pattern in a subject.
-- @param subject The subject.
-- @param pattern A text or a compiled pattern.
-- @param init Where to start. Default 1.
-- @return The first and the last position, or nil.
function find (subject, pattern, init)
  local inner = lpeg.Cp() * (compile(pattern) / 0) * lpeg.Cp()
  local from, to = lpeg.match(P({ inner + 1 * V(1) }), subject, init or 1)
  if from then return from, to - 1 end
  return nil
end

--- Replaces all matches of a pattern.
-- @param subject The subject.
-- @param pattern A text or a compiled pattern.
-- @param replacement As for LPeg's operator <code>/</code>.
-- @return The changed text.
function gsub (subject, pattern, replacement)
  return lpeg.match(lpeg.Cs((compile(pattern) / replacement + 1) ^ 0), subject)
end

return _ENV
