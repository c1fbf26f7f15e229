---
-- Reads XML: as a series of events, or into a tree.
--
-- Made for what network services send: there is no validation, document type declarations are skipped, and no entity
-- but the predefined ones and character references is expanded, so nothing outside the text is ever read. A text that
-- ends early or is no XML gives the events of its beginning.
--
-- @usage
-- local parser = slaxml.parser:new({
--   startElement = function (name, nsURI, nsPrefix) print("begin", name) end,
--   attribute = function (name, value, nsURI, nsPrefix) print(name, value) end,
--   closeElement = function (name, nsURI, nsPrefix) print("end", name) end,
--   text = function (text) print(text) end,
--   comment = function (content) end,
--   pi = function (target, content) end,
-- })
-- parser:parseSAX(xml, { stripWhitespace = true })
--
-- @usage
-- local doc = slaxml.parseDOM(xml)
-- print(doc.root.name, doc.root.attr["version"])
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
local utf8 = require "utf8"
_ENV = stdnse.module("slaxml", stdnse.seeall)

local NAME = "[%a_:\128-\255][%w_:.\128-\255-]*"
-- Open elements below which nothing is read: each can add a link to the chain that a namespace is looked up in.
local MAX_DEPTH = 1024

local ENTITIES = { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }

local function entity (body)
  if ENTITIES[body] then return ENTITIES[body] end
  local hex = string.match(body, "^#[xX](%x+)$")
  local decimal = not hex and string.match(body, "^#(%d+)$")
  local code = hex and #hex <= 8 and tonumber(hex, 16) or decimal and #decimal <= 10 and math.tointeger(tonumber(decimal))
  -- An entity that is unknown, or stands for no character, stays as it was written.
  if not code or code == 0 or code > 0x10FFFF then return nil end
  return utf8.char(code)
end

-- Declared outside of parser, as a plain function of the text.
local function unescape (str)
  return (string.gsub(str, "&(#?%w+);", entity))
end

local function strip (s)
  local from = string.match(s, "^%s*()")
  return from > #s and "" or string.match(s, ".*%S", from)
end

local function split_name (name)
  local prefix, rest = string.match(name, "^([^:]+):(.+)$")
  return rest or name, prefix
end

