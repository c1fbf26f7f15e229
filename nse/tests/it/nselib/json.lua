local json = require "json"
local stdnse = require "stdnse"

-- RFC 8259, 13.
local ok, image = json.parse([[{"Image": {"Width": 800, "Title": "View from 15th Floor", "Animated": false,
  "IDs": [116, 943, 234, 38793], "Thumbnail": {"Url": "http://www.example.com/image/481989943"}}}]])
check("object", 'true 800 "View from 15th Floor" false 38793', ok, image.Image.Width, image.Image.Title,
  image.Image.Animated, image.Image.IDs[4])
check("numbers", "true {1=0,2=-1,3=2.5,4=-300.0,5=1e+20}", json.parse("[0, -1, 2.5, -3e2, 1E20]"))
check("words", "true {1=true,2=false}", json.parse(" [true,false] "))
ok, image = json.parse("[null]")
check("null", "true true", ok, image[1] == json.NULL)
check("escapes", [[true "\"\\/\8\12\
\13\9A]] .. "\u{e9}\u{1F600}\"", json.parse([["\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude00"]]))
check("byte order mark", "true {}", json.parse("\xEF\xBB\xBF{}"))
check("white space", 'true {"a"={}}', json.parse('\t{ "a"\r\n: [ ] }\n'))

for _, text in ipairs({ "", "[1,2", "nul", "[1,]", "[1] x", "{'a':1}", '{"a":1,}', '{"a" 1}', '"\\ud83d"', '"\\ud83dx"',
  '"abc', '"abc\\', '"\\u12"', "-", "[1 2]", "{1:2}", "\0" }) do
  check("error " .. text, "false", (json.parse(text)))
end
check("message", 'false "syntax error at byte 5: \',\' or \']\' expected"', json.parse("[1,2"))
check("no text", 'false "string expected, got nil"', json.parse(nil))
check("deep", "true", (json.parse(("["):rep(256) .. ("]"):rep(256))))
check("too deep", 'false "syntax error at byte 257: nested too deeply"', json.parse(("["):rep(100000)))

check("kinds", '"null" "array" "object" "object" "array" "string" "number" "nil"', json.typeof(json.NULL),
  json.typeof(json.make_array({})), json.typeof(json.make_object({ 1 })), json.typeof({}), json.typeof({ 1 }),
  json.typeof(""), json.typeof(1), json.typeof(nil))
local _, empty = json.parse('{"a": [], "o": {}}')
check("kinds of what was read", '"array" "object" "{\\"a\\": [], \\"o\\": {}}"', json.typeof(empty.a),
  json.typeof(empty.o), json.generate(empty))

check("array", '"[1, 2.5, \\"x\\", [true, null]]"', json.generate({ 1, 2.5, "x", { true, json.NULL } }))
check("names are sorted", '"{\\"a\\": 1, \\"b\\": 2, \\"c\\": 3}"', json.generate({ c = 3, a = 1, b = 2 }))
check("quoting", [["\"\\\"\\\\\\n\\u0001]] .. "\u{e9}/\\\"\"", json.generate('"\\\n\1\u{e9}/'))
local ordered = stdnse.output_table()
ordered.z, ordered.a = 1, nil
ordered.b = 2
check("order of the table's own", '"{\\"z\\": 1, \\"b\\": 2}"', json.generate(ordered))
raises("no form in JSON", json.generate, print)
raises("no form in JSON", json.generate, nil)
raises("finite", json.generate, 0 / 0)
local loop = {}
loop[1] = loop
raises("inside itself", json.generate, loop)
local both, again = json.parse(json.generate({ a = { 1, { b = "\0\31\u{1F600}" } } }))
check("round trip", [[true {"a"={1=1,2={"b"="\0\31]] .. "\u{1F600}\"}}}", both, again)

for _, text in ipairs(mutants('{"a": [1, -2.5e3, "x\\u00e9\\ud83d\\ude00\\n", true, null], "b": {"c": {}}}', 2000)) do
  local ran, good, got = pcall(json.parse, text)
  if not ran then check("damaged: " .. text, "true", ran, good) end
  -- What was read can be written, and read again. Numbers that are too large for JSON are read, yet not written.
  if ran and good and not pcall(json.generate, got) then
    check("written again: " .. text, "true", text:find("[eE]%d") ~= nil or text:find("%d%d%d%d") ~= nil)
  end
end
