local slaxml = require "slaxml"

-- The events of a text, one after the other.
local function events (xml, options)
  local log = {}
  local function note (name)
    return function (...)
      local words = { name }
      for i = 1, select("#", ...) do words[#words + 1] = tostring((select(i, ...))) end
      log[#log + 1] = table.concat(words, ":")
    end
  end
  slaxml.parser:new({ startElement = note("start"), attribute = note("attr"), closeElement = note("close"),
    text = note("text"), comment = note("comment"), pi = note("pi") }):parseSAX(xml, options)
  return table.concat(log, " ")
end

check("events", [["pi:xml:version='1.0' start:r:urn:a attr:xmlns:urn:a attr:xmlns:b:urn:b attr:k:v&1:urn:b:b ]]
  .. [[attr:q:z:nil:nil start:e:urn:b:b close:e:urn:b:b text: t <AB&euro;  comment: c  text:<raw> close:r:urn:a"]],
  events("<?xml version='1.0'?><!DOCTYPE r [<!ENTITY x 'y'>]><r xmlns='urn:a' xmlns:b=\"urn:b\" b:k='v&amp;1' "
    .. "q = 'z'><b:e/> t &lt;&#65;&#x42;&euro; <!-- c --><![CDATA[<raw>]]></r>"))
check("white space", '"start:a:nil text:x close:a:nil"', events("<a>\n x </a>\n", { stripWhitespace = true }))
check("nothing else is stripped", '"start:a:nil text:  close:a:nil"', events("<a> </a>"))
check("namespaces end with their element", '"start:a:nil start:b:u attr:xmlns:u close:b:u start:b:nil close:b:nil '
  .. 'close:a:nil"', events("<a><b xmlns='u'/><b></b></a>"))
for text, expected in pairs({
  [""] = "", ["no tag"] = "", ["<a"] = "", ["<a b=c>"] = "", ["<a b='1>"] = "", ["<a>x<!-- "] = "start:a:nil text:x",
  ["<a><![CDATA[x"] = "start:a:nil", ["</a>"] = "close:a:nil", ["<1/>"] = "", ["<?xml"] = "",
  ["<!DOCTYPE a [ <b>"] = "", ["<a/><b/>"] = "start:a:nil close:a:nil start:b:nil close:b:nil",
}) do
  check("ends early: " .. text, string.format("%q", expected), events(text))
end
check("byte order mark", '"start:a:nil close:a:nil"', events("\xEF\xBB\xBF<a/>"))
check("references", '"<>&\\"\' A &#0; &#x110000; &unknown; & &;"',
  slaxml.parser.unescape("&lt;&gt;&amp;&quot;&apos; &#x41; &#0; &#x110000; &unknown; & &;"))
-- An element with a namespace of its own in each of many levels.
check("deep", "true", #events(("<a xmlns='u'>"):rep(5000)) < 100000)

local doc = slaxml.parseDOM("<r a='1'><b>t</b> <!--c--><p:c xmlns:p='u'/></r>")
check("document", '"document" "#doc" "r" "1" 2 4', doc.type, doc.name, doc.root.name, doc.root.attr.a, #doc.root.el,
  #doc.root.kids)
check("kids", '"t" "text" "comment" "c" "u" "p"', doc.root.el[1].kids[1].value, doc.root.kids[2].type,
  doc.root.kids[3].value == "c" and doc.root.kids[3].type, doc.root.el[2].name, doc.root.el[2].nsURI,
  doc.root.el[2].nsPrefix)
check("parents", "true true", doc.root.parent == doc, doc.root.el[1].parent == doc.root)
check("simple", '{"kids"={1={"attr"={1={"name"="k","type"="attribute","value"="v"}},"kids"={},"name"="a",'
  .. '"type"="element"}},"name"="#doc","root"={"attr"={1={"name"="k","type"="attribute","value"="v"}},"kids"={},'
  .. '"name"="a","type"="element"},"type"="document"}', slaxml.parseDOM("<a k='v'/>", { simple = true }))
check("end tags in disorder", '2 "c"', #slaxml.parseDOM("<a><b></x></b><c></a>").root.el,
  slaxml.parseDOM("<a><b></x></b><c></a>").root.el[2].name)
check("no element", "nil", slaxml.parseDOM("text").root)

for _, text in ipairs(mutants("<?xml version='1.0'?><!DOCTYPE r [<!ENTITY x 'y'>]><r xmlns='urn:a' xmlns:b=\"urn:b\" b:k='v&amp;1'>"
  .. "<b:e/> t &lt;&#65; <!-- c --><![CDATA[<raw>]]><x><y z='1'>text</y></x></r>", 2000)) do
  local ran, err = pcall(slaxml.parseDOM, text)
  if not ran then check("damaged: " .. text, "true", ran, err) end
end
