local idna = require "idna"
local unicode = require "unicode"

local function text (points, message)
  if not points then return points, message end
  return unicode.encode(points, unicode.utf8_enc)
end

check("toASCII", '"xn--bcher-kva.example" "xn--bcher-kva.example" "a.b"', idna.toASCII("bücher.example"),
  idna.toASCII("BÜCHER。Example"), (idna.toASCII("a.b")))
check("sharp s, old and new", '"fass.de" "xn--fa-hia.de"', idna.toASCII("faß.de"), (idna.toASCII("faß.de", false)))
check("toUnicode", '"bücher.example"', text(idna.toUnicode("xn--bcher-kva.example")))
check("Greek and Cyrillic letters", '"βσφ" "мир"', text(idna.toUnicode("ΒΣΦ")), (text(idna.toUnicode("МИР"))))
check("full width", '"abc"', text(idna.toUnicode("ＡＢＣ")))
check("a space", 'nil "idna: U+0020 is not allowed in a name"', idna.toASCII("a b"))
check("an underscore", "nil", (idna.toASCII("a_b")))
check("an underscore without STD3", '"a_b"', (idna.toASCII("a_b", true, true, true, true, false)))
check("hyphens", "nil nil", (idna.toASCII("-a")), (idna.toASCII("ab--c")))
check("too long", 'nil "idna: a label is too long"', idna.toASCII(string.rep("a", 64)))
check("broken punycode", "nil", (idna.toUnicode("xn--a-!")))
local mapped, forbidden = idna.map("A B", true, true, true)
check("map", '{1=97,2=98} {1=32}', mapped, forbidden)

fuzz("names", { "xn--bcher-kva.example", "Bücher。Example" }, function (bytes)
  idna.toASCII(bytes)
  idna.toUnicode(bytes)
end)
