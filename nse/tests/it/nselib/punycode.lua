local punycode = require "punycode"
local unicode = require "unicode"

local function points (text) return unicode.decode(text, unicode.utf8_dec) end

-- RFC 3492, section 7.1, and names in use.
for text, code in pairs({
  ["bücher"] = "bcher-kva",
  ["münchen"] = "mnchen-3ya",
  ["他们为什么不说中文"] = "ihqwcrb4cv8a8dqg056pqjye",
  ["他們爲什麽不說中文"] = "ihqwctvzc91f659drss3x8bo0yb",
  ["почемужеонинеговорятпорусски"] = "b1abfaaepdrnnbgefbadotcwatmq2g4l",
  ["3年b組金八先生"] = "3b-ww4c5e180e575a65lsy2b",
  ["tạisaohọkhôngthểchỉnóitiếngviệt"] = "tisaohkhngthchnitingvit-kjcr8268qyxafd2f1b9g",
}) do
  equal(punycode.encode_input(points(text)), code, "encode " .. text)
  equal(punycode.decode_input(code), points(text), "decode " .. code)
  equal(punycode.encode_label(text), "xn--" .. code, "label " .. text)
  equal(punycode.decode_label("XN--" .. code), points(text), "label " .. code)
end
check("ASCII stays", '"abc"', punycode.encode_label(points("abc")))
equal(punycode.decode_label("abc"), points("abc"), "no punycode")
check("bad digit", 'nil "punycode: bad digit"', punycode.decode_input("a-!"))
check("overflow", 'nil "punycode: overflow"', punycode.decode_input("99999999"))
check("cut off", 'nil "punycode: bad digit"', punycode.decode_input("a-z"))
check("too long", 'nil "punycode: too long"', punycode.decode_input(string.rep("a", 5000)))

fuzz("labels", { "xn--ihqwcrb4cv8a8dqg056pqjye", "xn--bcher-kva", "bücher" }, function (bytes)
  punycode.decode_label(bytes)
  punycode.encode_label(bytes)
end)