-- The attributes of a tag from at on: array of { name, value }, and where they end.
local function read_attributes (xml, at)
  local list = {}
  while true do
    local name, value_at = string.match(xml, "^%s+(" .. NAME .. ")%s*=%s*()", at)
    if not name then return list, at end
    local value, after = string.match(xml, '^"([^"<]*)"()', value_at)
    if not value then value, after = string.match(xml, "^'([^'<]*)'()", value_at) end
    if not value then return list, at end
    list[#list + 1] = { name, unescape(value) }
    at = after
  end
end

-- The namespaces that hold inside an element: those outside, and what the element declares.
local function with_namespaces (outer, attributes)
  local inner = outer
  for _, attribute in ipairs(attributes) do
    local prefix = attribute[1] == "xmlns" and "" or string.match(attribute[1], "^xmlns:(.+)$")
    if prefix then
      if inner == outer then inner = setmetatable({}, { __index = outer }) end
      inner[prefix] = attribute[2]
    end
  end
  return inner
end

-- What one parse knows: the text, the callbacks, the names and namespaces of open elements.
local Run = {}
Run.__index = Run

function Run:call (event, ...)
  local callback = self.callbacks[event]
  if callback then callback(...) end
end

-- A namespace of nil is left out, and so is a prefix of nil, so that callbacks see as many arguments as there are facts.
local function name_facts (namespaces, name, is_attribute)
  local rest, prefix = split_name(name)
  if prefix then return rest, namespaces[prefix], prefix end
  if is_attribute then return rest end
  return rest, namespaces[""]
end

-- An element's start tag at at; where it ends, or nil.
function Run:start_tag (at)
  local xml = self.xml
  local name, after = string.match(xml, "^<(" .. NAME .. ")()", at)
  if not name then return nil end
  local attributes
  attributes, after = read_attributes(xml, after)
  local slash, stop = string.match(xml, "^%s*(/?)>()", after)
  if not stop then return nil end
  local depth = #self.open
  if depth >= MAX_DEPTH then return nil end
  local namespaces = with_namespaces(depth > 0 and self.open[depth] or {}, attributes)
  self:call("startElement", name_facts(namespaces, name))
  for _, attribute in ipairs(attributes) do
    local key, value = attribute[1], attribute[2]
    if key == "xmlns" or string.find(key, "^xmlns:") then
      self:call("attribute", key, value)
    else
      local rest, uri, prefix = name_facts(namespaces, key, true)
      self:call("attribute", rest, value, uri, prefix)
    end
  end
  if slash == "/" then
    self:call("closeElement", name_facts(namespaces, name))
  else
    self.open[depth + 1] = namespaces
  end
  return stop
end

function Run:end_tag (at)
  local name, stop = string.match(self.xml, "^</(" .. NAME .. ")%s*>()", at)
  if not name then return nil end
  local namespaces = table.remove(self.open) or {}
  self:call("closeElement", name_facts(namespaces, name))
  return stop
end

-- Between "<!" and ">": a comment, a CDATA section, or a declaration, whose inner subset in brackets is skipped too.
function Run:declaration (at)
  local xml = self.xml
  if string.sub(xml, at, at + 3) == "<!--" then
    local from, to = string.find(xml, "-->", at + 4, true)
    if from then self:call("comment", string.sub(xml, at + 4, from - 1)) end
    return from and to + 1
  end
  if string.sub(xml, at, at + 8) == "<![CDATA[" then
    local from, to = string.find(xml, "]]>", at + 9, true)
    if from then self:call("text", string.sub(xml, at + 9, from - 1)) end
    return from and to + 1
  end
  return string.match(xml, "^<![^%[>]*>()", at) or string.match(xml, "^<![^%[>]*%[[^%]]*%]%s*>()", at)
end

function Run:instruction (at)
  local target, after = string.match(self.xml, "^<%?(" .. NAME .. ")%s*()", at)
  local from, to = string.find(self.xml, "?>", after or at, true)
  if not from then return nil end
  if target then self:call("pi", target, string.sub(self.xml, after, from - 1)) end
  return to + 1
end

function Run:text (from, to, options)
  local text = unescape(string.sub(self.xml, from, to))
  if options.stripWhitespace then
    text = strip(text)
    if text == "" then return end
  end
  self:call("text", text)
end

function Run:all (options)
  local xml, at = self.xml, 1
  -- A byte order mark is no text.
  if string.sub(xml, 1, 3) == "\xEF\xBB\xBF" then at = 4 end
  while at <= #xml do
    local tag = string.find(xml, "<", at, true)
    -- Text after the last tag can only be what is left of a tag, or white space.
    if not tag then return end
    if tag > at then self:text(at, tag - 1, options) end
    local second = string.sub(xml, tag + 1, tag + 1)
    if second == "/" then at = self:end_tag(tag)
    elseif second == "!" then at = self:declaration(tag)
    elseif second == "?" then at = self:instruction(tag)
    else at = self:start_tag(tag) end
    if not at then
      stdnse.debug2("slaxml: no XML at byte %d", tag)
      return
    end
  end
end

--- A parser that calls functions.
-- @class table
-- @name parser
parser = {}

--- Makes a parser.
-- @name parser.new
-- @class function
-- @param callbacks A table of functions, all optional: <code>startElement(name, nsURI, nsPrefix)</code>,
--                  <code>attribute(name, value, nsURI, nsPrefix)</code>, <code>closeElement(name, nsURI, nsPrefix)</code>,
--                  <code>text(text)</code>, <code>comment(content)</code>, <code>pi(target, content)</code>.
-- @return The parser.
function parser:new (callbacks)
  return setmetatable({ _call = callbacks or {} }, { __index = self })
end

--- Reads a text and calls the functions.
-- @name parser.parseSAX
-- @class function
-- @param xml The text.
-- @param options Table; with <code>stripWhitespace</code>, texts come without white space at their ends, and not at all
--                if nothing is left.
function parser:parseSAX (xml, options)
  local run = setmetatable({ xml = xml or "", callbacks = self._call, open = {} }, Run)
  run:all(options or {})
end

--- Replaces the predefined entities and character references.
-- @name parser.unescape
-- @class function
-- @param str The text.
-- @return The text without them.
parser.unescape = unescape

--- Reads a text into a tree.
--
-- Nodes are tables with <code>type</code> (document, element, attribute, text, comment or pi) and <code>name</code>.
-- The document and elements have <code>kids</code>, an array of all nodes inside; elements also <code>el</code>, those
-- that are elements, <code>attr</code>, an array of attribute nodes that has the values under their names, too, and
-- <code>nsURI</code> and <code>nsPrefix</code> where they have a namespace. Attributes, texts and the like have
-- <code>value</code>; each node has its <code>parent</code>. The document has the outermost element as
-- <code>root</code>.
-- @param xml The text.
-- @param options As for <code>parser:parseSAX</code>; with <code>simple</code>, nodes have neither <code>parent</code>
--                nor <code>el</code>, and attributes are not there under their names.
-- @return The document.
function parseDOM (xml, options)
  options = options or {}
  local simple = options.simple
  local doc = { type = "document", name = "#doc", kids = {} }
  local current, above = doc, {}
  local function add (node)
    node.parent = not simple and current or nil
    table.insert(current.kids, node)
    return node
  end
  local events = {}
  function events.startElement (name, uri, prefix)
    local element = add({ type = "element", name = name, kids = {}, el = not simple and {} or nil, attr = {},
      nsURI = uri, nsPrefix = prefix })
    if current == doc then
      doc.root = doc.root or element
    elseif not simple then
      table.insert(current.el, element)
    end
    table.insert(above, current)
    current = element
  end
  function events.attribute (name, value, uri, prefix)
    local attribute = { type = "attribute", name = name, value = value, nsURI = uri, nsPrefix = prefix,
      parent = not simple and current or nil }
    table.insert(current.attr, attribute)
    if not simple then current.attr[name] = value end
  end
  function events.closeElement (name)
    -- An end tag that closes nothing, or something else, is passed over.
    if current.name == name and #above > 0 then current = table.remove(above) end
  end
  function events.text (text)
    -- Outside of the outermost element there is only white space.
    if current ~= doc then add({ type = "text", name = "#text", value = text }) end
  end
  function events.comment (content) add({ type = "comment", name = "#comment", value = content }) end
  function events.pi (target, content) add({ type = "pi", name = target, value = content }) end
  parser:new(events):parseSAX(xml, options)
  return doc
end

return _ENV
